#include "worker/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

#define SHA256_SIZE 32

/* libcrypto only fails here for want of memory. */
struct hash {
	EVP_MD_CTX *ctx;
};

struct hash *hash_new(void)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL))
		abort();
	return h;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(h->ctx, data, len))
		abort();
}

void hash_end(struct hash *h, char ret[DIGEST_SIZE])
{
	unsigned char sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	if (!EVP_DigestFinal_ex(h->ctx, sum, NULL))
		abort();
	hex_encode(sum, sizeof(sum), hex);
	(void)snprintf(ret, DIGEST_SIZE, "sha256:%s", hex);
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hash_bytes(const void *data, size_t len, char ret[DIGEST_SIZE])
{
	auto_hash struct hash *h = hash_new();

	hash_add(h, data, len);
	hash_end(h, ret);
}
