/* base/base64.h - bytes as text in headers (RFC 4648). */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* In either alphabet, padding optional; at most max bytes, added to ret. -EINVAL, -EMSGSIZE. */
int base64_decode(const char *text, size_t max, struct buf *ret);
void base64_encode(const void *data, size_t len, struct buf *ret);
