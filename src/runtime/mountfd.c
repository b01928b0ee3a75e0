#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/mountfd.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int mount_clone(int dir, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	long fd;

	if (recursive)
		flags |= AT_RECURSIVE;
	fd = syscall(SYS_open_tree, dir, path, flags);
	return fd < 0 ? -errno : (int)fd;
}

int mount_change(int mount, bool recursive, uint64_t flags, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = flags, .propagation = propagation };
	unsigned at = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	if (syscall(SYS_mount_setattr, mount, "", at, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_attach(int mount, int target)
{
	if (syscall(SYS_move_mount, mount, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
