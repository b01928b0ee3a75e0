#include "build/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/pattern.h"
#include "worker/inodes.h"

#define COPY_BLOCK  (256 * 1024)
#define XATTRS_MAX  (64 * 1024)
#define MATCHES_MAX 100000

/* ---- folders */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted, so that the same tree always gives the same. Owned. */
static int list(int dir, char ***ret)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	char **names = NULL;
	size_t count = 0;
	struct dirent *e;

	if (!d) {
		(void)fd_close(copy);
		return -errno;
	}
	while ((e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if ((count & (count + 1)) == 0)
			names = xreallocarray(names, 2 * count + 2, sizeof(*names));
		names[count++] = xstrdup(e->d_name);
		names[count] = NULL;
	}
	(void)closedir(d);
	if (names)
		qsort(names, count, sizeof(*names), compare);
	*ret = names;
	return 0;
}

static char *join(const char *folder, const char *name)
{
	return *folder ? xasprintf("%s/%s", folder, name) : xstrdup(name);
}

/* Owned; NULL with errno. Not on the stack: folders are as deep as the client likes. */
static char *read_link(int dir, const char *name)
{
	auto_free char *target = xmalloc(PATH_MAX);
	ssize_t n = readlinkat(dir, name, target, PATH_MAX - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	return take_ptr(&target);
}

static int open_root(int root, const char *path, int flags)
{
	return path_open_in_root(root, *path ? path : ".", flags, 0);
}

int files_open(int root, const char *path, struct stat *ret_st, struct err *err)
{
	/* first what it is: opening a fifo would wait */
	auto_fd int look = open_root(root, path, O_PATH);
	int fd;

	if (look < 0)
		return err_sys(err, look, "open %.200s", path);
	if (fstat(look, ret_st) < 0)
		return err_sys(err, errno, "open %.200s", path);
	if (!S_ISREG(ret_st->st_mode) && !S_ISDIR(ret_st->st_mode))
		return err_set(
			err, ERR_INVALID, EINVAL, "%.200s is neither a file nor a folder", path);
	fd = open_root(root, path, O_RDONLY);
	return fd < 0 ? err_sys(err, fd, "open %.200s", path) : fd;
}

/* ---- matching */

struct match {
	int root;
	const char *what;
	char **found;
	size_t count;
};

static int add_match(struct match *m, const char *path, struct err *err)
{
	if (m->count++ == MATCHES_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "%s failed: more than %d files", m->what,
			MATCHES_MAX);
	strv_add(&m->found, path);
	return 0;
}

static int match_below(struct match *m, const char *folder, char *const *parts, struct err *err);

static int match_wild(struct match *m, const char *folder, char *const *parts, struct err *err)
{
	auto_pattern struct pattern *p = NULL;
	auto_strv char **names = NULL;
	auto_fd int dir = open_root(m->root, folder, O_RDONLY | O_DIRECTORY);
	int r = pattern_compile(parts[0], false, &p, err);

	if (r < 0)
		return err_prefix(err, "%s failed", m->what);
	if (dir < 0)
		return 0;
	r = list(dir, &names);
	if (r < 0)
		return err_sys(err, r, "read %.200s", folder);
	for (char **n = names; r == 0 && n && *n; n++) {
		auto_free char *path = NULL;

		if (!pattern_match(p, *n))
			continue;
		path = join(folder, *n);
		r = match_below(m, path, parts + 1, err);
	}
	return r;
}

/* What the rest of a pattern's parts finds below folder. */
static int match_below(struct match *m, const char *folder, char *const *parts, struct err *err)
{
	auto_free char *path = NULL;
	auto_fd int fd = FD_NONE;

	if (!*parts)
		return add_match(m, folder, err);
	if (pattern_is_wild(parts[0]))
		return match_wild(m, folder, parts, err);
	path = join(folder, parts[0]);
	fd = open_root(m->root, path, O_PATH);
	return fd < 0 ? 0 : match_below(m, path, parts + 1, err);
}

static int missing(const struct match *m, const char *word, struct err *err)
{
	return err_set(err, ERR_INVALID, ENOENT,
		"%s failed: file not found in build context or excluded by .dockerignore: stat "
		"%.200s: file does not exist",
		m->what, word);
}

static int match_word(struct match *m, const char *word, struct err *err)
{
	auto_free char *path = NULL;
	auto_strv char **parts = NULL;
	auto_fd int fd = FD_NONE;

	if (tree_clean_path(word, &path, NULL) < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"%s failed: forbidden path outside the build context: %.200s ()", m->what,
			word);
	if (pattern_is_wild(path)) {
		parts = strv_split(path, '/');
		return match_below(m, "", parts, err);
	}
	fd = open_root(m->root, path, O_PATH);
	if (fd < 0)
		return missing(m, path, err);
	return add_match(m, path, err);
}

int files_match(int root, char *const *words, const char *what, char ***ret, struct err *err)
{
	struct match m = { .root = root, .what = what };
	int r = 0;

	for (; r == 0 && words && *words; words++)
		r = match_word(&m, *words, err);
	if (r == 0 && !m.found)
		r = err_set(err, ERR_INVALID, ENOENT, "%s failed: no source files were specified",
			what);
	if (r < 0) {
		strv_free(m.found);
		return r;
	}
	*ret = m.found;
	return 0;
}

/* ---- hashing */

struct hashing {
	struct hash *h;
	const struct ignore *except;
	char *block;
};

static void hash_line(
	struct hashing *g, char kind, const struct stat *st, const char *path, const char *more)
{
	auto_free char *line = xasprintf("%c %o %lld %s%c%s", kind, st->st_mode & 07777,
		S_ISREG(st->st_mode) ? (long long)st->st_size : 0LL, path, '\n', more);

	hash_add(g->h, line, strlen(line) + 1);
}

static int hash_content(struct hashing *g, int fd, const char *path, struct err *err)
{
	ssize_t n;

	while ((n = read(fd, g->block, COPY_BLOCK)) > 0)
		hash_add(g->h, g->block, (size_t)n);
	return n < 0 ? err_sys(err, errno, "read %.200s", path) : 0;
}

static int hash_link(
	struct hashing *g, int dir, const char *name, const struct stat *st, const char *path)
{
	auto_free char *target = read_link(dir, name);

	hash_line(g, 'l', st, path, target ? target : "");
	return 0;
}

static int hash_tree(struct hashing *g, int dir, const char *path, struct err *err);

static int hash_entry(
	struct hashing *g, int dir, const char *name, const char *path, struct err *err)
{
	auto_fd int fd = FD_NONE;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "read %.200s", path);
	if (S_ISLNK(st.st_mode))
		return hash_link(g, dir, name, &st, path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		hash_line(g, 'o', &st, path, "");
		return 0;
	}
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "read %.200s", path);
	hash_line(g, S_ISDIR(st.st_mode) ? 'd' : 'f', &st, path, "");
	return S_ISDIR(st.st_mode) ? hash_tree(g, fd, path, err) : hash_content(g, fd, path, err);
}

