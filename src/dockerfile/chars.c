#include "dockerfile/chars.h"

#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"

#define LONE_BYTE UINT32_C(0x110000) /* behind the last code point */

uint32_t char_read(const char *s, size_t *used)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = *p < 0x80 ? 0 : utf8_sequence(p, strnlen(s, 4));
	uint32_t c;

	*used = n ? n : 1;
	if (*p < 0x80)
		return *p;
	if (!n)
		return LONE_BYTE + *p;
	c = *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

void chars_read(const char *text, struct chars *ret)
{
	size_t len = strlen(text), used, n = 0;

	ret->c = xcalloc(len + 1, sizeof(*ret->c));
	ret->at = xcalloc(len + 1, sizeof(*ret->at));
	for (size_t i = 0; i < len; i += used) {
		ret->at[n] = (uint32_t)i;
		ret->c[n++] = char_read(text + i, &used);
	}
	ret->at[n] = (uint32_t)len;
	ret->n = n;
}

void chars_free(struct chars *s)
{
	free(s->c);
	free(s->at);
	*s = (struct chars){ 0 };
}
