#include "build/inside.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "oci/layer.h"
#include "runtime/files.h"
#include "runtime/fuse.h"
#include "state/plan.h"

#define OVERLAY_DATA_MAX 4096 /* mount(2) takes one page of text */

enum which { ROOT, FROM };

static const char *const names[] = {
	[ROOT] = "root", [FROM] = "from"
}; /* where they are mounted */

/* Layers that are mounted on a folder of the build, one above the other. */
struct stack {
	enum which which;
	char **lower;                  /* paths, top first; owned */
	const struct stage_tree *tree; /* on top of them, written to; NULL: none */
};

/* What a child tells. */
struct message {
	enum { SERVE, FAILED } kind;
	enum which which; /* SERVE: wants a fuse-overlayfs for the descriptor that comes along */
	struct err err;   /* FAILED */
};

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

static struct stack stack_of(struct build *b, const struct inside_what *what, enum which which)
{
	return (struct stack){
		.which = which,
		.lower =
			layer_paths(&b->work->dirs, which == ROOT ? what->below : what->from_below),
		.tree = which == ROOT ? what->tree : NULL,
	};
}

/* ---- the kernel's overlayfs */

/* Folders are named by descriptor, as in runtime/rootfs.c; the child's end closes them. */
static int add_folder(struct buf *data, const char *before, const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY); /* stays */

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	buf_printf(data, "%s/proc/self/fd/%d", before, fd);
	return 0;
}

static void renew(int tree)
{
	auto_fd int work = openat(tree, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (work >= 0)
		overlay_renew(work);
}

static int mount_overlay(const struct stack *s, const char *at, struct err *err)
{
	auto_buf struct buf data = { 0 };
	const char *before = "lowerdir=";
	int r = 0;

	for (char **l = s->lower; r == 0 && l && *l; l++) {
		r = add_folder(&data, before, *l, err);
		before = ":";
	}
	if (s->tree) {
		auto_free char *upper = xasprintf("%s/diff", s->tree->path);
		auto_free char *work = xasprintf("%s/work", s->tree->path);

		if (r == 0)
			r = add_folder(&data, ",upperdir=", upper, err);
		if (r == 0)
			r = add_folder(&data, ",workdir=", work, err);
		renew(s->tree->dir);
		buf_adds(&data, ",volatile"); /* what is kept of it is written out as a layer */
	}
	if (r < 0)
		return r;
	buf_adds(&data, ",userxattr");
	if (data.len >= OVERLAY_DATA_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "the image has too many layers");
	if (mount("overlay", at, "overlay", 0, data.data) < 0)
		return err_sys(err, errno, "mount overlay");
	return 0;
}

/* ---- fuse-overlayfs instead (runtime/fuse.h) */

/* The server is the parent's: here it would hold the mount namespace, and the mount would hold it. */
static int mount_fuse(const struct stack *s, const char *at, int parent, struct err *err)
{
	const struct message m = { .kind = SERVE, .which = s->which };
	int fuse, r = fuse_mount(at, &fuse, err);

	if (r < 0)
		return r;
	r = fd_send(parent, &m, sizeof(m), &fuse, 1, 0);
	(void)fd_close(fuse);
	return r < 0 ? err_sys(err, r, "mount fuse-overlayfs") : fuse_await(at, err);
}

static int serve(struct build *b, const struct inside_what *what, enum which which, int fuse,
	struct err *err)
{
	struct stack s = stack_of(b, what, which);
	auto_strv char **lower = s.lower;
	auto_buf struct buf text = { 0 };
	auto_plan struct plan plan = { 0 };
	size_t len;
	int r;

	plan_add(&text, "plan", "1");
	for (char **l = lower; l && *l; l++)
		plan_add(&text, "lower", *l);
	if (s.tree) {
		auto_free char *upper = xasprintf("%s/diff", s.tree->path);
		auto_free char *work = xasprintf("%s/work", s.tree->path);

		plan_add(&text, "upper", upper);
		plan_add(&text, "work", work);
	}
	len = text.len;
	r = plan_parse(buf_steal(&text), len, &plan, err);
	return r < 0 ? r : fuse_root_serve(&plan, fuse, err);
}

/* ---- the child */

/* As for containers: the kernel's, or else the program, unless the engine was told which. */
static int mount_stack(const struct stack *s, const char *at, int parent, struct err *err)
{
	const char *storage = getenv("DAYFLY_STORAGE");
	struct err kernel = { 0 };
	int r;

	if (storage && str_eq(storage, "fuse-overlayfs"))
		return mount_fuse(s, at, parent, err);
	r = mount_overlay(s, at, err);
	if (r == 0 || r == -E2BIG || (storage && str_eq(storage, "overlayfs")))
		return r;
	kernel = *err;
	r = mount_fuse(s, at, parent, err);
	return r < 0 ? err_prefix(err, "%.100s; instead of it", kernel.msg) : 0;
}

static int open_folder(const char *path, int *ret, struct err *err)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, errno, "open %s", path) : 0;
}

