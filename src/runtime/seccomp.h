/* runtime/seccomp.h - the filter a container's processes run under. */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#include "base/err.h"
#include "state/dirs.h"
#include "state/plan.h"

struct seccomp_filter {
	struct sock_filter *code; /* NULL: unconfined */
	size_t count;
};

void seccomp_filter_clear(struct seccomp_filter *f);
#define auto_seccomp __attribute__((cleanup(seccomp_filter_clear)))

/* The filter the plan asks for. A custom profile that is not compiled yet is handed to the worker
 * (beside the running program), which leaves the result beside the profile for the next start. */
int seccomp_filter_prepare(
	const struct plan *plan, uint64_t caps, struct seccomp_filter *ret, struct err *err);
/* Beside the filter the worker leaves the profile as the OCI runtime specification has it, with what applies here
 * to somebody with these capabilities. Its name; owned. */
char *seccomp_rules_name(const char *profile, uint64_t caps);
/* For this process and what it executes; needs CAP_SYS_ADMIN or no-new-privileges. 0 or -errno. */
int seccomp_filter_load(const struct seccomp_filter *f);

/* seccomp_bpf.c: the default profile for somebody with these capabilities. */
void seccomp_filter_default(uint64_t caps, struct seccomp_filter *ret);
