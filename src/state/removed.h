/* state/removed.h - what is kept of removed containers for a while: data/removed/ID/ with the container's
 * config.json, last status and log, and its own files if that is wanted. Off unless the user says for how
 * long (dayfly-config(5), or a label), and never in anybody's way: the container is gone for every list,
 * its name is free.
 *
 * A container that is to be kept has a file "kept" in its folder when it is taken away; container_take_away()
 * then renames the folder into removed/ instead of trash/. So whatever is interrupted, it is in one of the
 * two places, whole. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/dirs.h"
#include "state/status.h"

struct removed_limits {
	int64_t time;  /* ns; 0: nothing is kept */
	int64_t count; /* of containers, the newest ones */
	int64_t bytes; /* of all of them, as they take up on the disk */
	bool diff;     /* their own files, too */
};

#define REMOVED_COUNT_DEFAULT 100
#define REMOVED_BYTES_DEFAULT (INT64_C(256) << 20)

/* Marks the container for being kept; dir: its folder below data, st: its end. To be called before it is
 * taken away, with limits->time > 0. */
int removed_mark(int dir, const struct status *st, const struct removed_limits *limits);
/* For container_take_away(): moves the folder if it is marked. 1: it is not. */
int removed_put(const struct dirs *d, int containers, const char *id);

/* The folder of a container of which something is kept, and not too old. A descriptor or -ENOENT. */
int removed_open(const struct dirs *d, const char *id);
/* Moves what is too old, too much or half-made to trash/. limits NULL: only what is too old. A caller
 * inside the user namespace sees all files' sizes. */
void removed_sweep(const struct dirs *d, const struct removed_limits *limits);