/* Left out, and nothing in it comes back. */
static bool left_out(const struct ignore *except, const char *path)
{
	return except && ignore_match(except, path) && !ignore_may_keep_below(except, path);
}

static int hash_tree(struct hashing *g, int dir, const char *path, struct err *err)
{
	auto_strv char **names = NULL;
	int r = list(dir, &names);

	if (r < 0)
		return err_sys(err, r, "read %.200s", path);
	for (char **n = names; r == 0 && n && *n; n++) {
		auto_free char *below = join(path, *n);

		if (!left_out(g->except, below))
			r = hash_entry(g, dir, *n, below, err);
	}
	return r;
}

int files_hash(
	int root, const char *path, const struct ignore *except, struct hash *h, struct err *err)
{
	auto_free char *block = xmalloc(COPY_BLOCK);
	struct hashing g = { h, except, block };
	const char *slash = strrchr(path, '/');
	struct stat st;
	auto_fd int fd = files_open(root, path, &st, err);

	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode)) {
		hash_line(&g, 'd', &st, "", "");
		return hash_tree(&g, fd, "", err);
	}
	hash_line(&g, 'f', &st, slash ? slash + 1 : path, "");
	return hash_content(&g, fd, path, err);
}

/* ---- copying */

struct copying {
	struct tree *tree;
	const struct files_how *how;
	char *block;
	struct inodes links; /* of what is copied, to its place in the tree */
};

static int meta_of(struct copying *c, const struct stat *st, const char *path,
	struct tree_meta *ret, struct err *err)
{
	unsigned mode = st->st_mode & 07777;
	int r = 0;

	if (c->how->chmod && !S_ISLNK(st->st_mode))
		r = df_chmod(c->how->chmod, mode, S_ISDIR(st->st_mode), &mode, err);
	if (r < 0)
		return err_prefix(err, "%.200s", path);
	*ret = (struct tree_meta){
		.mode = mode,
		.uid = c->how->own ? c->how->uid : st->st_uid,
		.gid = c->how->own ? c->how->gid : st->st_gid,
		.mtime = st->st_mtim,
	};
	return 0;
}

static int copy_content(struct copying *c, int from, int to, const char *path, struct err *err)
{
	ssize_t n;

	while ((n = read(from, c->block, COPY_BLOCK)) > 0) {
		int r = fd_write_all(to, c->block, (size_t)n);

		if (r < 0)
			return err_sys(err, r, "write %.200s", path);
	}
	return n < 0 ? err_sys(err, errno, "read %.200s", path) : 0;
}

