/* runtime/rootfs.c - the container's root: an overlay of the image's layers and its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "runtime/enter.h"
#include "runtime/files.h"
#include "runtime/fuse.h"
#include "runtime/mountfd.h"
#include "runtime/report.h"

#define OVERLAY_DATA_MAX 4096 /* mount(2) takes one page of text */
#define CLAIM_MS                                                                                   \
	10000 /* somebody copies files into the container: worth waiting for, not for ever */
#define WORK_MS 60000 /* its last run is being written to the disk */

/* Private, unless some bind asks to see what the host mounts later: then the tree is a slave of the
 * host's, and every other copy taken from it is made private by itself. */
int mounts_private(struct enter *e, struct err *err)
{
	e->propagation = MS_PRIVATE;
	plan_foreach (m, e->plan, "mount")
		if (strstr(m->words[3], "slave") || strstr(m->words[3], "shared"))
			e->propagation = MS_SLAVE;
	if (mount(NULL, "/", NULL, MS_REC | e->propagation, NULL) < 0)
		return rt_sys(err, errno, "detach from the host's mounts");
	return 0;
}

static int open_folder(const char *path, int *ret, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return rt_sys(err, errno, "open %s", path);
	*ret = fd;
	return 0;
}

/* Layers are named by descriptor: that keeps 127 of them below a page, needs no quoting, and the
 * container cannot read the host's paths in its mount table. The descriptors stay open until exec. */
static int add_layers(const struct plan *plan, struct buf *data, struct err *err)
{
	const char *before = "lowerdir=";

	plan_foreach (it, plan, "lower") {
		char name[FD_PATH];
		int fd = FD_NONE, r;

		r = open_folder(it->words[0], &fd, err);
		if (r < 0)
			return r;
		buf_printf(data, "%s%s", before, fd_path(fd, name));
		before = ":";
	}
	return 0;
}

/* The mount point is the container's own upper folder: nothing else is below it, and the overlay has
 * it open already. */
static int overlay_mount(struct enter *e, int upper, int work, struct err *err)
{
	char upper_name[FD_PATH], work_name[FD_PATH];
	auto_buf struct buf data = { 0 };
	int r;

	r = add_layers(e->plan, &data, err);
	if (r < 0)
		return r;
	buf_printf(&data, ",upperdir=%s,workdir=%s,userxattr", fd_path(upper, upper_name),
		fd_path(work, work_name));
	if (plan_has(e->plan, "volatile")) {
		overlay_renew(work);
		buf_adds(&data, ",volatile");
	}
	if (data.len >= OVERLAY_DATA_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "the image has too many layers");
	/* "userxattr" makes it mountable in a user namespace, Linux 5.11 */
	if (mount("overlay", upper_name, "overlay", 0, data.data) < 0)
		return rt_sys(err, errno, "mount overlay");
	return 0;
}

/* The kernel's own, or else the program: overlayfs wants Linux 5.11 and a file system below that can
 * carry it, which NFS for one cannot. The plan may insist on either. */
static int layers_mount(struct enter *e, const char *path, int upper, struct err *err)
{
	const char *storage = plan_get(e->plan, "storage", "");
	auto_fd int work = FD_NONE;
	struct err kernel, fuse = { 0 };
	int r;

	if (str_eq(storage, "fuse-overlayfs"))
		return fuse_root_mount(e, path, err);
	work = files_lock(plan_get(e->plan, "work", ""), WORK_MS);
	if (work < 0)
		return rt_sys(err, work, "lock the overlay's work folder");
	r = overlay_mount(e, upper, work, err);
	if (r == 0)
		e->work = take_fd(&work);
	if (r == 0 || str_eq(storage, "overlayfs"))
		return r;
	if (fuse_root_mount(e, path, &fuse) == 0)
		return 0;
	kernel = *err;
	return err_set(err, ERR_SYSTEM, -r, "%.100s; instead of it: %.140s", kernel.msg, fuse.msg);
}

static int plain_mount(int upper, struct err *err)
{
	auto_fd int tree = mount_clone(upper, "", false);
	int r = tree < 0 ? tree : mount_attach(tree, upper);

	return r < 0 ? rt_sys(err, r, "mount the empty root") : 0;
}

/* Held until the program is executed: by then the record says that the container runs. */
int root_claim(struct enter *e, struct err *err)
{
	int lock = files_lock(plan_get(e->plan, "upper", ""), CLAIM_MS);

	if (lock == -EWOULDBLOCK)
		return enter_fail(e, err, BLAME_REQUEST, 128, EBUSY,
			"files are being copied into the container: try again when that is done");
	return lock < 0 ? rt_sys(err, lock, "lock the container's files") : 0;
}

/* See struct rt_process. */
int root_leave(struct enter *e, struct err *err)
{
	int r;

	if (e->work < 0)
		return 0;
	r = report_send(e->report, &(struct report){ .kind = REPORT_WORK }, e->work);
	if (r == 0)
		r = report_send(e->report, &(struct report){ .kind = REPORT_ROOT }, e->root);
	return r < 0 ? rt_sys(err, r, "tell the monitor") : 0;
}

int root_assemble(struct enter *e, struct err *err)
{
	const char *upper_path = plan_get(e->plan, "upper", "");
	auto_fd int upper = FD_NONE;
	int r;

	r = open_folder(upper_path, &upper, err);
	if (r < 0)
		return r;
	r = plan_has(e->plan, "lower") ? layers_mount(e, upper_path, upper, err)
				       : plain_mount(upper, err);
	if (r < 0)
		return r;
	return open_folder(
		upper_path, &e->root, err); /* the name now leads to what is on top of it */
}

/* The old root ends up below the new one at the same place, and is let go. */
int root_pivot(struct enter *e, struct err *err)
{
	int root;

	if (fchdir(e->root) < 0)
		return rt_sys(err, errno, "enter the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return rt_sys(err, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return rt_sys(err, errno, "let the host's files go");
	if (chdir("/") < 0)
		return rt_sys(err, errno, "enter the root");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return rt_sys(err, errno, "open the root");
	(void)fd_close(e->root);
	e->root = root;
	return 0;
}

int root_readonly(struct enter *e, struct err *err)
{
	int r;

	if (!plan_has(e->plan, "readonly-root"))
		return 0;
	r = mount_remount(e->root, "/", MOUNT_RDONLY);
	return r < 0 ? rt_sys(err, r, "make the root read-only") : 0;
}
