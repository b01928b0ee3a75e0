/* runtime/files.h - a container's files for who works on them from outside: all it sees mounted, under one
 * descriptor, below which paths are opened with path_open_in_root().
 *
 * The caller stays where it is. Neither its root nor its working directory ever lies in the container,
 * so that nothing a library looks up by name can come from there. It has entered the user namespace and
 * has one thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "state/plan.h"

/* The lock on a container's own layer, its upper folder: held by whoever puts a root together over it
 * to write there. Two such overlays at a time would spoil each other. A starting container holds it
 * until its program is executed; so who has it, and reads that the container does not run, knows that
 * none begins to. ms: how long to wait, -1 for ever. A descriptor, -EWOULDBLOCK or -errno. */
int files_lock(const char *upper, int ms);

/* Before the work folder of a volatile overlay is mounted again. The kernel has marked it, and mounts none
 * with the mark, because after a power cut its files may be incomplete: such a container or build does not
 * outlive one. */
void overlay_renew(int work);

/* What the process sees, the first of a container that runs: the root of its mount namespace, whatever
 * it has made its own. ret_mounts keeps what is mounted there until it is closed, even when the
 * container ends before.
 * -EAGAIN: it is still being put together, and would be the host's root. -ESRCH: it is gone. */
int files_of_process(pid_t pid, uint64_t start, int *ret_mounts, int *ret_root);

/* Of one that does not run: the root and its binds, assembled in a mount namespace of the caller's own,
 * which goes when the caller and *ret_root do. The caller has the lock. *shared comes as: the files are
 * only read. It comes back as: what had to be made for the mounts went to memory, so that all this does
 * no harm beside a run and the lock may go. Otherwise it has to be kept. */
int files_assemble(const struct plan *plan, bool *shared, int *ret_root, struct err *err);
/* Takes apart what lies over the upper folder then, so that a start finds nothing of it. The caller has
 * closed what it had open there. */
void files_take_apart(const char *upper);
