/* worker/work.h - what every job of this program gets. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "registry/auth.h"
#include "state/dirs.h"
#include "worker/answer.h"

struct work {
	struct dirs dirs;
	bool single_id; /* the user namespace maps one id alone */
	struct answer answer;
	const char *const *words; /* of the command line after the job's name, NULL-ended */
};

/* The value of KEY=VALUE among the words, or missing. The n-th such word for repeated ones. */
const char *work_get(const struct work *w, const char *key, const char *missing);
const char *work_get_nth(const struct work *w, const char *key, size_t n);
/* Enters the user's namespace. Before any thread exists. */
int work_enter(struct work *w, struct err *err);
/* The first line of standard input, X-Registry-Auth as the client has sent it.
 * ERR_INVALID: it is no good; *ret is anonymous then. */
int work_credentials(struct credentials *ret, struct err *err);
/* Reads standard input to its end for nothing: a client writes its whole body before it reads the
 * answer, even one that tells of an error in the first byte. */
void work_drain(void);
/* In the background of a finished answer: sends everything to the disk, then marks the layers as safe
 * (oci/layer.h). */
void work_sync_layers(const struct dirs *d);
