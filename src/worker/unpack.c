/* Two libarchive readers stand behind each other: the first takes compression off (or is not there if
 * there is none), the second reads the tar. What comes out of it is hashed, which gives the
 * diff-id. libarchive only parses; files are made by worker/tree.c. */
#include "worker/unpack.h"
#include "worker/disk.h"

#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "worker/archive.h"
#include "worker/tree.h"

#define BLOCK    (256 * 1024)
#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

struct unpack {
	struct source *source;
	off_t offset; /* next to read from source */
	char *block;
	bool literal;
	struct archive *plain; /* takes compression off; NULL: none */
	struct hash *hash;     /* NULL: not wanted */
	struct tree *tree;
	int dir;
	int64_t size;
	unsigned entries_left;
	int failed; /* -errno of the source */
};

/* ---- bytes */

static ssize_t read_source(struct unpack *u, const void **ret)
{
	ssize_t n = source_read(u->source, u->offset, u->block, BLOCK);

	*ret = u->block;
	if (n < 0)
		u->failed = (int)n;
	else
		u->offset += n;
	return n;
}

static la_ssize_t plain_read(struct archive *a, void *arg, const void **ret)
{
	ssize_t n = read_source(arg, ret);

	if (n < 0)
		archive_set_error(a, (int)-n, "read blob: %s", strerror((int)-n));
	return n;
}

