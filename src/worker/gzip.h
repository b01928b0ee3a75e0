/* worker/gzip.h - a blob that is stored without compression, gzip-compressed while it is read: what
 * registries expect of a layer. The same bytes always come to the same digest. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "worker/hash.h"

struct gzip;

/* Whether the blob can be sent as it is: gzip, or zstd. Anything else (a plain tar; bzip2 and xz, which
 * Docker loads) is to be compressed. */
bool gzip_needless(int fd);

/* Reads fd (borrowed) from its beginning, moving its offset. */
int gzip_new(int fd, struct gzip **ret, struct err *err);
void gzip_free(struct gzip *g);
static inline void gzip_free_ptr(struct gzip **g)
{
	gzip_free(*g);
}
#define auto_gzip __attribute__((cleanup(gzip_free_ptr)))

/* Up to len compressed bytes, 0 at the end; -errno with err. */
ssize_t gzip_read(struct gzip *g, void *data, size_t len, struct err *err);
/* Begins anew: a request is sent again. */
int gzip_rewind(struct gzip *g, struct err *err);
/* Bytes of the uncompressed layer so far. */
int64_t gzip_taken(const struct gzip *g);
/* Once the end was read: what all of it came to. */
void gzip_result(struct gzip *g, char ret_digest[DIGEST_SIZE], int64_t *ret_size);
