/* runtime/fuse.h - the root as fuse-overlayfs(1) assembles it, where the kernel's overlayfs does not.
 *
 * The container's first process makes the mount, and its parent starts the server for it: so the
 * mount is the container's alone, and the server is out of its reach, among the monitor's processes.
 * It ends by itself with the mount, after everything written has arrived; as the kernel unmounts
 * before it tells of the last process's end, nobody has to wait for it. */
#pragma once

#include "base/err.h"
#include "state/plan.h"

struct enter;

/* The child's part: mounts on path, sends the descriptor as REPORT_FUSE, waits until it is served. */
int fuse_root_mount(struct enter *e, const char *path, struct err *err);
/* The same in two parts, for other places than a container's root: the descriptor is for a server, and nobody
 * else may keep it open when that is waited for. */
int fuse_mount(const char *path, int *ret, struct err *err);
int fuse_await(const char *path, struct err *err);
/* The parent's: a server for what REPORT_FUSE brought. Of the plan it wants lower, and upper and work unless
 * nothing is to be written. It must not be in the mount's own namespace, which would never end then. */
int fuse_root_serve(const struct plan *plan, int fuse, struct err *err);