/* The next bytes of the uncompressed tar. */
static ssize_t next_bytes(struct unpack *u, const void **ret)
{
	la_int64_t offset;
	size_t n = 0;
	int r;

	if (!u->plain)
		return read_source(u, ret);
	do
		r = archive_read_data_block(u->plain, ret, &n, &offset);
	while (r == ARCHIVE_OK && n == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? (ssize_t)n : -EBADMSG;
}

static la_ssize_t tar_read(struct archive *a, void *arg, const void **ret)
{
	struct unpack *u = arg;
	ssize_t n = next_bytes(u, ret);

	if (n > 0 && u->hash)
		hash_add(u->hash, *ret, (size_t)n);
	if (n < 0)
		archive_set_error(a, (int)-n, "%s",
			u->plain && archive_error_string(u->plain) ? archive_error_string(u->plain)
								   : strerror((int)-n));
	return n;
}

static bool is_tar(const unsigned char *p, size_t len)
{
	return len >= 263 && memcmp(p + 257, "ustar", 5) == 0;
}

bool layer_magic(const void *data, size_t len)
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = {
		{ "\x1f\x8b\x08", 3 },     /* gzip */
		{ "\x28\xb5\x2f\xfd", 4 }, /* zstd */
		{ "BZh", 3 },
		{ "\xfd"
		  "7zXZ",
			5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (len >= magics[i].len && memcmp(data, magics[i].bytes, magics[i].len) == 0)
			return true;
	return is_tar(data, len);
}

static int archive_fail(const struct unpack *u, struct archive *a, struct err *err)
{
	return u->failed ? err_sys(err, u->failed, "read layer") : archive_invalid(a, "layer", err);
}

/* Puts the first reader there if the source is compressed. */
static int open_plain(struct unpack *u, struct err *err)
{
	unsigned char head[LAYER_MAGIC_LEN];
	struct archive_entry *entry;
	ssize_t n = source_read(u->source, 0, head, sizeof(head));

	if (n < 0)
		return err_sys(err, (int)n, "read layer");
	if (!layer_magic(head, (size_t)n) || is_tar(head, (size_t)n))
		return 0;
	u->plain = archive_reader_new();
	(void)archive_read_support_format_raw(u->plain);
	if (archive_read_open(u->plain, u, NULL, plain_read, NULL) != ARCHIVE_OK ||
		archive_read_next_header(u->plain, &entry) != ARCHIVE_OK)
		return archive_fail(u, u->plain, err);
	return 0;
}

/* ---- entries */

static void read_meta(struct archive_entry *e, struct tree_meta *ret)
{
	*ret = (struct tree_meta){
		.mode = archive_entry_perm(e),
		.uid = (uid_t)archive_entry_uid(e),
		.gid = (gid_t)archive_entry_gid(e),
		.mtime = { .tv_sec = archive_entry_mtime(e),
			.tv_nsec = archive_entry_mtime_nsec(e) },
	};
}

static int write_at(int fd, const char *p, size_t len, off_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_data(struct unpack *u, struct archive *a, int fd, const char *path, struct err *err)
{
	const void *data;
	la_int64_t offset = 0, end = 0;
	size_t n;
	int r;

	while ((r = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK ||
		r == ARCHIVE_WARN) {
		int w = write_at(fd, data, n, offset);

		if (w < 0)
			return err_sys(err, w, "unpack %.200s", path);
		end = offset + (la_int64_t)n;
		if (!disk_takes(u->dir, u->size, (int64_t)n))
			return err_sys(err, ENOSPC, "unpack layer");
		u->size += (int64_t)n;
	}
	if (r != ARCHIVE_EOF)
		return archive_fail(u, a, err);
	/* a sparse file may end with a hole */
	if (offset > end && ftruncate(fd, offset) < 0)
		return err_sys(err, errno, "unpack %.200s", path);
	return 0;
}

static int set_xattrs(
	struct unpack *u, struct archive_entry *e, int fd, const char *path, struct err *err)
{
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		int r = name ? tree_xattr(u->tree, fd, path, name, value, len, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int unpack_file(struct unpack *u, struct archive *a, struct archive_entry *e,
	const char *path, const struct tree_meta *m, struct err *err)
{
	auto_fd int fd = FD_NONE;
	int r;

	r = tree_file_begin(u->tree, path, &fd, err);
	if (r == 0)
		r = copy_data(u, a, fd, path, err);
	if (r == 0 && archive_entry_sparse_count(e) > 0 && ftruncate(fd, archive_entry_size(e)) < 0)
		r = err_sys(err, errno, "unpack %.200s", path);
	if (r == 0)
		r = tree_file_end(u->tree, fd, path, m, err);
	/* after the owner, whose change takes capabilities away */
	if (r == 0)
		r = set_xattrs(u, e, fd, path, err);
	return r;
}

static int unpack_dir(struct unpack *u, struct archive_entry *e, const char *path,
	const struct tree_meta *m, struct err *err)
{
	int r = tree_dir(u->tree, path, m, err);

	return r < 0 ? r : set_xattrs(u, e, FD_NONE, path, err);
}

/* 1: it was one; 0: an entry like any other. */
static int unpack_whiteout(struct unpack *u, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	auto_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0), *hidden = NULL;
	const char *rest;
	int r;

	if (!str_starts(name, WHITEOUT))
		return 0;
	if (str_eq(name, OPAQUE)) {
		r = tree_opaque(u->tree, folder, err);
		return r < 0 ? r : 1;
	}
	rest = name + strlen(WHITEOUT);
	if (str_starts(rest, WHITEOUT))
		return 1; /* bookkeeping of a forgotten file system */
	if (!*rest || str_eq(rest, ".") || str_eq(rest, ".."))
		return err_set(err, ERR_INVALID, EINVAL, "%.200s: invalid whiteout", path);
	hidden = xasprintf("%s%s%s", folder, slash ? "/" : "", rest);
	r = tree_whiteout(u->tree, hidden, err);
	return r < 0 ? r : 1;
}

static int unpack_link(struct unpack *u, const char *path, const char *link, struct err *err)
{
	auto_free char *target = NULL;
	int r = tree_clean_path(link, &target, err);

	return r < 0 ? r : tree_hardlink(u->tree, path, target, err);
}

static int unpack_entry(
	struct unpack *u, struct archive *a, struct archive_entry *e, struct err *err)
{
	const char *raw = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	auto_free char *path = NULL;
	struct tree_meta m;
	int r;

	if (!raw || (archive_entry_filetype(e) == AE_IFLNK && !archive_entry_symlink(e)))
		return err_set(err, ERR_INVALID, EBADMSG, "invalid layer: an entry without a name");
	r = tree_clean_path(raw, &path, err);
	if (r == 0 && !u->literal)
		r = unpack_whiteout(u, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (link)
		return unpack_link(u, path, link, err);
	read_meta(e, &m);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG: return unpack_file(u, a, e, path, &m, err);
	case AE_IFDIR: return unpack_dir(u, e, path, &m, err);
	case AE_IFLNK: return tree_symlink(u->tree, path, archive_entry_symlink(e), &m, err);
	case AE_IFIFO: return tree_fifo(u->tree, path, &m, err);
	default: return 0; /* device nodes and sockets: a container's are made by its runtime */
	}
}

static int unpack_entries(struct unpack *u, struct archive *tar, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(tar, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (u->entries_left-- == 0)
			return err_set(err, ERR_INVALID, E2BIG, "layer has too many entries");
		r = unpack_entry(u, tar, e, err);
		if (r < 0)
			return r;
	}
	return r == ARCHIVE_EOF ? 0 : archive_fail(u, tar, err);
}

/* What follows the end of the tar belongs to the diff-id as well. */
static int read_rest(struct unpack *u, struct err *err)
{
	const void *data;
	ssize_t n;

	while ((n = next_bytes(u, &data)) > 0)
		if (u->hash)
			hash_add(u->hash, data, (size_t)n);
	if (n < 0)
		return u->plain ? archive_fail(u, u->plain, err)
				: err_sys(err, (int)n, "read layer");
	return 0;
}

static int unpack_tar(struct unpack *u, struct err *err)
{
	struct archive *tar = archive_read_new();
	int r;

	if (!tar)
		abort();
	(void)archive_read_support_format_tar(tar);
	(void)archive_read_support_format_empty(tar);
	if (archive_read_open(tar, u, NULL, tar_read, NULL) != ARCHIVE_OK)
		r = archive_fail(u, tar, err);
	else
		r = unpack_entries(u, tar, err);
	(void)archive_read_free(tar);
	return r == 0 ? read_rest(u, err) : r;
}

int layer_unpack(struct source *source, int dir, const struct unpack_how *how, struct unpacked *ret,
	struct err *err)
{
	auto_free char *block = xmalloc(BLOCK);
	auto_hash struct hash *hash = NULL;
	struct unpack u = { .source = source,
		.block = block,
		.dir = dir,
		.literal = how->literal,
		.entries_left = how->entries_max };
	int r;

	u.tree = tree_new(dir, how->squash);
	r = open_plain(&u, err);
	if (u.plain || how->hash_plain)
		u.hash = hash = hash_new();
	if (r == 0)
		r = unpack_tar(&u, err);
	if (r == 0)
		r = tree_finish(u.tree, err);
	if (u.plain)
		(void)archive_read_free(u.plain);
	tree_free(u.tree);
	if (r < 0)
		return r;
	*ret = (struct unpacked){ .size = u.size };
	if (hash)
		hash_end(hash, ret->diff_id);
	return 0;
}
