#include "json/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

#define WHERE_MAX 160

static int wrong_type(struct err *err, const char *where, const char *key, const char *want)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %s%s must be %s", where, key, want);
}

/* Text that C can hold: json-c lets \u0000 through. */
static bool plain_string(json_object *v)
{
	return json_object_is_type(v, json_type_string) &&
		strlen(json_object_get_string(v)) == (size_t)json_object_get_string_len(v);
}

static json_object *find_member(json_object *o, const char *key)
{
	json_object *value = NULL;

	if (json_object_object_get_ex(o, key, &value))
		return value;
	json_object_object_foreach(o, name, member) if (strcasecmp(name, key) == 0) return member;
	return NULL;
}

bool json_is_neutral(json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null: return true;
	case json_type_boolean: return !json_object_get_boolean(value);
	case json_type_int: return json_object_get_int64(value) == 0;
	case json_type_double: return json_object_get_double(value) == 0;
	case json_type_string: return json_object_get_string_len(value) == 0;
	case json_type_array: return json_object_array_length(value) == 0;
	case json_type_object: break;
	}
	json_object_object_foreach(value, name, member)
	{
		(void)name;
		if (!json_is_neutral(member))
			return false;
	}
	return true;
}

static int read_strv(
	json_object *v, const char *where, const char *key, char ***ret, struct err *err)
{
	auto_strv char **list = NULL;
	size_t n = 0;

	if (!json_object_is_type(v, json_type_array))
		return wrong_type(err, where, key, "a list of strings");
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		json_object *e = json_object_array_get_idx(v, i);

		if (!plain_string(e))
			return wrong_type(err, where, key, "a list of strings");
		strv_add_sized(&list, &n, json_object_get_string(e));
	}
	*ret = take_ptr(&list);
	return 0;
}

static int read_map(
	json_object *v, const char *where, const char *key, char ***ret, struct err *err)
{
	auto_strv char **map = NULL;
	size_t n = 0;

	if (!json_object_is_type(v, json_type_object))
		return wrong_type(err, where, key, "an object of strings");
	json_object_object_foreach(v, name, value)
	{
		if (!plain_string(value))
			return wrong_type(err, where, key, "an object of strings");
		strv_add_sized(&map, &n, name);
		strv_add_sized(&map, &n, json_object_get_string(value));
	}
	*ret = take_ptr(&map);
	return 0;
}

static int read_words(const struct jfield *f, json_object *v, const char *where, struct jwords *ret,
	struct err *err)
{
	int r;

	if (f->type == J_WORDS && plain_string(v)) {
		strv_add(&ret->list, json_object_get_string(v));
		ret->given = true;
		return 0;
	}
	r = read_strv(v, where, f->key, &ret->list, err);
	if (r == 0)
		ret->given = true;
	return r;
}

static int read_list(const struct jfield *f, json_object *v, const char *where, struct jlist *ret,
	struct err *err)
{
	char inner[WHERE_MAX];
	size_t n;

	if (!json_object_is_type(v, json_type_array))
		return wrong_type(err, where, f->key, "a list");
	n = json_object_array_length(v);
	ret->items = xcalloc(n ? n : 1, f->size);
	for (size_t i = 0; i < n; i++) {
		int r;

		(void)snprintf(inner, sizeof(inner), "%s%s[%zu].", where, f->key, i);
		r = jfields_read(f->fields, json_object_array_get_idx(v, i), inner,
			(char *)ret->items + i * f->size, err);
		if (r < 0)
			return r;
		ret->count++;
	}
	return 0;
}

static int check_refused(const struct jfield *f, json_object *v, const char *where, struct err *err)
{
	if (json_is_neutral(v))
		return 0;
	if (f->neutral &&
		str_eq(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN), f->neutral))
		return 0;
	if (f->why)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "%s%s is not supported: %s", where,
			f->key, f->why);
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "%s%s is not supported yet", where, f->key);
}

