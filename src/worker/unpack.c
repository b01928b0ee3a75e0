/* Two libarchive readers stand behind each other: the first takes compression off (or is not there if
 * there is none), the second reads the tar. What comes out of it is hashed, which gives the
 * diff-id. libarchive only parses; files are made by worker/entries.c. */
#include "worker/unpack.h"

#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "worker/archive.h"
#include "worker/entries.h"
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
	struct entries entries;
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
		r = tree_opaque(u->entries.tree, folder, err);
		return r < 0 ? r : 1;
	}
	rest = name + strlen(WHITEOUT);
	if (str_starts(rest, WHITEOUT))
		return 1; /* bookkeeping of a forgotten file system */
	if (!*rest || str_eq(rest, ".") || str_eq(rest, ".."))
		return err_set(err, ERR_INVALID, EINVAL, "%.200s: invalid whiteout", path);
	hidden = xasprintf("%s%s%s", folder, slash ? "/" : "", rest);
	r = tree_whiteout(u->entries.tree, hidden, err);
	return r < 0 ? r : 1;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
	const char *raw = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	auto_free char *path = NULL, *target = NULL;
	int r;

	if (!raw)
		return err_set(err, ERR_INVALID, EBADMSG, "invalid layer: an entry without a name");
	r = tree_clean_path(raw, &path, err);
	if (r == 0 && !u->literal)
		r = unpack_whiteout(u, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = link ? tree_clean_path(link, &target, err) : 0;
	return r < 0 ? r : entry_put(&u->entries, e, path, target, err);
}

static int unpack_entries(struct unpack *u, struct archive *tar, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = entry_next(&u->entries, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (u->entries_left-- == 0)
			return err_set(err, ERR_INVALID, E2BIG, "layer has too many entries");
		r = unpack_entry(u, e, err);
		if (r < 0)
			return u->failed ? archive_fail(u, tar, err) : r;
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
	u->entries.archive = tar;
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
		.entries = { .tree = tree_new(dir, how->squash), .dir = dir, .what = "layer" },
		.literal = how->literal,
		.entries_left = how->entries_max };
	int r;

	r = open_plain(&u, err);
	if (u.plain || how->hash_plain)
		u.hash = hash = hash_new();
	if (r == 0)
		r = unpack_tar(&u, err);
	if (r == 0)
		r = tree_finish(u.entries.tree, err);
	if (u.plain)
		(void)archive_read_free(u.plain);
	tree_free(u.entries.tree);
	if (r < 0)
		return r;
	*ret = (struct unpacked){ .size = u.entries.size };
	if (hash)
		hash_end(hash, ret->diff_id);
	return 0;
}
