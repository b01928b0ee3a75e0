#include "runtime/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#define LINKS_MAX 40 /* as the kernel */

/* A walk that makes what is missing. done is the path so far, free of links, "" for the root itself;
 * every step opens it anew from the root, so a folder that changes meanwhile (volumes are shared)
 * cannot lead outside. */
struct walk {
	int root;
	enum target_kind kind;
	char *done;
	char *rest;
	unsigned links;
};

static char *path_join(const char *a, const char *b)
{
	return *a ? xasprintf("%s/%s", a, b) : xstrdup(b);
}

static void walk_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
}

/* Cuts the first component off rest. NULL when there is none. */
static char *walk_next(struct walk *w)
{
	char *at = w->rest + strspn(w->rest, "/"), *name, *rest;
	size_t len = strcspn(at, "/");

	if (len == 0)
		return NULL;
	name = xstrndup(at, len);
	rest = xstrdup(at + len + strspn(at + len, "/"));
	free(w->rest);
	w->rest = rest;
	return name;
}

static int walk_link(struct walk *w, int link)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	char *rest;

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX || n == sizeof(target) - 1)
		return -ELOOP;
	target[n] = '\0';
	if (target[0] == '/')
		w->done[0] = '\0';
	rest = *w->rest ? path_join(target, w->rest) : xstrdup(target);
	free(w->rest);
	w->rest = rest;
	return 0;
}

static int make_at(int dir, const char *name, enum target_kind kind)
{
	int r;

	if (kind == TARGET_FILE)
		r = mknodat(dir, name, S_IFREG | 0644, 0);
	else
		r = mkdirat(dir, name, 0755);
	return r < 0 ? -errno : 0;
}

static int walk_make(const struct walk *w, const char *name)
{
	bool last = !*w->rest;
	auto_fd int dir = FD_NONE;
	int r;

	if (last && w->kind == TARGET_EXISTING)
		return -ENOENT;
	dir = path_open_in_root(w->root, *w->done ? w->done : ".", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	r = make_at(dir, name, last ? w->kind : TARGET_FOLDER);
	return r == -EEXIST ? 0 : r;
}

static int walk_step(struct walk *w, const char *name)
{
	auto_free char *next = path_join(w->done, name);
	auto_fd int fd = path_open_in_root(w->root, next, O_PATH | O_NOFOLLOW, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT) {
		r = walk_make(w, name);
		if (r < 0)
			return r;
	} else if (fd < 0) {
		return fd;
	} else if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		return walk_link(w, fd);
	}
	free(w->done);
	w->done = take_ptr(&next);
	return 0;
}

static int walk_run(struct walk *w)
{
	int r = 0;

	while (r == 0) {
		auto_free char *name = walk_next(w);

		if (!name)
			break;
		if (str_eq(name, "."))
			continue;
		if (str_eq(name, ".."))
			walk_up(w);
		else
			r = walk_step(w, name);
	}
	if (r < 0)
		return r;
	return path_open_in_root(w->root, *w->done ? w->done : ".", O_PATH | O_NOFOLLOW, 0);
}

/* The usual case: only the last component is missing, and it is no link. -EEXIST otherwise. */
static int make_last(int root, const char *path, enum target_kind kind)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	auto_free char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
	auto_fd int dir = FD_NONE;
	int fd;

	if (str_empty(folder) || !*name || str_eq(name, ".") || str_eq(name, ".."))
		return -EEXIST;
	dir = path_open_in_root(root, folder, O_PATH | O_DIRECTORY, 0);
	if (dir < 0 || make_at(dir, name, kind) != 0)
		return -EEXIST;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int target_open(int root, const char *path, enum target_kind kind)
{
	struct walk w = { .root = root, .kind = kind };
	int fd;

	fd = path_open_in_root(root, path, O_PATH, 0);
	if (fd != -ENOENT || kind == TARGET_EXISTING)
		return fd;
	fd = make_last(root, path, kind);
	if (fd != -EEXIST)
		return fd;
	w.done = xstrdup("");
	w.rest = xstrdup(path);
	fd = walk_run(&w);
	free(w.done);
	free(w.rest);
	return fd;
}

int target_parent(int root, const char *path, char **ret_name)
{
	auto_free char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	const char *name = slash ? slash + 1 : folder;
	int fd;

	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return -EINVAL;
	*ret_name = xstrdup(name);
	*(slash ? slash : folder) = '\0';
	fd = target_open(root, *folder ? folder : "/", TARGET_FOLDER);
	if (fd < 0)
		free(take_ptr(ret_name));
	return fd;
}