static int read_object(
	const struct jfield *f, json_object *v, const char *where, void *to, struct err *err)
{
	char inner[WHERE_MAX];

	(void)snprintf(inner, sizeof(inner), "%s%s.", where, f->key);
	return jfields_read(f->fields, v, inner, to, err);
}

static int read_int(
	const struct jfield *f, json_object *v, const char *where, int64_t *to, struct err *err)
{
	if (!json_object_is_type(v, json_type_int))
		return wrong_type(err, where, f->key, "a whole number");
	*to = json_object_get_int64(v);
	return 0;
}

static int read_any(const struct jfield *f, json_object *v, const char *where, json_object **to,
	struct err *err)
{
	bool object = f->type == J_ANY;

	if (!json_object_is_type(v, object ? json_type_object : json_type_array))
		return wrong_type(err, where, f->key, object ? "an object" : "a list");
	*to = json_object_get(v);
	return 0;
}

static int read_field(
	const struct jfield *f, json_object *v, const char *where, void *to, struct err *err)
{
	switch (f->type) {
	case J_STR:
		if (!plain_string(v))
			return wrong_type(err, where, f->key, "a string");
		*(char **)to = xstrdup(json_object_get_string(v));
		return 0;
	case J_STRV: return read_strv(v, where, f->key, to, err);
	case J_MAP: return read_map(v, where, f->key, to, err);
	case J_WORDS:
	case J_NULLSTRV: return read_words(f, v, where, to, err);
	case J_INT64:
	case J_INT64_OPT: return read_int(f, v, where, to, err);
	case J_BOOL:
	case J_BOOL_OPT:
		if (!json_object_is_type(v, json_type_boolean))
			return wrong_type(err, where, f->key, "true or false");
		if (f->type == J_BOOL)
			*(bool *)to = json_object_get_boolean(v);
		else
			*(int *)to = json_object_get_boolean(v);
		return 0;
	case J_OBJECT: return read_object(f, v, where, to, err);
	case J_LIST: return read_list(f, v, where, to, err);
	case J_ANY:
	case J_ARRAY: return read_any(f, v, where, to, err);
	case J_REFUSE: return check_refused(f, v, where, err);
	case J_IGNORE: return 0;
	}
	return 0;
}

/* The state of "nothing given", so that a failure half-way can be cleared. */
static void set_empty(const struct jfield *f, void *to)
{
	switch (f->type) {
	case J_STR: *(char **)to = NULL; break;
	case J_STRV:
	case J_MAP: *(char ***)to = NULL; break;
	case J_WORDS:
	case J_NULLSTRV: *(struct jwords *)to = (struct jwords){ 0 }; break;
	case J_INT64: *(int64_t *)to = 0; break;
	case J_INT64_OPT: *(int64_t *)to = JINT_NONE; break;
	case J_BOOL: *(bool *)to = false; break;
	case J_BOOL_OPT: *(int *)to = -1; break;
	case J_OBJECT:
		for (const struct jfield *g = f->fields; g->key; g++)
			set_empty(g, (char *)to + g->offset);
		break;
	case J_LIST: *(struct jlist *)to = (struct jlist){ 0 }; break;
	case J_ANY:
	case J_ARRAY: *(json_object **)to = NULL; break;
	case J_REFUSE:
	case J_IGNORE: break;
	}
}

int jfields_read(
	const struct jfield *fields, json_object *o, const char *where, void *ret, struct err *err)
{
	const struct jfield *f;

	for (f = fields; f->key; f++)
		set_empty(f, (char *)ret + f->offset);
	if (!json_object_is_type(o, json_type_object)) {
		size_t n = strlen(where);

		return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %.*s must be an object",
			n ? (int)n - 1 : 9, n ? where : "the value");
	}
	for (f = fields; f->key; f++) {
		json_object *v = find_member(o, f->key);
		int r;

		if (!v)
			continue;
		r = read_field(f, v, where, (char *)ret + f->offset, err);
		if (r < 0) {
			jfields_clear(fields, ret);
			return r;
		}
	}
	return 0;
}

