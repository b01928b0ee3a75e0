/* runtime/mountfd.h - mounts handled by descriptor (Linux 5.2): what is mounted where was opened
 * before, so that no path is walked twice. glibc has wrappers only since 2.36. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MOUNT_RDONLY 0x1u
#define MOUNT_NOSUID 0x2u
#define MOUNT_NODEV  0x4u
#define MOUNT_NOEXEC 0x8u

/* A detached copy of the mount that path (below dir, or dir itself if "") lies in, with what is
 * mounted below it if recursive. A descriptor or -errno. */
int mount_clone(int dir, const char *path, bool recursive);
/* Attaches a detached mount on what target has open. */
int mount_attach(int tree, int target);
/* Sets flags (MOUNT_…) and, if not 0, propagation (MS_PRIVATE, MS_SLAVE, MS_SHARED) of an attached
 * mount. Flags that are set already stay: in a user namespace the host's are locked. */
int mount_change(int tree, bool recursive, uint64_t flags, uint64_t propagation);
/* The same flags for a single mount, which has a name: needs no /proc, as mount_change() does before
 * Linux 5.12. */
int mount_remount(int tree, const char *name, uint64_t flags);
