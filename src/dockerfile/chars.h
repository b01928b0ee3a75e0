/* dockerfile/chars.h - text as characters, for patterns: "?" is one of them. A byte that is not UTF-8 counts
 * as a character of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chars {
	uint32_t *c;  /* code points, beyond them for lone bytes */
	uint32_t *at; /* offset of each in the text, and of the end */
	size_t n;
};

/* text is shorter than 4 GiB. */
void chars_read(const char *text, struct chars *ret);
void chars_free(struct chars *s);
#define auto_chars __attribute__((cleanup(chars_free)))

/* The character at s, which is not at its end, and the bytes it takes. */
uint32_t char_read(const char *s, size_t *used);
