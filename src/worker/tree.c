#include "worker/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/mounted.h"

#define OPAQUE      "user.overlay.opaque"
#define PARENT_MODE 0755 /* of folders that an archive mentions only in paths */

struct dir_time {
	char *path;
	struct timespec mtime;
};

struct tree {
	int root;
	bool squash;
	bool live;
	/* The folder of the latest entry, as archives list a folder's files together. Dropped whenever
	 * something is removed, since it could be just that folder. */
	char *parent_path;
	int parent;
	struct dir_time *times;
	size_t n_times;
};

struct tree *tree_new(int root, bool squash)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	t->root = root;
	t->squash = squash;
	t->parent = FD_NONE;
	return t;
}

void tree_set_live(struct tree *t)
{
	t->live = true;
}

static void forget_parent(struct tree *t)
{
	free(take_ptr(&t->parent_path));
	t->parent = fd_close(t->parent);
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	forget_parent(t);
	for (size_t i = 0; i < t->n_times; i++)
		free(t->times[i].path);
	free(t->times);
	free(t);
}

/* ---- paths */

int tree_clean_path(const char *path, char **ret, struct err *err)
{
	auto_free char *out = xmalloc(strlen(path) + 1);
	size_t len = 0;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return err_set(err, ERR_INVALID, EINVAL,
				"%.200s: leads out of the layer (..)", path);
		if (n > NAME_MAX)
			return err_set(
				err, ERR_INVALID, ENAMETOOLONG, "%.200s: name is too long", path);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
		p += *p == '/';
	}
	if (len >= PATH_MAX)
		return err_set(err, ERR_INVALID, ENAMETOOLONG, "%.200s: path is too long", path);
	out[len] = '\0';
	*ret = take_ptr(&out);
	return 0;
}

static int fail(struct err *err, int r, const char *path)
{
	if (r == -ENOSPC || r == -EDQUOT)
		return err_sys(err, r, "write to disk");
	return err_sys(err, r, "unpack %.200s", path);
}

