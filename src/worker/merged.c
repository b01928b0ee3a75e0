#include "worker/merged.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "oci/layer.h"

#define LINKS_MAX 40 /* as the kernel */

bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* fuse-overlayfs leaves an empty file, too, in every folder it makes. */
bool is_opaque(int folder)
{
	static const char *const names[] = { "user.overlay.opaque", "user.fuseoverlayfs.opaque" };
	struct stat st;
	char value[2];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fgetxattr(folder, names[i], value, sizeof(value)) == 1 && *value == 'y')
			return true;
	return fstatat(folder, MERGED_OPAQUE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode) && st.st_size == 0;
}

/* ---- the stack */

static int add_layer(struct merged *m, int take_dir, struct err *err)
{
	if (m->count == MERGED_MAX) {
		(void)fd_close(take_dir);
		return err_set(err, ERR_INVALID, E2BIG, "the image has too many layers");
	}
	m->dirs[m->count++] = take_dir;
	return 0;
}

static int add_image_layer(
	const struct dirs *d, struct merged *m, const char *diff_id, struct err *err)
{
	auto_free char *path = layer_path(d, diff_id);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open layer %.19s", diff_id) : add_layer(m, fd, err);
}

int merged_open(const struct dirs *d, int take_top, char *const *diff_ids, struct merged *ret,
	struct err *err)
{
	auto_merged struct merged m = { 0 };
	int r = 0;

	if (take_top >= 0)
		r = add_layer(&m, take_top, err);
	for (size_t i = strv_len(diff_ids); r == 0 && i-- > 0;)
		r = add_image_layer(d, &m, diff_ids[i], err);
	if (r < 0)
		return r;
	*ret = m;
	m.count = 0;
	return 0;
}

void merged_close(struct merged *m)
{
	while (m->count)
		(void)fd_close(m->dirs[--m->count]);
}

/* ---- one folder */

int merged_open_folder(const struct merged *m, unsigned char layer, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve =
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (m->mounts ? 0 : RESOLVE_NO_XDEV),
	};
	long fd;

	do
		fd = syscall(SYS_openat2, m->dirs[layer], *path ? path : ".", &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

void merged_root(const struct merged *m, struct merged_at *ret)
{
	ret->count = m->count;
	for (size_t i = 0; i < m->count; i++)
		ret->layers[i] = (unsigned char)i;
}

/* Missing in one layer, a lower one may have it; anything but a folder hides what is below. */
void merged_down(const struct merged *m, const struct merged_at *from, const char *path,
	struct merged_at *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < from->count; i++) {
		auto_fd int fd = merged_open_folder(m, from->layers[i], path);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return;
		ret->layers[ret->count++] = from->layers[i];
		if (is_opaque(fd))
			return;
	}
}

/* ---- listing */

void merged_names_clear(struct merged_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i].name);
	free(n->items);
	*n = (struct merged_names){ 0 };
}

static void add_name(struct merged_names *n, const struct dirent *e, unsigned char layer)
{
	if ((n->count & (n->count - 1)) == 0)
		n->items = xreallocarray(n->items, n->count ? 2 * n->count : 1, sizeof(*n->items));
	n->items[n->count++] = (struct merged_name){ xstrdup(e->d_name), layer, e->d_type };
}

static int list_layer(
	const struct merged *m, unsigned char layer, const char *path, struct merged_names *n)
{
	int fd = merged_open_folder(m, layer, path), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		r = fd < 0 ? fd : -errno;
		(void)fd_close(fd);
		return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
	}
	for (errno = 0; (e = readdir(dir)); errno = 0)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") &&
			!str_eq(e->d_name, MERGED_OPAQUE))
			add_name(n, e, layer);
	r = -errno;
	(void)closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct merged_name *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : x->layer - y->layer;
}

