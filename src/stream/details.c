#include "stream/details.h"

#include <json-c/json_object.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "json/text.h"

/* Go's url.QueryEscape */
static void add_escaped(struct buf *out, const char *s)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *s; s++) {
		if (*s == ' ')
			buf_addc(out, '+');
		else if (strchr(plain, *s))
			buf_addc(out, *s);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print(struct buf *out, json_object *attrs)
{
	auto_strv char **pairs = NULL;

	if (!json_object_is_type(attrs, json_type_object))
		return;
	json_object_object_foreach(attrs, key, value)
	{
		struct buf pair = { 0 };

		if (!json_object_is_type(value, json_type_string))
			continue;
		add_escaped(&pair, key);
		buf_addc(&pair, '=');
		add_escaped(&pair, json_object_get_string(value));
		strv_add_take(&pairs, buf_steal(&pair));
	}
	if (pairs)
		qsort(pairs, strv_len(pairs), sizeof(*pairs), by_text);
	for (char **p = pairs; p && *p; p++)
		buf_printf(out, "%s%s", out->len ? "," : "", *p);
}

const char *details_text(struct details *d, const char *json, size_t len)
{
	auto_json json_object *attrs = NULL;

	if (!json || len == 0)
		return "";
	if (d->json.len != len || memcmp(d->json.data, json, len) != 0) {
		d->json.len = d->text.len = 0;
		buf_add(&d->json, json, len);
		if (json_parse(json, len, &attrs, NULL) == 0)
			print(&d->text, attrs);
	}
	return d->text.len ? d->text.data : "";
}

void details_clear(struct details *d)
{
	buf_free(&d->json);
	buf_free(&d->text);
}