static void write_map(struct jsonw *w, const char *key, char *const *map)
{
	jw_object(w, key);
	for (; map && *map; map += 2)
		jw_str(w, map[0], map[1]);
	jw_object_end(w);
}

/* An empty value: the table's own word for it, or no key at all. */
static void write_empty(struct jsonw *w, const struct jfield *f)
{
	if (f->empty)
		jw_raw(w, f->key, f->empty);
}

static void write_list(struct jsonw *w, const struct jfield *f, const struct jlist *list)
{
	jw_array(w, f->key);
	for (size_t i = 0; i < list->count; i++) {
		jw_object(w, NULL);
		jfields_write(w, f->fields, (const char *)list->items + i * f->size);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_words(struct jsonw *w, const char *key, const struct jwords *words)
{
	if (words->given)
		jw_strv(w, key, words->list);
	else
		jw_null(w, key);
}

static void write_field(struct jsonw *w, const struct jfield *f, const void *from)
{
	switch (f->type) {
	case J_STR: jw_str(w, f->key, *(char *const *)from); break;
	case J_STRV:
		if (*(char **const *)from)
			jw_strv(w, f->key, *(char **const *)from);
		else
			write_empty(w, f);
		break;
	case J_MAP:
		if (*(char **const *)from)
			write_map(w, f->key, *(char **const *)from);
		else
			write_empty(w, f);
		break;
	case J_WORDS:
	case J_NULLSTRV: write_words(w, f->key, from); break;
	case J_INT64: jw_int(w, f->key, *(const int64_t *)from); break;
	case J_INT64_OPT:
		if (*(const int64_t *)from == JINT_NONE)
			jw_null(w, f->key);
		else
			jw_int(w, f->key, *(const int64_t *)from);
		break;
	case J_BOOL: jw_bool(w, f->key, *(const bool *)from); break;
	case J_BOOL_OPT:
		if (*(const int *)from < 0)
			jw_null(w, f->key);
		else
			jw_bool(w, f->key, *(const int *)from != 0);
		break;
	case J_OBJECT:
		jw_object(w, f->key);
		jfields_write(w, f->fields, from);
		jw_object_end(w);
		break;
	case J_LIST:
		if (((const struct jlist *)from)->count)
			write_list(w, f, from);
		else
			write_empty(w, f);
		break;
	case J_ANY:
	case J_ARRAY:
		if (*(json_object *const *)from)
			json_write(w, f->key, *(json_object *const *)from);
		else
			write_empty(w, f);
		break;
	case J_REFUSE:
	case J_IGNORE: write_empty(w, f); break;
	}
}

void jfields_write(struct jsonw *w, const struct jfield *fields, const void *from)
{
	for (const struct jfield *f = fields; f->key; f++)
		write_field(w, f, (const char *)from + f->offset);
}

static void clear_list(const struct jfield *f, struct jlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		jfields_clear(f->fields, (char *)list->items + i * f->size);
	free(list->items);
}

void jfields_clear(const struct jfield *fields, void *of)
{
	for (const struct jfield *f = fields; f->key; f++) {
		void *at = (char *)of + f->offset;

		switch (f->type) {
		case J_STR: free(*(char **)at); break;
		case J_STRV:
		case J_MAP: strv_free(*(char ***)at); break;
		case J_WORDS:
		case J_NULLSTRV: strv_free(((struct jwords *)at)->list); break;
		case J_OBJECT: jfields_clear(f->fields, at); break;
		case J_LIST: clear_list(f, at); break;
		case J_ANY:
		case J_ARRAY: (void)json_object_put(*(json_object **)at); break;
		case J_INT64:
		case J_INT64_OPT:
		case J_BOOL:
		case J_BOOL_OPT:
		case J_REFUSE:
		case J_IGNORE: break;
		}
		set_empty(f, at);
	}
}

const char *jmap_get(char *const *map, const char *key)
{
	for (; map && *map; map += 2)
		if (str_eq(map[0], key))
			return map[1];
	return NULL;
}
