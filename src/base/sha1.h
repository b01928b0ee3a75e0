/* base/sha1.h - SHA-1 (RFC 3174), for the handshake of websockets alone.
 *
 * RFC 6455 wants it for a proof that a server has understood the request, which is no secret and protects nothing:
 * that collisions can be made does no harm there. For anything that is to be trusted it is SHA-256, and that is
 * libcrypto's, in the worker. */
#pragma once

#include <stddef.h>

#define SHA1_SIZE 20

void sha1(const void *data, size_t len, unsigned char ret[SHA1_SIZE]);