/* tree_xattr() knows which ones a layer may have. */
static int copy_xattrs(struct copying *c, int from, int to, const char *path, struct err *err)
{
	auto_free char *names = xmalloc(XATTRS_MAX), *value = xmalloc(XATTRS_MAX);
	ssize_t len = flistxattr(from, names, XATTRS_MAX);
	int r = 0;

	for (char *name = names; r == 0 && len > 0 && name < names + len;
		name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, value, XATTRS_MAX);

		if (n >= 0)
			r = tree_xattr(c->tree, to, path, name, value, (size_t)n, err);
	}
	return r;
}

/* A file of several names is copied once: the others are links to the copy. */
static int copy_file(
	struct copying *c, int from, const struct stat *st, const char *to, struct err *err)
{
	const char *first = st->st_nlink > 1 ? inodes_find(&c->links, st) : NULL;
	auto_fd int fd = FD_NONE;
	struct tree_meta m;
	int r;

	if (first)
		return tree_hardlink(c->tree, to, first, err);
	r = meta_of(c, st, to, &m, err);
	if (r == 0)
		r = tree_file_begin(c->tree, to, &fd, err);
	if (r == 0)
		r = copy_content(c, from, fd, to, err);
	if (r == 0)
		r = tree_file_end(c->tree, fd, to, &m, err);
	if (r == 0)
		r = copy_xattrs(c, from, fd, to, err);
	if (r == 0 && st->st_nlink > 1)
		inodes_add(&c->links, st, to);
	return r;
}

static int copy_link(struct copying *c, int dir, const char *name, const struct stat *st,
	const char *to, struct err *err)
{
	auto_free char *target = read_link(dir, name);
	struct tree_meta m;
	int r;

	if (!target)
		return err_sys(err, errno, "read link %.200s", to);
	r = meta_of(c, st, to, &m, err);
	return r < 0 ? r : tree_symlink(c->tree, to, target, &m, err);
}

static int copy_tree(struct copying *c, int dir, const char *rel, const char *to, struct err *err);

static int copy_folder(struct copying *c, int fd, const struct stat *st, const char *rel,
	const char *to, struct err *err)
{
	struct tree_meta m;
	int r = meta_of(c, st, to, &m, err);

	if (r == 0)
		r = tree_dir(c->tree, to, &m, err);
	return r < 0 ? r : copy_tree(c, fd, rel, to, err);
}

/* rel: the path from the top of what is copied, which exceptions are about. */
static int copy_entry(struct copying *c, int dir, const char *name, const char *rel, const char *to,
	struct err *err)
{
	const struct ignore *except = c->how->except;
	bool out = except && ignore_match(except, rel);
	auto_fd int fd = FD_NONE;
	struct tree_meta m;
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "read %.200s", rel);
	if (S_ISLNK(st.st_mode))
		return out ? 0 : copy_link(c, dir, name, &st, to, err);
	if (S_ISFIFO(st.st_mode) && !out) {
		r = meta_of(c, &st, to, &m, err);
		return r < 0 ? r : tree_fifo(c->tree, to, &m, err);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	if (out && (!S_ISDIR(st.st_mode) || !ignore_may_keep_below(except, rel)))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "read %.200s", rel);
	if (S_ISREG(st.st_mode))
		return copy_file(c, fd, &st, to, err);
	/* of a folder that is left out only what comes back is made, with the folders it needs */
	return out ? copy_tree(c, fd, rel, to, err) : copy_folder(c, fd, &st, rel, to, err);
}

static int copy_tree(struct copying *c, int dir, const char *rel, const char *to, struct err *err)
{
	auto_strv char **names = NULL;
	int r = list(dir, &names);

	if (r < 0)
		return err_sys(err, r, "read %.200s", rel);
	for (char **n = names; r == 0 && n && *n; n++) {
		auto_free char *below = join(rel, *n), *into = join(to, *n);

		r = copy_entry(c, dir, *n, below, into, err);
	}
	return r;
}

int files_copy(int root, const char *path, struct tree *tree, const char *to,
	const struct files_how *how, struct err *err)
{
	auto_free char *block = xmalloc(COPY_BLOCK);
	struct copying c = { .tree = tree, .how = how, .block = block };
	const char *slash = strrchr(path, '/');
	struct stat st;
	auto_fd int fd = files_open(root, path, &st, err);
	int r;

	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode)) {
		r = copy_tree(&c, fd, "", to, err);
		inodes_clear(&c.links);
		return r;
	}
	if (how->except && ignore_match(how->except, slash ? slash + 1 : path))
		return 0;
	st.st_nlink = 1; /* nothing else is copied */
	return copy_file(&c, fd, &st, to, err);
}
