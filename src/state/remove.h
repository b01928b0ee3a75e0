/* state/remove.h - taking a container off the disk, for the switchboard (stopped ones) and the
 * monitor (auto-remove, remove while it lives). */
#pragma once

#include "base/err.h"
#include "state/dirs.h"

/* Moves data/containers/ID to trash/ (or to removed/: state/removed.h), releases its name if it is still this container's, removes the
 * run folder and its exec links. All by renaming: freeing a file's blocks can take a millisecond
 * each (ext4 with discard), and nobody should wait for that. After it the container is gone for every reader, durably unless
 * nobody could tell (fast != 0: no fsync, for auto-remove). Blocks are freed later by trash_sweep().
 * The caller holds dirs_lock(). -ENOENT if it was gone already. */
int container_take_away(
	const struct dirs *d, const char *id, const char *name, bool fast, struct err *err);

/* Moves dir/name to trash/ under a fresh name (rename only, same file system). */
int trash_put(const struct dirs *d, int dir, const char *name);
/* Frees what lies in both trees' trash/. Files of other ids need a caller inside the user namespace
 * (monitor, worker). 0 when empty, 1 when something is left. */
int trash_sweep(const struct dirs *d);