/* Overlayfs without an upper folder wants two below: one is looked at as it lies there. */
static int open_stack(struct build *b, const struct stack *s, int parent, int *ret, struct err *err)
{
	auto_free char *at = xasprintf("%s/%s", b->scratch.path, names[s->which]);
	auto_free char *upper = s->tree ? xasprintf("%s/diff", s->tree->path) : NULL;
	int r;

	if (s->tree && !s->lower)
		return open_folder(upper, ret, err);
	if (!s->tree && strv_len(s->lower) == 1)
		return open_folder(s->lower[0], ret, err);
	if (mkdir(at, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make %s", at);
	if (s->tree && mkdirat(s->tree->dir, "work", 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make a folder for overlayfs");
	r = s->lower ? mount_stack(s, at, parent, err) : 0;
	return r < 0 ? r : open_folder(at, ret, err);
}

static int visit(struct build *b, const struct inside_what *what, inside_fn *fn, void *arg,
	int parent, struct err *err)
{
	struct stack root = stack_of(b, what, ROOT), from = stack_of(b, what, FROM);
	struct inside i = { .root = FD_NONE, .from = what->from_dir };
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "detach from the host's mounts");
	if (root.tree || root.lower)
		r = open_stack(b, &root, parent, &i.root, err);
	if (r == 0 && what->from_layers)
		r = open_stack(b, &from, parent, &i.from, err);
	return r < 0 ? r : fn(&i, arg, err);
}

/* It tells its failure as it is; nothing and exit code 0 is success. */
static _Noreturn void child(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, int parent)
{
	struct message m = { .kind = FAILED };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (visit(b, what, fn, arg, parent, &m.err) == 0)
		_exit(EXIT_SUCCESS);
	(void)fd_send(parent, &m, sizeof(m), NULL, 0, 0);
	_exit(EXIT_FAILURE);
}

/* ---- the parent */

/* Until the child is through. */
static int listen_to(struct build *b, const struct inside_what *what, int sock, struct err *err)
{
	struct message m;
	int r = 0;

	for (;;) {
		int fuse = FD_NONE;
		size_t count = 0;
		ssize_t n = fd_recv(sock, &m, sizeof(m), &fuse, 1, &count, 0);

		if (n == -EINTR)
			continue;
		if (n != (ssize_t)sizeof(m))
			return r;
		if (m.kind == SERVE && fuse >= 0) {
			struct err why;

			/* if it does not start the child's mount fails, and that is told */
			if (serve(b, what, m.which, fuse, &why) < 0)
				log_warning("%s", why.msg);
		} else {
			if (err)
				*err = m.err;
			r = -m.err.sys;
		}
		(void)fd_close(fuse);
	}
}

int inside_run(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, struct err *err)
{
	int ends[2], status, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "socket pair");
	pid = fork();
	if (pid == 0)
		child(b, what, fn, arg, ends[1]);
	(void)fd_close(ends[1]);
	if (pid < 0) {
		(void)fd_close(ends[0]);
		return err_sys(err, errno, "fork");
	}
	r = listen_to(b, what, ends[0], err);
	(void)fd_close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && status != 0)
		return err_set(err, ERR_SYSTEM, ECHILD, "the process that copies files was killed");
	return r;
}
