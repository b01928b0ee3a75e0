#include "json/text.h"

#include <json-c/json_object_iterator.h>
#include <json-c/json_tokener.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/grammar.h"

static int parse_error(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %s", what);
}

int json_parse(const char *text, size_t len, json_object **ret, struct err *err)
{
	struct json_tokener *tok;
	enum json_tokener_error problem;
	auto_json json_object *o = NULL;
	const char *wrong;

	if (len > JSON_TEXT_MAX)
		return err_set(err, ERR_TOO_LARGE, EFBIG, "invalid JSON: more than %d bytes",
			JSON_TEXT_MAX);
	wrong = json_grammar(text, len, JSON_DEPTH_MAX, JSON_VALUES_MAX);
	if (wrong)
		return parse_error(err, wrong);
	tok = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (!tok)
		return err_sys(err, ENOMEM, "read JSON");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)len);
	if (json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(
			tok, "", 1); /* a lone number or word ends with the text */
	problem = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (problem != json_tokener_success)
		return parse_error(err, json_tokener_error_desc(problem));
	*ret = take_ptr(&o);
	return 0;
}

static void write_number(struct jsonw *w, const char *key, json_object *value)
{
	double d = json_object_get_double(value);
	char text[40];

	if (!isfinite(d)) {
		jw_null(w, key);
		return;
	}
	/* minus zero would be written "-0", which reads back as an integer without a sign */
	(void)snprintf(text, sizeof(text), "%.17g", d == 0 ? 0.0 : d);
	jw_raw(w, key, text);
}

static void write_object(struct jsonw *w, const char *key, json_object *value)
{
	jw_object(w, key);
	json_object_object_foreach(value, name, member) json_write(w, name, member);
	jw_object_end(w);
}

static void write_array(struct jsonw *w, const char *key, json_object *value)
{
	jw_array(w, key);
	for (size_t i = 0; i < json_object_array_length(value); i++)
		json_write(w, NULL, json_object_array_get_idx(value, i));
	jw_array_end(w);
}

void json_write(struct jsonw *w, const char *key, json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null: jw_null(w, key); break;
	case json_type_boolean: jw_bool(w, key, json_object_get_boolean(value)); break;
	case json_type_double: write_number(w, key, value); break;
	case json_type_int: jw_int(w, key, json_object_get_int64(value)); break;
	case json_type_object: write_object(w, key, value); break;
	case json_type_array: write_array(w, key, value); break;
	case json_type_string:
		jw_strn(w, key, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		break;
	}
}

json_object *json_get(json_object *o, const char *key)
{
	json_object *member = NULL;

	if (!json_object_is_type(o, json_type_object))
		return NULL;
	(void)json_object_object_get_ex(o, key, &member);
	return member;
}

const char *json_get_str(json_object *o, const char *key, const char *missing)
{
	json_object *member = json_get(o, key);

	return json_object_is_type(member, json_type_string) ? json_object_get_string(member)
							     : missing;
}

bool json_get_bool(json_object *o, const char *key)
{
	json_object *member = json_get(o, key);

	return json_object_is_type(member, json_type_boolean) && json_object_get_boolean(member);
}

char **json_get_strv(json_object *o, const char *key)
{
	json_object *list = json_get(o, key);
	char **v = NULL;
	size_t n = 0;

	if (!json_object_is_type(list, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *e = json_object_array_get_idx(list, i);

		if (json_object_is_type(e, json_type_string))
			strv_add_sized(&v, &n, json_object_get_string(e));
	}
	return v;
}
