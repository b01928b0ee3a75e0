#include "monitor/keys.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

#define KEYS_DEFAULT "ctrl-p,ctrl-q"
#define CTRL(c)      ((unsigned char)((c)&0x1f))

static int parse_key(const char *text, size_t len)
{
	static const char prefix[] = "ctrl-";
	size_t n = sizeof(prefix) - 1;
	char c;

	if (len == 1)
		return (unsigned char)*text;
	if (len != n + 1 || strncmp(text, prefix, n) != 0)
		return -EINVAL;
	c = text[n];
	if ((c >= 'a' && c <= 'z') || c == '@' || (c >= '[' && c <= '_'))
		return CTRL(c);
	return -EINVAL;
}

int keys_parse(const char *text, struct keys *ret)
{
	struct keys k = { 0 };

	if (str_empty(text))
		text = KEYS_DEFAULT;
	for (;;) {
		size_t len = strcspn(text, ",");
		int key = parse_key(text, len);

		if (key < 0 || k.len == KEYS_MAX)
			return -EINVAL;
		k.sequence[k.len++] = (unsigned char)key;
		if (!text[len])
			break;
		text += len + 1;
	}
	*ret = k;
	return 0;
}

/* The withheld keys and byte do not make the sequence: lets the fewest keys out of the front after
 * which the rest is a beginning of the sequence again. */
static size_t let_out(struct keys *k, unsigned char *out)
{
	size_t shift = 1;

	while (shift < k->matched &&
		memcmp(k->sequence + shift, k->sequence, k->matched - shift) != 0)
		shift++;
	memcpy(out, k->sequence, shift);
	k->matched -= shift;
	return shift;
}

bool keys_scan(
	struct keys *k, const unsigned char *in, size_t len, unsigned char *out, size_t *ret_len)
{
	size_t n = 0;
	bool complete = false;

	for (size_t i = 0; i < len && !complete; i++) {
		while (k->matched && in[i] != k->sequence[k->matched])
			n += let_out(k, out + n);
		if (in[i] == k->sequence[k->matched])
			complete = ++k->matched == k->len;
		else
			out[n++] = in[i];
	}
	if (complete)
		k->matched = 0;
	*ret_len = n;
	return complete;
}
