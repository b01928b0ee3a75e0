/* worker/hash.h - SHA-256 as image stores write it: "sha256:HEX". */
#pragma once

#include <stddef.h>

#include "base/str.h"

#define DIGEST_SIZE (sizeof("sha256:") + ID_LEN)

struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *data, size_t len);
/* Ends the sum; the hash can only be freed afterwards. */
void hash_end(struct hash *h, char ret[DIGEST_SIZE]);
void hash_free(struct hash *h);
static inline void hash_free_ptr(struct hash **h)
{
	hash_free(*h);
}
#define auto_hash __attribute__((cleanup(hash_free_ptr)))

void hash_bytes(const void *data, size_t len, char ret[DIGEST_SIZE]);
