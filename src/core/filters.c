#include "core/filters.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "json/text.h"

struct filter {
	char *key;
	char **values;
};

struct filters {
	struct filter *items;
	size_t count;
};

#define FILTER_TEXT_MAX 65536
#define PATTERN_MAX     256 /* more than a name can have */

void filters_free(struct filters *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].key);
		strv_free(f->items[i].values);
	}
	free(f->items);
	free(f);
}

static int bad_filters(struct err *err)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid filter");
}

/* {"v":true,…}; a value with false was not chosen. */
static int read_set(json_object *set, char ***ret, struct err *err)
{
	json_object_object_foreach(set, value, chosen)
	{
		if (!json_object_is_type(chosen, json_type_boolean))
			return bad_filters(err);
		if (json_object_get_boolean(chosen))
			strv_add(ret, value);
	}
	return 0;
}

static int read_values(json_object *values, char ***ret, struct err *err)
{
	if (json_object_is_type(values, json_type_object))
		return read_set(values, ret, err);
	if (!json_object_is_type(values, json_type_array))
		return bad_filters(err);
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		json_object *v = json_object_array_get_idx(values, i);

		if (!json_object_is_type(v, json_type_string))
			return bad_filters(err);
		strv_add(ret, json_object_get_string(v));
	}
	return 0;
}

/* What a pattern may not have, NULL if it is fine. The C library copies what an interval or a "+"
 * repeats and looks back without a bound: nested, a line of these takes minutes and gigabytes. */
static const char *pattern_excess(const char *pattern)
{
	char last = '\0';

	if (strlen(pattern) > PATTERN_MAX)
		return "it is too long";
	for (const char *p = pattern; *p; last = *p++) {
		bool repeats = strchr("*+?", *p) && *p;

		if (*p == '{')
			return "intervals (\"{\") are not supported";
		if (*p == '(' && p[1] == '?')
			return "groups with options (\"(?\") are not supported";
		if (repeats && last && strchr(")*+?", last))
			return "repeated groups and repeats of repeats are not supported";
		if (*p != '\\')
			continue;
		if (p[1] >= '0' && p[1] <= '9')
			return "references to groups are not supported";
		if (p[1])
			p++;
	}
	return NULL;
}

static int check_patterns(const struct filter *item, struct err *err)
{
	if (!str_eq(item->key, "name") && !str_eq(item->key, "id"))
		return 0;
	for (char **v = item->values; v && *v; v++) {
		const char *excess = pattern_excess(*v);

		if (excess)
			return err_set(err, ERR_INVALID, EINVAL, "invalid filter '%s=%.256s': %s",
				item->key, *v, excess);
	}
	return 0;
}

static struct filter *add_key(struct filters *f, const char *key)
{
	f->items = xreallocarray(f->items, f->count + 1, sizeof(*f->items));
	f->items[f->count] = (struct filter){ .key = xstrdup(key) };
	return &f->items[f->count++];
}

static int add_filter(struct filters *f, const char *key, json_object *values, struct err *err)
{
	struct filter *item = add_key(f, key);
	int r = read_values(values, &item->values, err);

	return r < 0 ? r : check_patterns(item, err);
}

int filters_parse(
	const char *json, const char *const *allowed, struct filters **ret, struct err *err)
{
	auto_filters struct filters *f = xcalloc(1, sizeof(*f));
	auto_json json_object *doc = NULL;
	int r;

	if (!str_empty(json)) {
		if (strlen(json) > FILTER_TEXT_MAX)
			return bad_filters(err);
		r = json_parse(json, strlen(json), &doc, err);
		if (r < 0)
			return err_prefix(err, "invalid filter");
		if (doc && !json_object_is_type(doc, json_type_object))
			return bad_filters(err);
	}
	if (doc) {
		json_object_object_foreach(doc, key, values)
		{
			if (allowed && !strv_has((char *const *)(uintptr_t)allowed, key))
				return err_set(
					err, ERR_INVALID, EINVAL, "invalid filter '%s'", key);
			r = add_filter(f, key, values, err);
			if (r < 0)
				return r;
		}
	}
	*ret = take_ptr(&f);
	return 0;
}

static struct filter *find(const struct filters *f, const char *key)
{
	for (size_t i = 0; f && i < f->count; i++)
		if (str_eq(f->items[i].key, key))
			return &f->items[i];
	return NULL;
}

void filters_add(struct filters *f, const char *key, const char *value)
{
	struct filter *item = find(f, key);

	if (!item)
		item = add_key(f, key);
	strv_add(&item->values, value);
}

char *const *filters_get(const struct filters *f, const char *key)
{
	const struct filter *item = find(f, key);

	return item ? item->values : NULL;
}

