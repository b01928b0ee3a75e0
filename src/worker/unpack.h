/* worker/unpack.h - a layer's tar, plain or compressed, becomes a tree of files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "worker/hash.h"
#include "worker/source.h"

struct unpacked {
	char diff_id[DIGEST_SIZE]; /* of the uncompressed tar; "": that is the source, not hashed */
	int64_t size;              /* bytes of its files */
};

/* Whether these first bytes of a file look like a layer: a tar or something compressed. */
bool layer_magic(const void *data, size_t len);
#define LAYER_MAGIC_LEN 512

/* How: squash as in worker/tree.h; hash_plain: hash a source without compression, too (whoever wrote it
 * may know its digest); entries_max: more make it invalid. */
struct unpack_how {
	bool squash, hash_plain;
	bool literal; /* no layer: .wh.NAME is a file like others */
	unsigned entries_max;
};
#define LAYER_ENTRIES_MAX 4000000

/* Unpacks source below dir, an empty folder. The caller has entered the user namespace and may be any
 * thread; the umask is 0. On failure dir holds half a layer. */
int layer_unpack(struct source *source, int dir, const struct unpack_how *how, struct unpacked *ret,
	struct err *err);