/* Opens a folder below the root, making what is missing of it. Recursion ends: paths are limited. */
static int open_dir(struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	auto_free char *above = NULL;
	auto_fd int up = FD_NONE;
	int fd;

	if (!*path)
		return fcntl(t->root, F_DUPFD_CLOEXEC, 3);
	fd = path_open_in_root(t->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	above = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	up = open_dir(t, above);
	if (up < 0)
		return up;
	/* it was not there, so what is in the way now is a link to nowhere */
	if (mkdirat(up, name, PARENT_MODE) < 0)
		return errno == EEXIST ? -ENOENT : -errno;
	fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The folder that path lies in (borrowed from the tree) and its last name. */
static int open_parent(struct tree *t, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (t->parent_path && strlen(t->parent_path) == len &&
		memcmp(t->parent_path, path, len) == 0)
		return t->parent;
	forget_parent(t);
	t->parent_path = xstrndup(path, len);
	fd = open_dir(t, t->parent_path);
	if (fd < 0) {
		forget_parent(t);
		return fd;
	}
	t->parent = fd;
	return fd;
}

/* ---- metadata */

static int own(const struct tree *t, int dir, const char *name, int flags,
	const struct tree_meta *m, const char *path, struct err *err)
{
	if (t->squash || (m->uid == 0 && m->gid == 0))
		return 0;
	if (fchownat(dir, name, m->uid, m->gid, flags) == 0)
		return 0;
	if (errno == EINVAL)
		return err_set(err, ERR_SYSTEM, EINVAL,
			"%.200s belongs to %u:%u, which is outside your range of subordinate ids "
			"(see /etc/subuid and /etc/subgid)",
			path, m->uid, m->gid);
	return fail(err, -errno, path);
}

static int set_times(int dir, const char *name, int flags, const struct timespec *mtime)
{
	const struct timespec times[2] = { *mtime, *mtime };

	return utimensat(dir, name, times, flags) < 0 ? -errno : 0;
}

/* A change of owner clears the set-id bits, so the mode comes after it. */
static int set_meta(
	const struct tree *t, int fd, const char *path, const struct tree_meta *m, struct err *err)
{
	int r = own(t, fd, "", AT_EMPTY_PATH, m, path, err);

	if (r < 0)
		return r;
	if (fchmod(fd, m->mode & 07777) < 0)
		return fail(err, -errno, path);
	return 0;
}

static void remember_time(struct tree *t, const char *path, const struct timespec *mtime)
{
	if ((t->n_times & (t->n_times - 1)) == 0)
		t->times =
			xreallocarray(t->times, t->n_times ? t->n_times * 2 : 1, sizeof(*t->times));
	t->times[t->n_times++] = (struct dir_time){ xstrdup(path), *mtime };
}

/* ---- entries */

static bool is_whiteout(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == makedev(0, 0);
}

/* Takes away what has the path already. */
static int clear_way(struct tree *t, int *dir, const char *path, const char **name)
{
	int r = t->live ? mounted_within(*dir, *name) : 0;

	if (r == 0)
		r = tree_remove_at(*dir, *name, NULL);
	if (r < 0)
		return r;
	forget_parent(t);
	*dir = open_parent(t, path, name);
	return *dir < 0 ? *dir : 0;
}

static int make_opaque(int fd, const char *path, struct err *err)
{
	if (fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
		return fail(err, -errno, path);
	return 0;
}

static int open_own_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Makes dir/name a folder if it is none, and opens it. It stays opaque where it replaces a whiteout. */
static int make_dir(struct tree *t, const char *path, struct err *err)
{
	const char *name;
	int dir = open_parent(t, path, &name), fd, r;
	bool hidden = false;

	if (dir < 0)
		return fail(err, dir, path);
	r = mkdirat(dir, name, 0700) < 0 ? -errno : 0;
	if (r == -EEXIST) {
		fd = open_own_dir(dir, name);
		if (fd >= 0)
			return fd;
		hidden = is_whiteout(dir, name);
		r = clear_way(t, &dir, path, &name);
		if (r == 0 && mkdirat(dir, name, 0700) < 0)
			r = -errno;
	}
	fd = r < 0 ? r : open_own_dir(dir, name);
	if (fd < 0)
		return fail(err, fd, path);
	r = hidden ? make_opaque(fd, path, err) : 0;
	if (r < 0) {
		(void)fd_close(fd);
		return r;
	}
	return fd;
}

int tree_dir(struct tree *t, const char *path, const struct tree_meta *m, struct err *err)
{
	auto_fd int fd = FD_NONE;
	int r;

	fd = *path ? make_dir(t, path, err) : fcntl(t->root, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return *path ? fd : fail(err, -errno, "/");
	r = set_meta(t, fd, path, m, err);
	if (r < 0)
		return r;
	remember_time(t, path, &m->mtime);
	return 0;
}

static int refuse_root(const char *path, struct err *err)
{
	return *path ? 0 : err_set(err, ERR_INVALID, EINVAL, "the layer's root is not a folder");
}

/* What something is mounted on cannot be replaced, only written anew. */
static int open_mounted(int dir, const char *name)
{
	auto_fd int fd =
		openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == EISDIR || errno == ENXIO ? -EBUSY : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBUSY;
	return ftruncate(fd, 0) < 0 ? -errno : take_fd(&fd);
}

int tree_file_begin(struct tree *t, const char *path, int *ret_fd, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	const char *name;
	int dir, fd, r;

	r = refuse_root(path, err);
	if (r < 0)
		return r;
	dir = open_parent(t, path, &name);
	if (dir < 0)
		return fail(err, dir, path);
	fd = openat(dir, name, flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		r = clear_way(t, &dir, path, &name);
		if (r == 0)
			fd = openat(dir, name, flags, 0600);
		else if (r == -EBUSY)
			fd = open_mounted(dir, name);
		else
			fd = r;
	}
	if (fd < 0)
		return fail(err, fd == -1 ? -errno : fd, path);
	*ret_fd = fd;
	return 0;
}

int tree_file_end(
	struct tree *t, int fd, const char *path, const struct tree_meta *m, struct err *err)
{
	const struct timespec times[2] = { m->mtime, m->mtime };
	int r = set_meta(t, fd, path, m, err);

	if (r == 0 && futimens(fd, times) < 0)
		r = fail(err, -errno, path);
	return r;
}

/* Runs make(dir, name, arg), once more after clearing the way. Leaves the folder in *ret_dir. */
static int make_node(struct tree *t, const char *path, int (*make)(int, const char *, const void *),
	const void *arg, int *ret_dir, const char **ret_name, struct err *err)
{
	int dir, r = refuse_root(path, err);

	if (r < 0)
		return r;
	dir = open_parent(t, path, ret_name);
	if (dir < 0)
		return fail(err, dir, path);
	r = make(dir, *ret_name, arg) < 0 ? -errno : 0;
	if (r == -EEXIST) {
		r = clear_way(t, &dir, path, ret_name);
		if (r == 0 && make(dir, *ret_name, arg) < 0)
			r = -errno;
	}
	*ret_dir = dir;
	return r < 0 ? fail(err, r, path) : 0;
}

/* What was just made, if it still is that: who else may write here could have put anything in its place,
 * a link into the host's files among others. */
static int open_made(int dir, const char *name, mode_t type)
{
	auto_fd int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & S_IFMT) == type ? take_fd(&fd) : -ESTALE;
}

static int make_symlink(int dir, const char *name, const void *target)
{
	return symlinkat(target, dir, name);
}

int tree_symlink(struct tree *t, const char *path, const char *target, const struct tree_meta *m,
	struct err *err)
{
	const char *name = NULL;
	auto_fd int fd = FD_NONE;
	int dir = FD_NONE, r;

	r = make_node(t, path, make_symlink, target, &dir, &name, err);
	if (r < 0)
		return r;
	fd = open_made(dir, name, S_IFLNK);
	if (fd < 0)
		return fail(err, fd, path);
	r = own(t, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, m, path, err);
	if (r < 0)
		return r;
	r = set_times(dir, name, AT_SYMLINK_NOFOLLOW, &m->mtime);
	return r < 0 ? fail(err, r, path) : 0;
}

static int make_fifo(int dir, const char *name, const void *arg)
{
	(void)arg;
	return mknodat(dir, name, S_IFIFO | 0600, 0);
}

int tree_fifo(struct tree *t, const char *path, const struct tree_meta *m, struct err *err)
{
	const char *name = NULL;
	auto_fd int fd = FD_NONE;
	int dir = FD_NONE, r;
	char self[40];

	r = make_node(t, path, make_fifo, NULL, &dir, &name, err);
	if (r < 0)
		return r;
	fd = open_made(dir, name, S_IFIFO);
	if (fd < 0)
		return fail(err, fd, path);
	r = own(t, fd, "", AT_EMPTY_PATH, m, path, err);
	if (r < 0)
		return r;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* fchmod() wants it opened */
	if (chmod(self, m->mode & 07777) < 0)
		return fail(err, -errno, path);
	r = set_times(dir, name, AT_SYMLINK_NOFOLLOW, &m->mtime);
	return r < 0 ? fail(err, r, path) : 0;
}

struct link_from {
	int dir;
	const char *name;
};

static int make_link(int dir, const char *name, const void *arg)
{
	const struct link_from *from = arg;

	return linkat(from->dir, from->name, dir, name, 0);
}

int tree_hardlink(struct tree *t, const char *path, const char *target, struct err *err)
{
	const char *slash = strrchr(target, '/'), *name;
	auto_free char *folder = xstrndup(target, slash ? (size_t)(slash - target) : 0);
	auto_fd int dir = FD_NONE;
	struct link_from from = { .name = slash ? slash + 1 : target };
	struct stat st;
	int into;

	if (str_eq(path, target))
		return 0;
	dir = open_dir(t, folder);
	if (dir < 0 || fstatat(dir, from.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, EINVAL,
			"%.150s: hard link to %.150s, which is no file of this layer", path,
			target);
	from.dir = dir;
	return make_node(t, path, make_link, &from, &into, &name, err);
}

int tree_whiteout(struct tree *t, const char *path, struct err *err)
{
	auto_fd int below = FD_NONE;
	const char *name;
	int dir = open_parent(t, path, &name);

	if (dir < 0)
		return fail(err, dir, path);
	if (mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(err, -errno, path);
	/* The layer has something there itself, which hides a lower file anyway; a folder would be
	 * merged with the lower one. */
	below = open_own_dir(dir, name);
	return below < 0 ? 0 : make_opaque(below, path, err);
}

int tree_opaque(struct tree *t, const char *dir, struct err *err)
{
	auto_fd int fd = open_dir(t, dir);

	if (fd < 0)
		return fail(err, fd, dir);
	return make_opaque(fd, dir, err);
}

static bool xattr_wanted(const char *name)
{
	if (str_eq(name, "security.capability"))
		return true;
	/* overlayfs reads its own from here: redirects and the like are not the archive's to set */
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.");
}

int tree_xattr(struct tree *t, int fd, const char *path, const char *name, const void *value,
	size_t len, struct err *err)
{
	auto_fd int own_fd = FD_NONE;

	if (!xattr_wanted(name))
		return 0;
	if (fd < 0)
		fd = own_fd = path_open_in_root(
			t->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0 || fsetxattr(fd, name, value, len, 0) == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == EPERM)
		return 0;
	return fail(err, -errno, path);
}

int tree_finish(struct tree *t, struct err *err)
{
	for (size_t i = t->n_times; i-- > 0;) {
		const char *path = t->times[i].path;
		auto_fd int fd = path_open_in_root(
			t->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		const struct timespec times[2] = { t->times[i].mtime, t->times[i].mtime };

		if (fd < 0)
			continue; /* replaced by something else since */
		if (futimens(fd, times) < 0)
			return fail(err, -errno, path);
	}
	return 0;
}
