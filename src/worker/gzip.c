#define ZLIB_CONST /* zlib does not write into its input */
#include "worker/gzip.h"

#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "worker/archive.h"

#define READ_BLOCK  (1024 * 1024)
#define GZIP_WINDOW (15 + 16) /* the largest, and gzip's frame: zlib writes no name and no time */
#define GZIP_MEMORY 8

struct gzip {
	int fd;
	struct archive *source;
	z_stream z;
	struct hash *hash;
	int64_t taken, given;
	bool drained; /* the source has ended */
	bool ended;   /* and so has what we give */
	char digest[DIGEST_SIZE];
};

bool gzip_needless(int fd)
{
	static const char gzip[] = "\x1f\x8b", zstd[] = "\x28\xb5\x2f\xfd";
	char head[4] = { 0 };

	return pread(fd, head, sizeof(head), 0) == sizeof(head) &&
		(memcmp(head, gzip, 2) == 0 || memcmp(head, zstd, 4) == 0);
}

static int source_open(struct gzip *g, struct err *err)
{
	struct archive_entry *e;

	if (lseek(g->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read a layer");
	g->source = archive_reader_new();
	(void)archive_read_support_format_raw(g->source);
	if (archive_read_open_fd(g->source, g->fd, READ_BLOCK) != ARCHIVE_OK ||
		archive_read_next_header(g->source, &e) != ARCHIVE_OK)
		return archive_invalid(g->source, "layer", err);
	return 0;
}

static void reset(struct gzip *g)
{
	(void)archive_read_free(g->source);
	(void)deflateEnd(&g->z);
	hash_free(g->hash);
	*g = (struct gzip){ .fd = g->fd };
}

int gzip_rewind(struct gzip *g, struct err *err)
{
	reset(g);
	g->hash = hash_new();
	if (deflateInit2(&g->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* only for want of memory */
	return source_open(g, err);
}

int gzip_new(int fd, struct gzip **ret, struct err *err)
{
	auto_gzip struct gzip *g = xcalloc(1, sizeof(*g));
	int r;

	g->fd = fd;
	r = gzip_rewind(g, err);
	if (r < 0)
		return r;
	*ret = take_ptr(&g);
	return 0;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	reset(g);
	free(g);
}

/* Gives zlib the next block; the source's memory stays valid until the next call. */
static int take_block(struct gzip *g, struct err *err)
{
	const void *data;
	la_int64_t offset;
	size_t n = 0;
	int r;

	while ((r = archive_read_data_block(g->source, &data, &n, &offset)) == ARCHIVE_OK && !n)
		;
	if (r == ARCHIVE_EOF) {
		g->drained = true;
		return 0;
	}
	if (r != ARCHIVE_OK)
		return archive_invalid(g->source, "layer", err);
	g->taken += (int64_t)n;
	g->z.next_in = data;
	g->z.avail_in = (uInt)n; /* libarchive's blocks are no larger than READ_BLOCK */
	return 0;
}

ssize_t gzip_read(struct gzip *g, void *data, size_t len, struct err *err)
{
	size_t n;
	int r = 0;

	g->z.next_out = data;
	g->z.avail_out = (uInt)len;
	while (!g->ended && g->z.avail_out) {
		if (!g->z.avail_in && !g->drained)
			r = take_block(g, err);
		if (r < 0)
			return r;
		if (deflate(&g->z, g->drained ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END) {
			g->ended = true;
			hash_add(g->hash, data, len - g->z.avail_out);
			hash_end(g->hash, g->digest);
		}
	}
	n = len - g->z.avail_out;
	if (!g->ended)
		hash_add(g->hash, data, n);
	g->given += (int64_t)n;
	return (ssize_t)n;
}

int64_t gzip_taken(const struct gzip *g)
{
	return g->taken;
}

void gzip_result(struct gzip *g, char ret_digest[DIGEST_SIZE], int64_t *ret_size)
{
	memcpy(ret_digest, g->digest, DIGEST_SIZE);
	*ret_size = g->given;
}
