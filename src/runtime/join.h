/* runtime/join.h - namespaces that are not the container's own: those of a running container it joins
 * ("container:NAME" of Docker's modes). The plan gives that container's run folder. */
#pragma once

#include <stdint.h>

#include "runtime/enter.h"

/* Flag for clone and setns, and the file below /proc/PID/ns. */
struct ns_word {
	const char *kind; /* in the plan */
	const char *file;
	uint64_t flag;
};

extern const struct ns_word ns_words[NS_KIND_COUNT];

/* Reads the plan's "ns" items into private_ns and joined. ERR_CONFLICT when a container that is to be
 * joined does not run. A namespace that turns out to be the host's is not joined: it is ours already. */
int joins_open(struct enter *e, struct err *err);
void joins_close(struct enter *e);

/* Whether process pid has another namespace of this kind than we; -errno. */
int namespace_differs(pid_t pid, const char *file);
