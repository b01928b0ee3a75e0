/* build/cache.h - what steps came to, for the next build that comes the same way: data/build/cache/HEX,
 * one small record each.
 *
 * HEX is the step's key: a hash over the key of the step before, the instruction with its variables
 * replaced, and the contents of the files it takes. So a key stands for everything that led to it, and an
 * entry needs no list of conditions. The record's layer is needed as long as the record is there
 * (oci/garbage.h); the record itself is no promise: where it is missing or its layer is, the step is
 * carried out. Records are not sent to the disk at once: what a power cut takes is made again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/layer.h"
#include "worker/hash.h"

struct cached {
	int64_t created;         /* ns since 1970 */
	char layer[DIGEST_SIZE]; /* of a plain tar: blob and diff-id; "": no layer */
	int64_t size;            /* of the blob */
};

/* Appends to a key: the new one stands for key, then text. */
void key_add(char key[DIGEST_SIZE], const char *text);

/* Whether there is one, all of it. */
bool cache_get(const struct dirs *d, const char *key, struct cached *ret);
/* Best effort: a step that cannot be remembered is a step done all the same. */
void cache_put(const struct dirs *d, const char *key, const struct cached *c);
