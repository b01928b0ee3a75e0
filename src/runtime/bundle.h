/* runtime/bundle.h - containers that crun or runc run, out of a bundle (the OCI runtime specification's folder
 * of config.json and rootfs).
 *
 * The monitor's child does what it does for every container up to the point where the root stands with
 * its mounts, in the namespaces that the plan asks for. Then it becomes the container's keeper instead
 * of its program: it is pid 1 of a pid namespace around the container's, has the runtime create and
 * start the container inside, collects the container's first process and ends as that one ended. So
 * such a container dies with its monitor like any other: the kernel kills the keeper, and with it all
 * that is in its pid namespace.
 *
 * Keeper and runtime are not in the container's cgroup: the monitor takes the keeper out of it before
 * the runtime is called, and puts into it what that has created before it is started.
 *
 * Bundle and state of the runtime lie on a tmpfs in the keeper's mount namespace, where nobody else
 * sees them and nothing stays of them. "delete" of the runtime is never needed. */
#pragma once

#include "runtime/enter.h"

#define BUNDLE_ROOT "rootfs"
#define BUNDLE_INIT                                                                                \
	"/dev/init" /* where dayfly-init is seen in the container: /dev is no part of its layer */

/* The text of config.json. What the plan asks for is in it as far as it is not done yet: who, env and root are
 * filled, the root's mounts are made, names and parameters of the kernel are set. */
int bundle_config(const struct enter *e, struct buf *out, struct err *err);
/* The object "seccomp" of config.json for e's caps: the default profile. */
void bundle_seccomp(uint64_t caps, struct buf *out);

/* Whether a place is left to the runtime's mounts: /proc, which shows the innermost pid namespace, and all below. */
bool bundle_covers(const struct plan *plan, const char *path);

/* Whether a device is one that each runtime shows without being asked (the specification's default devices). */
bool bundle_shows(const struct plan *plan, const char *device);

/* What the runtime has complained of: the last message of its log (JSON, an object a line), "" if there is
 * none. Cut to the room; control characters become blanks. */
void bundle_complaint(const char *log, char *ret, size_t room);
/* Docker's exit code for a start that failed with this message. */
int bundle_exit_code(const char *message, const char *program);
