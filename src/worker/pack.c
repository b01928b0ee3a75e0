#include "worker/pack.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "worker/inodes.h"
#include "worker/merged.h"
#include "worker/targets.h"
#include "worker/unpack.h"

#define WHITEOUT       ".wh."
#define XATTR_LIST_MAX 65536
#define RECORDS_MAX    (256u * 1024) /* of one entry: readers have a limit, too */
#define CAPABILITY     "security.capability"
#define MQUEUE_MAGIC   0x19800202 /* the kernel keeps it to itself */

struct pack {
	const struct merged *tree;
	const struct pack_how *how;
	struct tar tar;
	struct packed done;
	struct inodes links;
	char *list, *value; /* of XATTR_LIST_MAX and XATTR_SIZE_MAX */
};

/* A folder while it is packed, one of its layers open at a time. */
struct folder {
	const char *path;
	struct merged_at at;
	int fd;
	unsigned char layer;
};

static bool vanished(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ESTALE;
}

static int fail(int r, const char *path, struct err *err)
{
	return err_sys(err, r, "pack %.200s", path);
}

/* ---- attributes */

static bool xattr_wanted(const char *name)
{
	if (str_eq(name, CAPABILITY))
		return true;
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.") &&
		!str_starts(name, "user.fuseoverlayfs.") && !strchr(name, '=');
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The wanted names of the list, sorted: file systems give them in any order. */
static size_t sort_wanted(char *list, size_t len, const char *ret[], size_t max)
{
	size_t n = 0;

	for (char *name = list; name < list + len && n < max; name += strlen(name) + 1)
		if (xattr_wanted(name))
			ret[n++] = name;
	qsort(ret, n, sizeof(*ret), compare_text);
	return n;
}

static int add_xattrs(
	struct pack *p, int fd, const char *path, struct buf *records, struct err *err)
{
	ssize_t len = flistxattr(fd, p->list, XATTR_LIST_MAX);
	const char *names[256];
	size_t n;

	if (len <= 0) /* none, or a file system that has none */
		return 0;
	n = sort_wanted(p->list, (size_t)len, names, ARRAY_SIZE(names));
	for (size_t i = 0; i < n; i++) {
		auto_free char *key = xasprintf("SCHILY.xattr.%s", names[i]);

		len = fgetxattr(fd, names[i], p->value, XATTR_SIZE_MAX);
		if (len < 0)
			continue; /* gone, or a capability of another user namespace */
		tar_record(records, key, p->value, (size_t)len);
	}
	if (records->len > RECORDS_MAX)
		return err_set(
			err, ERR_INVALID, E2BIG, "%.200s: its attributes are too large", path);
	return 0;
}

/* ---- entries */

static int count_entry(struct pack *p, const char *path, struct err *err)
{
	if (++p->done.entries > LAYER_ENTRIES_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "%.200s: too many files for a layer", path);
	return 0;
}

static int64_t mtime_of(const struct pack *p, const struct stat *st)
{
	int64_t t = st->st_mtim.tv_sec;

	return p->how->clamp && t > p->how->clamp_to ? p->how->clamp_to : t;
}

/* NULL: as it is. */
static char *below_top(const struct pack *p, const char *path)
{
	return p->how->top ? xasprintf("%s/%s", p->how->top, path) : NULL;
}

static int put_head(struct pack *p, const char *path, enum tar_type type, const struct stat *st,
	const char *link, const struct buf *records, struct err *err)
{
	auto_free char *shown = below_top(p, path);
	auto_free char *first = type == TAR_HARDLINK ? below_top(p, link) : NULL;
	const struct tar_entry e = {
		.path = shown ? shown : path,
		.type = type,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = type == TAR_FILE ? st->st_size : 0,
		.mtime = mtime_of(p, st),
		.link = first ? first : link,
		.device = type == TAR_CHAR || type == TAR_BLOCK ? st->st_rdev : 0,
	};
	int r = count_entry(p, path, err);

	return r < 0 ? r : tar_head(&p->tar, &e, records, err);
}

static int put_file(
	struct pack *p, const struct folder *f, const char *name, const char *path, struct err *err)
{
	auto_fd int fd =
		openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	auto_buf struct buf records = { 0 };
	struct stat st;
	int r;

	if (fd < 0)
		return vanished(-errno) ? 0 : fail(errno, path, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0; /* another one by now */
	r = add_xattrs(p, fd, path, &records, err);
	if (r == 0)
		r = put_head(p, path, TAR_FILE, &st, NULL, &records, err);
	if (r < 0)
		return r;
	p->done.size += st.st_size;
	r = tar_file(&p->tar, fd, st.st_size, err);
	return r < 0 ? err_prefix(err, "pack %.200s", path) : 0;
}

static int put_symlink(struct pack *p, const struct folder *f, const char *name, const char *path,
	const struct stat *st, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(f->fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return errno == EINVAL || vanished(-errno) ? 0 : fail(errno, path, err);
	target[n] = '\0';
	return put_head(p, path, TAR_SYMLINK, st, target, NULL, err);
}

/* A file of no content beside path, or (name NULL) in the folder path: how layers tell what is gone. */
static int put_mark(
	struct pack *p, const char *path, const char *name, const struct stat *st, struct err *err)
{
	const char *slash = name ? strrchr(path, '/') : NULL;
	struct stat mark = { .st_mode = S_IFREG, .st_mtim = st->st_mtim };
	auto_free char *full = name
		? xasprintf("%.*s" WHITEOUT "%s", slash ? (int)(slash - path) + 1 : 0, path, name)
		: xasprintf("%s/" MERGED_OPAQUE, path);

	return put_head(p, full, TAR_FILE, &mark, NULL, NULL, err);
}

/* As fuse-overlayfs marks what is gone where it can make no whiteouts; whatever else is called .wh.X
 * would hide something from every reader of the layer. */
static bool is_own_mark(const char *name, const struct stat *st)
{
	const char *rest = name + strlen(WHITEOUT);

	return S_ISREG(st->st_mode) && st->st_size == 0 && *rest && !str_eq(rest, ".") &&
		!str_eq(rest, "..") && !str_starts(rest, WHITEOUT);
}

/* ---- what is mounted in a tree */

static bool is_kernels(int fd)
{
	static const unsigned long types[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, MQUEUE_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		SECURITYFS_MAGIC, BPF_FS_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static bool is_hollow(const struct pack *p, const char *path, int fd)
{
	if (p->how->hollow && str_eq(path, p->how->hollow))
		return true;
	return p->tree->mounts && is_kernels(fd);
}

/* ---- the walk */

static int pack_folder(
	struct pack *p, const char *path, const struct merged_at *at, struct err *err);

/* The folder's descriptor is closed meanwhile: trees may be deeper than there are descriptors. */
static int put_folder(struct pack *p, struct folder *f, const char *path, const struct stat *st,
	unsigned char layer, struct err *err)
{
	auto_fd int fd = merged_open_folder(p->tree, layer, path);
	auto_buf struct buf records = { 0 };
	auto_free char *shown = xasprintf("%s/", path);
	struct merged_at at;
	bool opaque, hollow;
	int r;

	if (fd < 0)
		return vanished(fd) ? 0 : fail(fd, path, err);
	opaque = p->tree->raw && is_opaque(fd);
	hollow = is_hollow(p, path, fd);
	r = add_xattrs(p, fd, path, &records, err);
	if (r == 0)
		r = put_head(p, shown, TAR_DIR, st, NULL, &records, err);
	if (r == 0 && opaque)
		r = put_mark(p, path, NULL, st, err);
	if (r < 0 || hollow)
		return r;
	fd = fd_close(fd);
	f->fd = fd_close(f->fd);
	merged_down(p->tree, &f->at, path, &at);
	return pack_folder(p, path, &at, err);
}

static int put_other(struct pack *p, struct folder *f, const char *name, const char *path,
	const struct stat *st, struct err *err)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG: return put_file(p, f, name, path, err);
	case S_IFLNK: return put_symlink(p, f, name, path, st, err);
	case S_IFIFO: return put_head(p, path, TAR_FIFO, st, NULL, NULL, err);
	case S_IFCHR: return put_head(p, path, TAR_CHAR, st, NULL, NULL, err);
	case S_IFBLK: return put_head(p, path, TAR_BLOCK, st, NULL, NULL, err);
	default: return 0; /* sockets mean nothing without their process */
	}
}

static int put_named(struct pack *p, struct folder *f, const char *name, const char *path,
	const struct stat *st, struct err *err)
{
	const char *first = st->st_nlink > 1 ? inodes_find(&p->links, st) : NULL;
	unsigned before = p->done.entries;
	int r;

	if (first)
		return put_head(p, path, TAR_HARDLINK, st, first, NULL, err);
	r = put_other(p, f, name, path, st, err);
	if (r == 0 && st->st_nlink > 1 && p->done.entries != before)
		inodes_add(&p->links, st, path);
	return r;
}

static int put_entry(struct pack *p, struct folder *f, const struct merged_name *n,
	const char *path, const struct stat *st, struct err *err)
{
	if (is_whiteout(st)) /* these share an inode */
		return p->tree->raw ? put_mark(p, path, n->name, st, err) : 0;
	if (p->tree->raw && str_starts(n->name, WHITEOUT) && !is_own_mark(n->name, st))
		return 0;
	if (p->how->made && target_left_out(p->tree, p->how->made, path, st))
		return 0;
	if (S_ISDIR(st->st_mode))
		return put_folder(p, f, path, st, n->layer, err);
	return put_named(p, f, n->name, path, st, err);
}

static int open_for(struct pack *p, struct folder *f, unsigned char layer)
{
	if (f->fd >= 0 && f->layer == layer)
		return 0;
	(void)fd_close(f->fd);
	f->fd = merged_open_folder(p->tree, layer, f->path);
	f->layer = layer;
	return f->fd < 0 ? f->fd : 0;
}

static int pack_name(struct pack *p, struct folder *f, const struct merged_name *n, struct err *err)
{
	auto_free char *path = *f->path ? xasprintf("%s/%s", f->path, n->name) : xstrdup(n->name);
	struct stat st;
	int r;

	if (strlen(path) >= PATH_MAX)
		return err_set(err, ERR_INVALID, ENAMETOOLONG, "%.200s: path is too long", path);
	r = open_for(p, f, n->layer);
	if (r == 0 && fstatat(f->fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r < 0)
		return vanished(r) ? 0 : fail(r, path, err);
	return put_entry(p, f, n, path, &st, err);
}

/* Recursion ends: paths are limited. */
static int pack_folder(
	struct pack *p, const char *path, const struct merged_at *at, struct err *err)
{
	auto_names struct merged_names names = { 0 };
	struct folder f = { .path = path, .at = *at, .fd = FD_NONE };
	int r = merged_list(p->tree, at, path, &names);

	if (r < 0)
		return fail(r, path, err);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = pack_name(p, &f, &names.items[i], err);
	(void)fd_close(f.fd);
	return r;
}

static int put_top(struct pack *p, struct err *err)
{
	auto_fd int fd = merged_open_folder(p->tree, 0, "");
	auto_buf struct buf records = { 0 };
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r < 0)
		return fail(fd < 0 ? fd : r, p->how->top, err);
	r = add_xattrs(p, fd, "", &records, err);
	return r < 0 ? r : put_head(p, "", TAR_DIR, &st, NULL, &records, err);
}

static int pack_only(struct pack *p, const struct merged_at *root, struct err *err)
{
	auto_free char *name = xstrdup(p->how->only);
	struct merged_name n = { .name = name };
	struct folder f = { .path = "", .at = *root, .fd = FD_NONE };
	int r = pack_name(p, &f, &n, err);

	(void)fd_close(f.fd);
	return r;
}

static int pack_all(struct pack *p, struct err *err)
{
	struct merged_at root;
	int r;

	merged_root(p->tree, &root);
	if (p->how->only)
		return pack_only(p, &root, err);
	r = p->how->top ? put_top(p, err) : 0;
	return r < 0 ? r : pack_folder(p, "", &root, err);
}

int tree_pack(const struct merged *tree, const struct pack_how *how, tar_sink *sink, void *arg,
	struct packed *ret, struct err *err)
{
	struct pack p = { .tree = tree, .how = how };
	int r;

	tar_init(&p.tar, sink, arg);
	p.list = xmalloc(XATTR_LIST_MAX);
	p.value = xmalloc(XATTR_SIZE_MAX);
	r = pack_all(&p, err);
	if (r == 0)
		r = tar_end(&p.tar, err);
	if (r == 0)
		*ret = p.done;
	inodes_clear(&p.links);
	free(p.list);
	free(p.value);
	tar_clear(&p.tar);
	return r;
}
