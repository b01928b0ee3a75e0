#include "state/logrecord.h"

#include <endian.h>
#include <string.h>

#include "base/timefmt.h"

/* A place in a line. p only moves forward and never past end, which holds no more bytes of the line. */
struct cursor {
	char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r'))
		c->p++;
}

static bool eat(struct cursor *c, char what)
{
	skip_blanks(c);
	if (c->p >= c->end || *c->p != what)
		return false;
	c->p++;
	return true;
}

/* The first quote or backslash from p on, or end; eight bytes at a time as in logfile_write.c. */
static char *skip_plain(char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7;

	for (; end - p >= 8; p += 8) {
		uint64_t v, quote, slash, found;

		memcpy(&v, p, sizeof(v));
		v = le64toh(v);
		quote = v ^ (ones * '"');
		slash = v ^ (ones * '\\');
		found = (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops;
		if (found)
			return p + __builtin_ctzll(found) / 8;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* What follows "\u": one escape, or two that form a surrogate pair. A lone half becomes U+FFFD. The
 * result is never longer than the escape. */
static bool decode_unicode(struct cursor *c, char **to)
{
	int high = hex4(c->p, c->end), low;
	uint32_t v;

	if (high < 0)
		return false;
	c->p += 4;
	v = (uint32_t)high;
	if (high >= 0xd800 && high <= 0xdfff) {
		v = 0xfffd;
		low = c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u'
			? hex4(c->p + 2, c->end)
			: -1;
		if (high < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
			v = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
			c->p += 6;
		}
	}
	*to = put_utf8(*to, v);
	return true;
}

/* What follows a backslash. */
static bool decode_escape(struct cursor *c, char **to)
{
	char out;

	if (c->p >= c->end)
		return false;
	switch (*c->p++) {
	case '"': out = '"'; break;
	case '\\': out = '\\'; break;
	case '/': out = '/'; break;
	case 'b': out = '\b'; break;
	case 'f': out = '\f'; break;
	case 'n': out = '\n'; break;
	case 'r': out = '\r'; break;
	case 't': out = '\t'; break;
	case 'u': return decode_unicode(c, to);
	default: return false;
	}
	*(*to)++ = out;
	return true;
}

/* A string, decoded over itself; the text up to the first escape stays where it is. */
static bool decode_string(struct cursor *c, char **ret, size_t *ret_len)
{
	char *text, *to, *special;

	if (!eat(c, '"'))
		return false;
	text = to = c->p;
	for (;;) {
		size_t n;

		special = skip_plain(c->p, c->end);
		if (special == c->end)
			return false;
		n = (size_t)(special - c->p);
		if (to != c->p)
			memmove(to, c->p, n);
		to += n;
		c->p = special + 1;
		if (*special == '"')
			break;
		if (!decode_escape(c, &to))
			return false;
	}
	*ret = text;
	*ret_len = (size_t)(to - text);
	return true;
}

/* A string, left as it is. */
static bool skip_string(struct cursor *c)
{
	if (!eat(c, '"'))
		return false;
	for (;;) {
		c->p = skip_plain(c->p, c->end);
		if (c->end - c->p < 2)
			return c->p < c->end && *c->p++ == '"';
		if (*c->p++ == '"')
			return true;
		c->p++; /* what the backslash escapes */
	}
}

/* Any value; nested ones by counting brackets outside strings. */
static bool skip_value(struct cursor *c)
{
	int depth = 0;

	for (skip_blanks(c); c->p < c->end; c->p++) {
		switch (*c->p) {
		case '"':
			if (!skip_string(c))
				return false;
			c->p--;
			break;
		case '{':
		case '[': depth++; break;
		case '}':
		case ']':
			if (depth == 0)
				return true;
			depth--;
			break;
		case ',':
			if (depth == 0)
				return true;
			break;
		}
	}
	return false;
}

static int64_t record_time(const char *text, size_t len)
{
	char copy[TIME_TEXT];
	int64_t ns;

	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return time_parse(copy, &ns) < 0 ? 0 : ns;
}

static bool is_key(const char *key, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(key, name, len) == 0;
}

/* One "key": value of the record. */
static bool decode_member(struct cursor *c, struct log_record *rec)
{
	char *key, *text;
	size_t key_len, len;

	if (!decode_string(c, &key, &key_len) || !eat(c, ':'))
		return false;
	if (is_key(key, key_len, "log")) {
		if (!decode_string(c, &text, &len))
			return false;
		rec->text = text;
		rec->len = len;
	} else if (is_key(key, key_len, "stream")) {
		if (!decode_string(c, &text, &len))
			return false;
		rec->stream = is_key(text, len, "stderr") ? STREAM_STDERR : STREAM_STDOUT;
	} else if (is_key(key, key_len, "time")) {
		if (!decode_string(c, &text, &len))
			return false;
		rec->time = record_time(text, len);
	} else if (is_key(key, key_len, "attrs")) {
		skip_blanks(c);
		rec->attrs = c->p;
		if (!skip_value(c))
			return false;
		rec->attrs_len = (size_t)(c->p - rec->attrs);
	} else {
		return skip_value(c);
	}
	return true;
}

/* Whether what follows the text is the same as for the last record, which most often saves decoding it.
 * If not, it is remembered for the next one. */
static bool same_tail(struct log_decoder *d, const struct cursor *c, struct log_record *rec)
{
	size_t len = (size_t)(c->end - c->p);

	if (len > 0 && len == d->tail_len && memcmp(c->p, d->tail, len) == 0) {
		rec->stream = d->tail_says.stream;
		rec->time = d->tail_says.time;
		rec->attrs = d->tail_says.attrs ? c->p + d->attrs_at : NULL;
		rec->attrs_len = d->tail_says.attrs_len;
		return true;
	}
	d->tail_len = len <= sizeof(d->tail) ? len : 0;
	memcpy(d->tail, c->p, d->tail_len);
	return false;
}

static bool decode_members(struct cursor *c, char before, struct log_record *rec)
{
	for (; eat(c, before); before = ',')
		if (!decode_member(c, rec))
			return false;
	return eat(c, '}') && rec->text;
}

bool log_decode(struct log_decoder *d, char *line, size_t len, struct log_record *ret)
{
	static const char start[] = "{\"log\":"; /* as everybody writes it */
	struct cursor c = { .p = line, .end = line + len };
	struct log_record rec = { .stream = STREAM_STDOUT };
	const char *tail;
	char *text;

	if (len < strlen(start) || memcmp(line, start, strlen(start)) != 0) {
		if (!decode_members(&c, '{', &rec))
			return false;
		*ret = rec;
		return true;
	}
	c.p += strlen(start);
	if (!decode_string(&c, &text, &rec.len))
		return false;
	rec.text = text;
	tail = c.p;
	if (!same_tail(d, &c, &rec)) {
		if (!decode_members(&c, ',', &rec)) {
			d->tail_len = 0;
			return false;
		}
		d->tail_says = rec;
		d->attrs_at = rec.attrs ? (size_t)(rec.attrs - tail) : 0;
	}
	*ret = rec;
	return true;
}
