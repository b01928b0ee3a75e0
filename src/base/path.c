#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"

int file_read_at(int dir, const char *name, size_t max, char **ret, size_t *ret_len)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fd_read_text(fd, max, ret, ret_len);
}

int file_replace_at(int dir, const char *name, const void *data, size_t len, mode_t mode, int flags)
{
	char id[ID_SIZE], tmp[32];
	auto_fd int fd = FD_NONE;
	int r;

	id_new(id);
	(void)snprintf(tmp, sizeof(tmp), ".tmp-%.16s", id);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, len);
	if (r == 0 && (flags & FILE_DURABLE) && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, tmp, 0);
		return r;
	}
	if ((flags & FILE_DURABLE) && fsync(dir) < 0)
		return -errno;
	return 0;
}

static bool keeps_order(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
		(fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

int sync_new_file(int fd, const int *folders, size_t n_folders)
{
	if (fsync(fd) < 0)
		return -errno;
	if (keeps_order(fd))
		return 0;
	for (size_t i = 0; i < n_folders; i++)
		if (fsync(folders[i]) < 0)
			return -errno;
	return 0;
}

int dir_make_at(int dir, const char *path, mode_t mode)
{
	auto_free char *copy = xstrdup(path);
	char *slash = copy;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdirat(dir, copy, mode) < 0)
		return errno == EEXIST ? 1 : -errno;
	return 0;
}

int dir_open_make_at(int dir, const char *path, mode_t mode)
{
	int fd, r;

	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	r = dir_make_at(dir, path, mode);
	if (r < 0)
		return r;
	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* A container can nest folders deeper than there are descriptors or stack to follow them. What lies
 * deeper than this is moved to the top of what is removed, and its turn comes there. */
#define REMOVE_DEPTH 100

struct removal {
	unsigned *budget;
	int top; /* the folder that is removed, while it is open */
	unsigned depth, moved;
};

static int remove_children(struct removal *rm, int fd);

/* Whether that made a difference: a second try without one, at every level, would double the work with
 * each of them. */
static bool give_access(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700 && fchmod(fd, 0700) == 0;
}

/* The same by name, which may have become a link out of the tree since it was seen. */
static int give_access_at(int dir, const char *name)
{
	auto_fd int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char self[40];

	if (fd < 0)
		return -errno;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return chmod(self, 0700) < 0 ? -errno : 0;
}

static int move_up(struct removal *rm, int dir, const char *name)
{
	char up[20];

	for (bool tried = false;;) {
		(void)snprintf(up, sizeof(up), ".deep-%u", rm->moved++);
		if (renameat2(dir, name, rm->top, up, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EEXIST)
			continue;
		/* its ".." changes, which takes the right to write into it */
		if (errno != EACCES || tried || give_access_at(dir, name) < 0)
			return -errno;
		(void)give_access(rm->top);
		tried = true;
	}
}

static int remove_folder(struct removal *rm, int fd)
{
	int r;

	rm->depth++;
	r = remove_children(rm, fd);
	if (r == -EACCES && give_access(fd))
		r = remove_children(rm, fd);
	rm->depth--;
	return r;
}

/* Again while something was moved here meanwhile. */
static int remove_top(struct removal *rm, int fd)
{
	unsigned moved;
	int r;

	rm->top = fd;
	do {
		moved = rm->moved;
		r = remove_folder(rm, fd);
	} while (r == 0 && rm->moved != moved);
	return r;
}

static int remove_entry(struct removal *rm, int dir, const char *name, unsigned char type)
{
	auto_fd int fd = FD_NONE;
	int r;

	if (rm->budget) {
		if (*rm->budget == 0)
			return -E2BIG;
		--*rm->budget;
	}
	if (type != DT_DIR) {
		if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
	}
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (rm->depth >= REMOVE_DEPTH)
		return move_up(rm, dir, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		/* a directory its owner made unreadable: ours to delete all the same */
		if (give_access_at(dir, name) < 0)
			return -EACCES;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	r = rm->depth ? remove_folder(rm, fd) : remove_top(rm, fd);
	if (r < 0)
		return r;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int remove_children(struct removal *rm, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	int r = 0;

	if (!d) {
		r = -errno;
		(void)fd_close(copy);
		return r;
	}
	rewinddir(d);
	for (;;) {
		struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (!e) {
			r = -errno;
			break;
		}
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		r = remove_entry(rm, fd, e->d_name, e->d_type);
		if (r < 0)
			break;
	}
	(void)closedir(d);
	return r;
}

int tree_remove_at(int dir, const char *name, unsigned *budget)
{
	struct removal rm = { .budget = budget, .top = FD_NONE };

	return remove_entry(&rm, dir, name, DT_UNKNOWN);
}

char **names_at(int dir, const char *path, bool (*valid)(const char *name))
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL;
	struct dirent *e;

	if (!d) {
		(void)fd_close(fd);
		return NULL;
	}
	while ((e = readdir(d)))
		if (valid(e->d_name))
			strv_add(&names, e->d_name);
	(void)closedir(d);
	return names;
}

#define SIZE_DEPTH_MAX 64

static int64_t size_below(int dir, const char *name, int depth)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int64_t sum = 0;
	struct dirent *e;

	if (!d) {
		(void)fd_close(fd);
		return 0;
	}
	while ((e = readdir(d))) {
		struct stat st;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			sum += st.st_size;
		else if (depth < SIZE_DEPTH_MAX)
			sum += size_below(fd, e->d_name, depth + 1);
	}
	(void)closedir(d);
	return sum;
}

int64_t tree_size_at(int dir, const char *name)
{
	return size_below(dir, name, 0);
}

static int open_resolved(int root, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do /* EAGAIN: a rename raced with ".."; the kernel asks to try again */
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

int path_open_in_root(int root, const char *path, int flags, mode_t mode)
{
	return open_resolved(root, path, flags, mode, RESOLVE_IN_ROOT);
}

int path_open_beneath(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, 0, RESOLVE_BENEATH);
}

char *path_read_in_root(int root, const char *path, size_t max)
{
	auto_fd int fd = path_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		fd_read_text(fd, max, &text, NULL) < 0)
		return xstrdup("");
	return text;
}

void path_up(struct buf *path)
{
	char *slash = path->len ? memrchr(path->data, '/', path->len) : NULL;

	if (!slash)
		return;
	path->len = (size_t)(slash - path->data);
	*slash = '\0';
}

char *path_clean(const char *path)
{
	auto_strv char **parts = strv_split(path, '/');
	auto_buf struct buf out = { 0 };

	for (char **p = parts; *p; p++) {
		if (!**p || str_eq(*p, "."))
			continue;
		if (!str_eq(*p, "..")) {
			buf_addc(&out, '/');
			buf_adds(&out, *p);
		} else {
			path_up(&out);
		}
	}
	if (!out.len)
		buf_addc(&out, '/');
	return buf_steal(&out);
}