static bool hidden(const struct merged *m, const struct merged_name *n, const char *path)
{
	auto_fd int fd = FD_NONE;
	struct stat st;

	if (n->type != DT_CHR && n->type != DT_UNKNOWN)
		return false;
	fd = merged_open_folder(m, n->layer, path);
	return fd >= 0 && fstatat(fd, n->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_whiteout(&st);
}

/* Of equal names the topmost counts, and none if that is a whiteout. */
static void merge_names(const struct merged *m, const char *path, struct merged_names *n)
{
	size_t kept = 0, i = 0;

	while (i < n->count) {
		struct merged_name first = n->items[i++];

		while (i < n->count && str_eq(n->items[i].name, first.name))
			free(n->items[i++].name);
		if (hidden(m, &first, path))
			free(first.name);
		else
			n->items[kept++] = first;
	}
	n->count = kept;
}

int merged_list(const struct merged *m, const struct merged_at *at, const char *path,
	struct merged_names *ret)
{
	auto_names struct merged_names n = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < at->count; i++)
		r = list_layer(m, at->layers[i], path, &n);
	if (r < 0)
		return r;
	if (n.count)
		qsort(n.items, n.count, sizeof(*n.items), compare);
	if (!m->raw)
		merge_names(m, path, &n);
	*ret = n;
	n = (struct merged_names){ 0 };
	return 0;
}

/* ---- one path */

int merged_find(const struct merged *m, const struct merged_at *at, const char *folder,
	const char *name, struct stat *ret, unsigned char *ret_layer)
{
	for (size_t i = 0; i < at->count; i++) {
		auto_fd int fd = merged_open_folder(m, at->layers[i], folder);

		if (fd < 0 || fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (ret_layer)
			*ret_layer = at->layers[i];
		return is_whiteout(ret) && !m->raw ? -ENOENT : 0;
	}
	return -ENOENT;
}

static int find_path(
	const struct merged *m, const char *path, struct stat *ret, unsigned char *ret_layer)
{
	auto_free char *folder = xstrdup(path);
	struct merged_at at, next;
	char *slash;

	merged_root(m, &at);
	for (slash = strchr(folder, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		merged_down(m, &at, folder, &next);
		at = next;
		*slash = '/';
	}
	slash = strrchr(folder, '/');
	if (!slash)
		return merged_find(m, &at, "", path, ret, ret_layer);
	*slash = '\0';
	return merged_find(m, &at, folder, slash + 1, ret, ret_layer);
}

int merged_stat(const struct merged *m, const char *path, struct stat *ret)
{
	return find_path(m, path, ret, NULL);
}

/* ---- where a path leads */

/* done: so far, without links; rest: what is still to be walked. */
struct walk {
	char *done, *rest;
	unsigned links;
};

static char *join(const char *a, const char *b)
{
	return *a && *b ? xasprintf("%s/%s", a, b) : xstrdup(*a ? a : b);
}

static int follow(struct walk *w, const struct merged *m, const char *path, unsigned char layer)
{
	const char *slash = strrchr(path, '/');
	auto_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	auto_fd int fd = merged_open_folder(m, layer, folder);
	char target[PATH_MAX], *rest;
	ssize_t n =
		fd < 0 ? -1 : readlinkat(fd, slash ? slash + 1 : path, target, sizeof(target) - 1);

	if (n < 0 || ++w->links > LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	rest = join(target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (*target == '/')
		*w->done = '\0';
	return 0;
}

static int walk_step(struct walk *w, const struct merged *m, const char *name)
{
	auto_free char *path = NULL;
	unsigned char layer;
	struct stat st;

	if (str_eq(name, "..")) {
		char *slash = strrchr(w->done, '/');

		*(slash ? slash : w->done) = '\0';
		return 0;
	}
	if (!*name || str_eq(name, "."))
		return 0;
	path = join(w->done, name);
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (find_path(m, path, &st, &layer) == 0 && S_ISLNK(st.st_mode))
		return follow(w, m, path, layer);
	free(w->done);
	w->done = take_ptr(&path);
	return 0;
}

char *merged_resolve(const struct merged *m, const char *path)
{
	struct walk w = { .done = xstrdup(""), .rest = xstrdup(path) };
	int r = 0;

	while (r == 0 && *w.rest) {
		size_t len = strcspn(w.rest, "/");
		auto_free char *name = xstrndup(w.rest, len);
		char *rest = xstrdup(w.rest + len + (w.rest[len] == '/'));

		free(w.rest);
		w.rest = rest;
		r = walk_step(&w, m, name);
	}
	free(w.rest);
	if (r < 0)
		free(take_ptr(&w.done));
	return w.done;
}
