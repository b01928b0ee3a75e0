#include "base/base64.h"

#include <errno.h>
#include <string.h>

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(const char *text, size_t max, struct buf *ret)
{
	size_t len = strlen(text), padding = 0;
	unsigned bits = 0;

	while (padding < 2 && len && text[len - 1] == '=') {
		len--;
		padding++;
	}
	if (len % 4 == 1 || (padding && (len + padding) % 4))
		return -EINVAL;
	if (len / 4 * 3 > max)
		return -EMSGSIZE;
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text[i]);

		if (v < 0)
			return -EINVAL;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		/* the 2nd, 3rd and 4th digit each complete a byte */
		if (i % 4)
			buf_addc(ret, (char)(bits >> (6 - 2 * (i % 4))));
	}
	return 0;
}

void base64_encode(const void *data, size_t len, struct buf *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			(n > 2 ? p[i + 2] : 0);

		for (size_t d = 0; d < 4; d++)
			buf_addc(ret, d <= n ? digits[v >> (18 - 6 * d) & 63] : '=');
	}
}
