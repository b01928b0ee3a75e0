#include "base/jsonw.h"

#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"

size_t utf8_sequence(const unsigned char *s, size_t len)
{
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void json_quote(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	buf_addc(out, '"');
	while (p < end) {
		const unsigned char *plain = p;
		size_t n;

		while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
			p++;
		buf_add(out, plain, (size_t)(p - plain));
		if (p == end)
			break;
		if (*p >= 0x80) {
			n = utf8_sequence(p, (size_t)(end - p));
			if (n)
				buf_add(out, p, n);
			else
				buf_adds(out, "\\ufffd");
			p += n ? n : 1;
			continue;
		}
		switch (*p) {
		case '"': buf_adds(out, "\\\""); break;
		case '\\': buf_adds(out, "\\\\"); break;
		case '\n': buf_adds(out, "\\n"); break;
		case '\r': buf_adds(out, "\\r"); break;
		case '\t': buf_adds(out, "\\t"); break;
		default: buf_printf(out, "\\u%04x", *p); break;
		}
		p++;
	}
	buf_addc(out, '"');
}

static void before(struct jsonw *w, const char *key)
{
	if (w->comma)
		buf_addc(w->out, ',');
	w->comma = true;
	if (key) {
		json_quote(w->out, key, strlen(key));
		buf_addc(w->out, ':');
	}
}

static void open_with(struct jsonw *w, const char *key, char bracket)
{
	before(w, key);
	buf_addc(w->out, bracket);
	w->comma = false;
}

static void close_with(struct jsonw *w, char bracket)
{
	buf_addc(w->out, bracket);
	w->comma = true;
}

void jw_object(struct jsonw *w, const char *key)
{
	open_with(w, key, '{');
}

void jw_object_end(struct jsonw *w)
{
	close_with(w, '}');
}

void jw_array(struct jsonw *w, const char *key)
{
	open_with(w, key, '[');
}

void jw_array_end(struct jsonw *w)
{
	close_with(w, ']');
}

void jw_strn(struct jsonw *w, const char *key, const char *value, size_t len)
{
	before(w, key);
	json_quote(w->out, value, len);
}

void jw_str(struct jsonw *w, const char *key, const char *value)
{
	jw_strn(w, key, value ? value : "", value ? strlen(value) : 0);
}

void jw_int(struct jsonw *w, const char *key, int64_t value)
{
	char text[24];

	before(w, key);
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	buf_adds(w->out, text);
}

void jw_uint(struct jsonw *w, const char *key, uint64_t value)
{
	char text[24];

	before(w, key);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	buf_adds(w->out, text);
}

void jw_bool(struct jsonw *w, const char *key, bool value)
{
	before(w, key);
	buf_adds(w->out, value ? "true" : "false");
}

void jw_null(struct jsonw *w, const char *key)
{
	before(w, key);
	buf_adds(w->out, "null");
}

void jw_time(struct jsonw *w, const char *key, int64_t ns)
{
	char text[TIME_TEXT];

	jw_str(w, key, time_rfc3339(ns, text));
}

void jw_time_known(struct jsonw *w, const char *key, int64_t ns)
{
	char text[TIME_TEXT];

	jw_str(w, key, time_rfc3339_known(ns, text));
}

void jw_strv(struct jsonw *w, const char *key, char *const *v)
{
	jw_array(w, key);
	for (; v && *v; v++)
		jw_str(w, NULL, *v);
	jw_array_end(w);
}

void jw_raw(struct jsonw *w, const char *key, const char *json)
{
	before(w, key);
	buf_adds(w->out, json);
}

void jw_members(struct jsonw *w, const char *members)
{
	if (!*members)
		return;
	before(w, NULL);
	buf_adds(w->out, members);
}
