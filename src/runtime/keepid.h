/* runtime/keepid.h - "keep-id": inside the container this user has the ids it has outside.
 *
 * All containers share one user namespace, in which the user is root (userns.c). A container that
 * keeps ids has another one below that, with the user's own id in its place and those around it
 * shifted by one. Only the container's processes enter it, as late as possible: its namespaces and
 * mounts belong to the shared one, so nothing else is different for it, and its root has no say over
 * them. The files of images are stored for the shared namespace; fuse-overlayfs, which is told the
 * same rows, shows them as they should be seen (docs/decisions/025-keep-id.md). */
#pragma once

#include "base/buf.h"
#include "runtime/enter.h"

/* The parent's part: the namespace, or FD_NONE if the plan asks for none. */
int keepid_make(const struct plan *plan, int *ret, struct err *err);
/* Options for the server of the root, ",uidmapping=…,gidmapping=…", or nothing. */
void keepid_server_options(const struct plan *plan, struct buf *options);

/* Up to three rows of an id map, "INSIDE OUTSIDE COUNT", with sep between the numbers and end after
 * each row but the last. own: the user's id inside; count: of ids mapped outside, at least 2. */
void keepid_rows(struct buf *out, uint64_t own, uint64_t count, char sep, char end);
