/* worker/leftovers.h - what a crash leaves behind, and taking it away. The caller has entered the user
 * namespace. */
#pragma once

#include "base/err.h"
#include "state/dirs.h"

/* Moves to trash/ layers whose unpacking ended with its process: layers/.tmp-ID that nobody holds locked; the
 * folders of builds, which are held the same way. Takes dirs_lock(). First come the containers of such a build's steps: they
 * are told by their layer, a link to a folder that nobody holds any more. */
void layers_drop_unfinished(const struct dirs *d);
/* Containers that were never completed (no config.json), names and run folders without a container,
 * volumes likewise,
 * temporary files of records. Takes dirs_lock(). Returns how many things were taken away, or -errno. */
int containers_drop_unfinished(const struct dirs *d, struct err *err);
