#include "build/inside.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "oci/layer.h"

#define OVERLAY_DATA_MAX 4096 /* mount(2) takes one page of text */

/* From the top down; a layer an image holds twice is stacked once, as in core/compile.c. */
static char **layer_paths(const struct dirs *d, char *const *diff_ids)
{
	char **paths = NULL;

	for (size_t i = strv_len(diff_ids); i > 0; i--) {
		char *path = layer_path(d, diff_ids[i - 1]);

		if (strv_has(paths, path))
			free(path);
		else
			strv_add_take(&paths, path);
	}
	return paths;
}

/* Layers are named by descriptor, as in runtime/rootfs.c; the child's end closes them. */
static int add_lower(char *const *paths, struct buf *data, struct err *err)
{
	const char *before = "lowerdir=";

	for (; paths && *paths; paths++) {
		int fd = open(*paths, O_PATH | O_DIRECTORY); /* stays */

		if (fd < 0)
			return err_sys(err, errno, "open %s", *paths);
		buf_printf(data, "%s/proc/self/fd/%d", before, fd);
		before = ":";
	}
	return 0;
}

static int overlay(const struct buf *data, const char *at, struct err *err)
{
	if (data->len >= OVERLAY_DATA_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "the image has too many layers");
	if (mount("overlay", at, "overlay", 0, data->data) < 0)
		return err_sys(err, errno, "mount overlay");
	return 0;
}

static int open_folder(const char *path, int *ret, struct err *err)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, errno, "open %s", path) : 0;
}

/* Writable, with the new layer's folder on top; where that is, the stack is mounted. */
static int stack_writable(
	struct build *b, const struct inside_what *what, int *ret, struct err *err)
{
	auto_strv char **paths = layer_paths(&b->work->dirs, what->below);
	auto_free char *upper = xasprintf("%s/diff", what->tree->path);
	auto_free char *work = xasprintf("%s/work", what->tree->path);
	auto_buf struct buf data = { 0 };
	auto_fd int up = FD_NONE, wk = FD_NONE;
	int r = 0;

	if (paths) {
		r = add_lower(paths, &data, err);
		if (r == 0 && mkdir(work, 0700) < 0 && errno != EEXIST)
			r = err_sys(err, errno, "make %s", work);
		if (r == 0)
			r = open_folder(upper, &up, err);
		if (r == 0)
			r = open_folder(work, &wk, err);
		if (r < 0)
			return r;
		buf_printf(&data, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,userxattr",
			up, wk);
		r = overlay(&data, upper, err);
	}
	return r < 0 ? r : open_folder(upper, ret, err);
}

/* To look at only. Overlayfs without an upper folder wants two below. */
static int stack_to_read(
	struct build *b, char *const *diff_ids, const char *name, int *ret, struct err *err)
{
	auto_strv char **paths = layer_paths(&b->work->dirs, diff_ids);
	auto_free char *at = xasprintf("%s/%s", b->scratch.path, name);
	auto_buf struct buf data = { 0 };
	int r;

	if (mkdir(at, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make %s", at);
	if (strv_len(paths) == 1)
		return open_folder(paths[0], ret, err);
	if (!paths)
		return open_folder(at, ret, err);
	r = add_lower(paths, &data, err);
	if (r == 0) {
		buf_adds(&data, ",userxattr");
		r = overlay(&data, at, err);
	}
	return r < 0 ? r : open_folder(at, ret, err);
}

static int visit(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, struct err *err)
{
	struct inside i = { .root = FD_NONE, .from = what->from_dir };
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "detach from the host's mounts");
	if (what->tree)
		r = stack_writable(b, what, &i.root, err);
	else if (what->below)
		r = stack_to_read(b, what->below, "root", &i.root, err);
	if (r == 0 && what->from_layers)
		r = stack_to_read(b, what->from_below, "from", &i.from, err);
	return r < 0 ? r : fn(&i, arg, err);
}

/* The child tells its failure as it is; nothing and exit code 0 is success. */
static _Noreturn void child(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, int pipe_end)
{
	struct err err = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (visit(b, what, fn, arg, &err) == 0)
		_exit(EXIT_SUCCESS);
	(void)fd_write_all(pipe_end, &err, sizeof(err));
	_exit(EXIT_FAILURE);
}

int inside_run(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, struct err *err)
{
	struct err why = { 0 };
	int ends[2], status;
	pid_t pid;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		child(b, what, fn, arg, ends[1]);
	(void)fd_close(ends[1]);
	if (pid < 0) {
		(void)fd_close(ends[0]);
		return err_sys(err, errno, "fork");
	}
	n = fd_read_upto(ends[0], &why, sizeof(why));
	(void)fd_close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n == (ssize_t)sizeof(why)) {
		if (err)
			*err = why;
		return -why.sys;
	}
	if (status != 0)
		return err_set(err, ERR_SYSTEM, ECHILD, "the process that copies files was killed");
	return 0;
}
