#include "stream/event_filter.h"

#include <json-c/linkhash.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

/* What a value is compared with. */
struct subject {
	const char *type, *action, *id, *scope;
	json_object *attrs;
};

typedef bool value_fn(const struct subject *s, const char *value);

static const char *attr(const struct subject *s, const char *key)
{
	return json_get_str(s->attrs, key, "");
}

static bool type_is(const struct subject *s, const char *value)
{
	return str_eq(s->type, value);
}

static bool scope_is(const struct subject *s, const char *value)
{
	return str_eq(s->scope, value);
}

/* "exec_start: sh -c true" and "health_status: healthy" are asked for by what stands before the colon,
 * too. */
static bool action_is(const struct subject *s, const char *value)
{
	size_t n = strlen(value);

	return str_eq(s->action, value) || (str_starts(s->action, value) && s->action[n] == ':');
}

/* Docker takes the beginning of a name, too. */
static bool object_is(const struct subject *s, const char *value)
{
	return str_starts(s->id, value) || str_starts(attr(s, "name"), value);
}

/* "repo:tag" or "repo@digest" without what follows the name. */
static bool same_without_tag(const char *image, const char *value)
{
	const char *slash = strrchr(image, '/');
	size_t n = strcspn(image, "@");
	const char *colon = strchr(slash ? slash : image, ':');

	if (colon && (size_t)(colon - image) < n)
		n = (size_t)(colon - image);
	return strlen(value) == n && strncmp(image, value, n) == 0;
}

static bool image_is(const struct subject *s, const char *value)
{
	const char *name = attr(s, str_eq(s->type, "image") ? "name" : "image");

	return str_eq(s->id, value) || str_eq(name, value) || same_without_tag(s->id, value) ||
		same_without_tag(name, value);
}

/* "key" or "key=value" */
static bool has_label(const struct subject *s, const char *value)
{
	auto_free char *key = xstrndup(value, strcspn(value, "="));
	const char *have = json_get_str(s->attrs, key, NULL);

	return have && (!value[strlen(key)] || str_eq(have, value + strlen(key) + 1));
}

/* clang-format off */
static const struct {
	const char *key;
	value_fn *matches;
	const char *type; /* of the object this key names; NULL: any */
	bool all;	  /* every value must match, not only one */
} keys[] = {
	{ "type",      type_is,   NULL,        false },
	{ "event",     action_is, NULL,        false },
	{ "scope",     scope_is,  NULL,        false },
	{ "label",     has_label, NULL,        true  },
	{ "image",     image_is,  NULL,        false },
	{ "container", object_is, "container", false },
	{ "network",   object_is, "network",   false },
	{ "volume",    object_is, "volume",    false },
	{ "daemon",    object_is, "daemon",    false },
	{ "plugin",    object_is, "plugin",    false },
	{ "node",      object_is, "node",      false },
	{ "service",   object_is, "service",   false },
	{ "secret",    object_is, "secret",    false },
	{ "config",    object_is, "config",    false },
};
/* clang-format on */

static size_t value_count(json_object *values)
{
	if (json_object_is_type(values, json_type_array))
		return json_object_array_length(values);
	return (size_t)json_object_object_length(values);
}

/* How many of a key's values match. */
static size_t count_matches(json_object *values, const struct subject *s, value_fn *matches)
{
	size_t matched = 0;

	if (json_object_is_type(values, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(values); i++) {
			json_object *value = json_object_array_get_idx(values, i);

			matched += matches(s, json_object_get_string(value));
		}
		return matched;
	}
	json_object_object_foreach(values, value, unused)
	{
		(void)unused;
		matched += matches(s, value);
	}
	return matched;
}

static bool key_holds(size_t key, json_object *values, const struct subject *s)
{
	size_t wanted = value_count(values), matched;

	if (wanted == 0)
		return true; /* no value at all asks for nothing */
	if (keys[key].type && !str_eq(keys[key].type, s->type))
		return false;
	matched = count_matches(values, s, keys[key].matches);
	return keys[key].all ? matched == wanted : matched > 0;
}

static bool all_hold(const struct event_filter *f, const struct subject *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_object *values = json_get(f->keys, keys[i].key);

		if (values && !key_holds(i, values, s))
			return false;
	}
	return true;
}

bool event_filter_match(const struct event_filter *f, const char *line, size_t len)
{
	auto_json json_object *event = NULL;
	json_object *actor;
	struct subject s;

	if (!f->keys && !f->no_image_create)
		return true;
	if (json_parse(line, len, &event, NULL) < 0)
		return false;
	actor = json_get(event, "Actor");
	s = (struct subject){
		.type = json_get_str(event, "Type", ""),
		.action = json_get_str(event, "Action", ""),
		.id = json_get_str(actor, "ID", ""),
		.scope = json_get_str(event, "scope", ""),
		.attrs = json_get(actor, "Attributes"),
	};
	if (f->no_image_create && str_eq(s.type, "image") && str_eq(s.action, "create"))
		return false;
	return all_hold(f, &s);
}

/* An array of strings, or an object whose keys are the values. */
static bool values_valid(json_object *values)
{
	if (json_object_is_type(values, json_type_object))
		return true;
	if (!json_object_is_type(values, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(values); i++)
		if (!json_object_is_type(json_object_array_get_idx(values, i), json_type_string))
			return false;
	return true;
}

int event_filter_parse(const char *json, struct event_filter *ret, struct err *err)
{
	auto_json json_object *o = NULL;
	int r;

	*ret = (struct event_filter){ 0 };
	if (str_empty(json))
		return 0;
	r = json_parse(json, strlen(json), &o, err);
	if (r < 0)
		return err_prefix(err, "invalid filters");
	if (!json_object_is_type(o, json_type_object))
		return err_set(err, ERR_INVALID, EINVAL, "invalid filters: not a JSON object");
	json_object_object_foreach(o, key, values)
	{
		if (!values_valid(values))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid filters: values of %s", key);
	}
	if (json_object_object_length(o) > 0)
		ret->keys = take_ptr(&o);
	return 0;
}

void event_filter_clear(struct event_filter *f)
{
	(void)json_object_put(f->keys);
	f->keys = NULL;
}