/* Docker prints the list it has of a key's values. */
static int bad_bool(const struct filter *item, struct err *err)
{
	auto_buf struct buf text = { 0 };

	for (char **v = item->values; v && *v && text.len < sizeof(err->msg); v++)
		buf_printf(&text, "%s%.64s", text.len ? " " : "=[", *v);
	if (text.len)
		buf_addc(&text, ']');
	return err_set(err, ERR_INVALID, EINVAL, "invalid filter '%s%s'", item->key,
		text.len ? text.data : "");
}

int filters_bool(const struct filters *f, const char *key, int *ret, struct err *err)
{
	const struct filter *item = find(f, key);
	bool yes = false, no = false;

	*ret = -1;
	if (!item)
		return 0;
	for (char **v = item->values; v && *v; v++) {
		if (str_eq(*v, "1") || strcasecmp(*v, "true") == 0)
			yes = true;
		else if (str_eq(*v, "0") || strcasecmp(*v, "false") == 0)
			no = true;
		else
			return bad_bool(item, err);
	}
	if (yes == no)
		return bad_bool(item, err);
	*ret = yes;
	return 0;
}

/* Here and not in time_parse(): other times come from clients that have done the arithmetic. */
static int parse_local(const char *s, int64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
		"%Y-%m-%d" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(s, forms[i], &tm);
		int day = tm.tm_mday;

		if (!end || *end)
			continue;
		/* mktime() makes the first of March of a 31st of February */
		if (__builtin_mul_overflow((int64_t)mktime(&tm), NSEC_PER_SEC, ret) ||
			tm.tm_mday != day)
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

int filters_time(const struct filters *f, const char *key, int64_t *ret, struct err *err)
{
	char *const *v = filters_get(f, key);
	int64_t ago;

	*ret = 0;
	if (!v || !*v)
		return 0;
	if (v[1])
		return err_set(err, ERR_INVALID, EINVAL, "more than one %s filter specified", key);
	if (parse_local(*v, ret) < 0 && time_parse(*v, ret) < 0) {
		if (duration_parse(*v, &ago) < 0)
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid value for '%s' filter: failed to parse value as time or "
				"duration: \"%.256s\"",
				key, *v);
		*ret = time_now() - ago;
	}
	if (*ret == 0)
		*ret = 1; /* 1970 is a bound, too: nothing is older */
	return 0;
}

static bool label_holds(
	const char *want, const char *(*get)(void *arg, const char *label), void *arg)
{
	const char *eq = strchr(want, '=');
	auto_free char *key = eq ? xstrndup(want, (size_t)(eq - want)) : xstrdup(want);
	const char *have = get(arg, key);

	return have && (!eq || str_eq(have, eq + 1));
}

static bool all_labels_hold(
	char *const *values, const char *(*get)(void *arg, const char *label), void *arg)
{
	for (; *values; values++)
		if (!label_holds(*values, get, arg))
			return false;
	return true;
}

bool filters_match_labels(
	const struct filters *f, const char *(*get)(void *arg, const char *label), void *arg)
{
	char *const *with = filters_get(f, "label"), *const *without = filters_get(f, "label!");

	if (without && *without && all_labels_hold(without, get, arg))
		return false;
	return !with || all_labels_hold(with, get, arg);
}

static void add_escaped(struct buf *out, char c, bool bracket)
{
	const char *set = c == 'd' || c == 'D' ? "0-9" : c == 'w' ? "0-9A-Za-z_" : NULL;

	if (bracket && set)
		buf_adds(out, set);
	else if (bracket)
		buf_printf(out, "[.%c.]", c);
	else if (set)
		buf_printf(out, "[%s%s]", c == 'D' ? "^" : "", set);
	else
		buf_printf(out, "\\%c", c);
}

/* Clients write Go's expressions: those of the C library know no \d, and no escapes in brackets. */
static char *as_posix(const char *pattern)
{
	auto_buf struct buf out = { 0 };
	bool bracket = false;

	for (const char *p = pattern; *p; p++) {
		if (*p == '\\' && p[1]) {
			add_escaped(&out, *++p, bracket);
			continue;
		}
		bracket = bracket ? *p != ']' : *p == '[';
		buf_addc(&out, *p);
	}
	return buf_steal(&out);
}

static bool pattern_matches(const char *pattern, const char *text)
{
	auto_free char *posix = NULL;
	regex_t re;
	bool hit;

	if (strstr(text, pattern))
		return true;
	posix = as_posix(pattern);
	if (regcomp(&re, posix, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	hit = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return hit;
}

bool filters_match_pattern(const struct filters *f, const char *key, const char *text)
{
	char *const *values = filters_get(f, key);

	if (!values)
		return true;
	for (; *values; values++)
		if (pattern_matches(*values, text))
			return true;
	return false;
}
