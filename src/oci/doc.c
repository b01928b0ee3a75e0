#include "oci/doc.h"

#include <string.h>

#include "base/str.h"
#include "json/text.h"

int doc_parse(const char *text, size_t len, enum json_type type, json_object **ret, struct err *err)
{
	auto_json json_object *d = NULL;
	int r;

	if (len > DOC_MAX)
		return err_set(
			err, ERR_INVALID, EFBIG, "JSON document is larger than %u bytes", DOC_MAX);
	r = json_parse(text, len, &d, err);
	if (r < 0)
		return r;
	if (!json_object_is_type(d, type))
		return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %s expected",
			type == json_type_array ? "an array" : "an object");
	*ret = json_object_get(d);
	return 0;
}

static json_object *member(json_object *object, const char *key, enum json_type type)
{
	json_object *v;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &v) || !json_object_is_type(v, type))
		return NULL;
	return v;
}

json_object *doc_object(json_object *object, const char *key)
{
	return member(object, key, json_type_object);
}

json_object *doc_array(json_object *object, const char *key)
{
	return member(object, key, json_type_array);
}

/* A string without NUL inside, which would hide its end from whoever checks it. */
static const char *text_of(json_object *s)
{
	const char *t = json_object_get_string(s);

	return t && strlen(t) == (size_t)json_object_get_string_len(s) ? t : NULL;
}

const char *doc_str(json_object *object, const char *key)
{
	json_object *v = member(object, key, json_type_string);

	return v ? text_of(v) : NULL;
}

int64_t doc_int(json_object *object, const char *key)
{
	json_object *v = member(object, key, json_type_int);

	return v ? json_object_get_int64(v) : 0;
}

size_t doc_len(json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

const char *doc_str_at(json_object *array, size_t i)
{
	json_object *v = i < doc_len(array) ? json_object_array_get_idx(array, i) : NULL;

	return json_object_is_type(v, json_type_string) ? text_of(v) : NULL;
}

json_object *doc_object_at(json_object *array, size_t i)
{
	json_object *v = i < doc_len(array) ? json_object_array_get_idx(array, i) : NULL;

	return json_object_is_type(v, json_type_object) ? v : NULL;
}

char **doc_strv(json_object *array)
{
	char **v = NULL;

	for (size_t i = 0; i < doc_len(array); i++) {
		const char *s = doc_str_at(array, i);

		if (s)
			strv_add(&v, s);
	}
	return v;
}
