/* worker/view.h - a container's files as it sees them: its root with everything mounted there, whether it
 * runs or not (runtime/files.h).
 *
 * One that runs is looked at through its own mounts, which stay as they are for as long as the view is
 * open, though it may end meanwhile. For one that does not, its root and its binds are put together: for
 * reading so that it may start at any time, for writing so that a start waits. Volumes in memory begin
 * and end with a run, and are not there. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "worker/work.h"

struct view {
	int root;    /* O_PATH */
	int mounts;  /* keeps those of a running container; else FD_NONE */
	int lock;    /* of the files, where a start has to wait; else FD_NONE */
	char *upper; /* with it: what is to be taken apart before it goes */
	bool runs;
	bool read_only; /* what does not lie in a mount of its own is not to be written to */
};

/* The container of the word id=; joins the user namespace. ERR_NOT_FOUND if it was removed meanwhile. */
int view_open(struct work *w, bool write, struct view *ret, struct err *err);
/* Whatever was opened below the root is closed by now. */
void view_close(struct view *v);
#define VIEW_NONE ((struct view){ .root = FD_NONE, .mounts = FD_NONE, .lock = FD_NONE })
#define auto_view __attribute__((cleanup(view_close)))
