#include "worker/commit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

enum kind { TEXT, LIST, SET, MAP, NUMBER, OBJECT };

/* Every member an image's configuration has. */
static const struct {
	const char *key;
	enum kind kind;
} members[] = {
	{ "User", TEXT },
	{ "ExposedPorts", SET },
	{ "Env", LIST },
	{ "Entrypoint", LIST },
	{ "Cmd", LIST },
	{ "Volumes", SET },
	{ "WorkingDir", TEXT },
	{ "Labels", MAP },
	{ "StopSignal", TEXT },
	{ "StopTimeout", NUMBER },
	{ "Healthcheck", OBJECT },
	{ "OnBuild", LIST },
	{ "Shell", LIST },
};

static bool is_list(json_object *v)
{
	if (!json_object_is_type(v, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(v); i++)
		if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_string))
			return false;
	return true;
}

static bool is_object_of(json_object *v, enum json_type type)
{
	if (!json_object_is_type(v, json_type_object))
		return false;
	json_object_object_foreach(v, key, member)
	{
		(void)key;
		if (!json_object_is_type(member, type))
			return false;
	}
	return true;
}

static const char *wrong(json_object *v, enum kind kind)
{
	switch (kind) {
	case TEXT: return json_object_is_type(v, json_type_string) ? NULL : "a string";
	case LIST: return is_list(v) ? NULL : "a list of strings";
	case SET: return is_object_of(v, json_type_object) ? NULL : "an object of empty objects";
	case MAP: return is_object_of(v, json_type_string) ? NULL : "an object of strings";
	case NUMBER: return json_object_is_type(v, json_type_int) ? NULL : "a number";
	case OBJECT: break;
	}
	return json_object_is_type(v, json_type_object) ? NULL : "an object";
}

/* A command may be one word. */
static void words_of(json_object *config, const char *key)
{
	json_object *v = json_get(config, key), *list;

	if (!json_object_is_type(v, json_type_string))
		return;
	list = json_object_new_array();
	(void)json_object_array_add(list, json_object_get(v));
	(void)json_object_object_add(config, key, list);
}

int commit_config_check(json_object *config, struct err *err)
{
	words_of(config, "Cmd");
	words_of(config, "Entrypoint");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_object *v = json_get(config, members[i].key);
		const char *what = v ? wrong(v, members[i].kind) : NULL;

		if (what)
			return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %s must be %s",
				members[i].key, what);
	}
	return 0;
}

/* ---- merging */

static bool is_empty(json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null: return true;
	case json_type_string: return json_object_get_string_len(v) == 0;
	case json_type_array: return json_object_array_length(v) == 0;
	case json_type_object: return json_object_object_length(v) == 0;
	default: return false;
	}
}

static void set(json_object *config, const char *key, json_object *value)
{
	(void)json_object_object_add(config, key, json_object_get(value));
}

/* The container's, unless config says something. */
static void inherit(json_object *config, json_object *container, const char *key)
{
	json_object *theirs = json_get(container, key);

	if (theirs && is_empty(json_get(config, key)))
		set(config, key, theirs);
}

/* What config lacks of the container's members. Both objects. */
static void merge_members(json_object *config, json_object *container, const char *key)
{
	json_object *mine = json_get(config, key), *theirs = json_get(container, key);

	if (is_empty(mine) || !theirs) {
		inherit(config, container, key);
		return;
	}
	json_object_object_foreach(theirs, name, value)
	{
		if (!json_object_object_get_ex(mine, name, NULL))
			set(mine, name, value);
	}
}

static bool has_variable(json_object *env, const char *entry)
{
	size_t n = strcspn(entry, "=");

	for (size_t i = 0; i < json_object_array_length(env); i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(env, i));

		if (strncmp(s, entry, n) == 0 && (s[n] == '=' || s[n] == '\0'))
			return true;
	}
	return false;
}

static void merge_env(json_object *config, json_object *container)
{
	json_object *mine = json_get(config, "Env"), *theirs = json_get(container, "Env");

	if (!theirs)
		return;
	if (!mine) {
		mine = json_object_new_array();
		(void)json_object_object_add(config, "Env", mine);
	}
	for (size_t i = 0; i < json_object_array_length(theirs); i++) {
		json_object *entry = json_object_array_get_idx(theirs, i);
		const char *s = json_object_get_string(entry);

		/* without "=" it only kept a variable of the image's out of the container */
		if (strchr(s, '=') && !has_variable(mine, s))
			(void)json_object_array_add(mine, json_object_get(entry));
	}
}

static void merge_command(json_object *config, json_object *container)
{
	if (!is_empty(json_get(config, "Entrypoint")))
		return;
	inherit(config, container, "Cmd");
	if (!json_get(config, "Entrypoint"))
		inherit(config, container, "Entrypoint");
}

static bool is_member(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (str_eq(members[i].key, key))
			return true;
	return false;
}

static void drop_others(json_object *config)
{
	auto_strv char **drop = NULL;

	json_object_object_foreach(config, key, value)
	{
		if (!is_member(key) || is_empty(value))
			strv_add(&drop, key);
	}
	for (char **d = drop; d && *d; d++)
		json_object_object_del(config, *d);
}

void commit_config_merge(json_object *config, json_object *container)
{
	merge_command(config, container);
	merge_env(config, container);
	merge_members(config, container, "ExposedPorts");
	merge_members(config, container, "Labels");
	merge_members(config, container, "Volumes");
	merge_members(config, container, "Healthcheck");
	inherit(config, container, "User");
	inherit(config, container, "WorkingDir");
	inherit(config, container, "StopSignal");
	inherit(config, container, "StopTimeout");
	inherit(config, container, "Shell");
	drop_others(config);
}
