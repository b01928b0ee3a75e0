/* base/buf.h - a growing byte buffer, NUL-terminated for convenience. Zero-initialised is empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL while empty and never used */
	size_t len;
	size_t room;
};

void buf_free(struct buf *b); /* leaves it empty and usable */
#define auto_buf __attribute__((cleanup(buf_free)))

void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* Hands the text over (never NULL) and leaves the buffer empty. */
char *buf_steal(struct buf *b);
