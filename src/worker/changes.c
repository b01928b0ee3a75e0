#include "worker/changes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/doc.h"
#include "worker/words.h"
#include "json/text.h"

struct change {
	json_object *config;
	const char *text; /* after the instruction's name */
	struct err *err;
};

static int bad(const struct change *c, const char *what)
{
	return err_set(c->err, ERR_INVALID, EINVAL, "%s: %.200s", what, c->text);
}

static void set_str(json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

/* The object or array member of that name, made if it is missing. */
static json_object *need(json_object *o, const char *key, json_object *(*make)(void))
{
	json_object *v = json_get(o, key);

	if (!v) {
		v = make();
		(void)json_object_object_add(o, key, v);
	}
	return v;
}

/* ---- command lines */

/* ["a","b"] as it is, everything else by the shell. NULL if it is a JSON array of something else. */
static json_object *command(const char *text)
{
	json_object *list = NULL;

	if (*text == '[' && doc_parse(text, strlen(text), json_type_array, &list, NULL) == 0) {
		for (size_t i = 0; i < doc_len(list); i++)
			if (!doc_str_at(list, i)) {
				json_object_put(list);
				return NULL;
			}
		return list;
	}
	list = json_object_new_array();
	(void)json_object_array_add(list, json_object_new_string("/bin/sh"));
	(void)json_object_array_add(list, json_object_new_string("-c"));
	(void)json_object_array_add(list, json_object_new_string(text));
	return list;
}

static int set_command(struct change *c, const char *key)
{
	json_object *list = command(c->text);

	if (!list)
		return bad(c, "not a list of strings");
	(void)json_object_object_add(c->config, key, list);
	return 0;
}

static int change_cmd(struct change *c)
{
	return set_command(c, "Cmd");
}

static int change_entrypoint(struct change *c)
{
	return set_command(c, "Entrypoint");
}

/* ---- pairs */

static const char *lookup_env(void *arg, const char *name, size_t len)
{
	json_object *env = doc_array(arg, "Env");

	for (size_t i = doc_len(env); i-- > 0;) {
		const char *v = doc_str_at(env, i);

		if (v && strncmp(v, name, len) == 0 && v[len] == '=')
			return v + len + 1;
	}
	return "";
}

/* The words of the instruction, quotes and $VARIABLES resolved. */
static int split(struct change *c, char ***ret)
{
	if (words_split(c->text, lookup_env, c->config, ret) < 0)
		return bad(c, "unbalanced quotes");
	return *ret ? 0 : bad(c, "an argument is missing");
}

/* KEY=VALUE…, or the old form KEY VALUE where all the rest is the value. */
static int each_pair(
	struct change *c, void (*add)(json_object *config, const char *key, const char *value))
{
	auto_strv char **words = NULL;
	int r = split(c, &words);

	if (r < 0)
		return r;
	if (!strchr(words[0], '=')) {
		const char *rest = c->text + strcspn(c->text, " \t");

		rest += strspn(rest, " \t");
		if (!*rest)
			return bad(c, "must have two arguments");
		add(c->config, words[0], rest);
		return 0;
	}
	for (char **w = words; *w; w++) {
		char *eq = strchr(*w, '=');

		if (!eq || eq == *w)
			return bad(c, "not of the form name=value");
		*eq = '\0';
		add(c->config, *w, eq + 1);
	}
	return 0;
}

static void add_env(json_object *config, const char *key, const char *value)
{
	json_object *env = need(config, "Env", json_object_new_array);
	auto_free char *pair = xasprintf("%s=%s", key, value);
	size_t len = strlen(key);

	for (size_t i = 0; i < doc_len(env); i++) {
		const char *old = doc_str_at(env, i);

		if (old && strncmp(old, key, len) == 0 && old[len] == '=') {
			(void)json_object_array_put_idx(env, i, json_object_new_string(pair));
			return;
		}
	}
	(void)json_object_array_add(env, json_object_new_string(pair));
}

static void add_label(json_object *config, const char *key, const char *value)
{
	set_str(need(config, "Labels", json_object_new_object), key, value);
}

static int change_env(struct change *c)
{
	return each_pair(c, add_env);
}

static int change_label(struct change *c)
{
	return each_pair(c, add_label);
}

/* ---- sets */

static void add_key(json_object *set, const char *key)
{
	(void)json_object_object_add(set, key, json_object_new_object());
}

static bool port_valid(const char *text)
{
	const char *slash = strchr(text, '/');
	auto_free char *number = xstrndup(text, slash ? (size_t)(slash - text) : strlen(text));
	uint64_t n;

	if (slash && !str_eq(slash, "/tcp") && !str_eq(slash, "/udp") && !str_eq(slash, "/sctp"))
		return false;
	return str_to_u64(number, &n) == 0 && n >= 1 && n <= 65535;
}

static int change_expose(struct change *c)
{
	auto_strv char **words = NULL;
	int r = split(c, &words);

	if (r < 0)
		return r;
	for (char **w = words; *w; w++) {
		auto_free char *port = strchr(*w, '/') ? xstrdup(*w) : xasprintf("%s/tcp", *w);

		if (!port_valid(port))
			return bad(c, "invalid port");
		add_key(need(c->config, "ExposedPorts", json_object_new_object), port);
	}
	return 0;
}

static int change_volume(struct change *c)
{
	auto_json json_object *list = NULL;
	auto_strv char **words = NULL;
	int r;

	if (*c->text == '[' &&
		doc_parse(c->text, strlen(c->text), json_type_array, &list, NULL) == 0) {
		words = doc_strv(list);
	} else {
		r = split(c, &words);
		if (r < 0)
			return r;
	}
	for (char **w = words; w && *w; w++) {
		if (!**w)
			return bad(c, "VOLUME specified can not be an empty string");
		add_key(need(c->config, "Volumes", json_object_new_object), *w);
	}
	return 0;
}

/* ---- single values */

static int change_user(struct change *c)
{
	set_str(c->config, "User", c->text);
	return 0;
}

static int change_stopsignal(struct change *c)
{
	set_str(c->config, "StopSignal", c->text);
	return 0;
}

/* A relative folder continues the one before. */
static int change_workdir(struct change *c)
{
	const char *old = doc_str(c->config, "WorkingDir");
	auto_strv char **words = NULL;
	auto_free char *path = NULL;
	int r = split(c, &words);

	if (r < 0)
		return r;
	if (*words[0] == '/')
		path = xstrdup(words[0]);
	else
		path = xasprintf("%s/%s", old && !str_eq(old, "/") ? old : "", words[0]);
	set_str(c->config, "WorkingDir", path);
	return 0;
}

static int change_onbuild(struct change *c)
{
	if (strncasecmp(c->text, "ONBUILD", 7) == 0 || strncasecmp(c->text, "FROM", 4) == 0)
		return bad(c, "not allowed as an ONBUILD trigger");
	(void)json_object_array_add(
		need(c->config, "OnBuild", json_object_new_array), json_object_new_string(c->text));
	return 0;
}

/* ---- HEALTHCHECK [--interval=30s …] CMD command | NONE */

static int set_duration(json_object *check, const char *key, const char *text)
{
	int64_t ns;
	int r = words_duration(text, &ns);

	if (r == 0)
		(void)json_object_object_add(check, key, json_object_new_int64(ns));
	return r;
}

static int health_option(json_object *check, const char *option)
{
	static const struct {
		const char *flag, *key;
	} durations[] = {
		{ "--interval=", "Interval" },
		{ "--timeout=", "Timeout" },
		{ "--start-period=", "StartPeriod" },
		{ "--start-interval=", "StartInterval" },
	};
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++)
		if (str_starts(option, durations[i].flag))
			return set_duration(
				check, durations[i].key, option + strlen(durations[i].flag));
	if (!str_starts(option, "--retries=") ||
		str_to_u64(option + strlen("--retries="), &n) < 0 || n > 1000)
		return -EINVAL;
	(void)json_object_object_add(check, "Retries", json_object_new_int64((int64_t)n));
	return 0;
}

/* ["CMD", …] for a list, ["CMD-SHELL", text] for the shell. */
static json_object *health_test(const char *text)
{
	json_object *test = json_object_new_array(), *list = NULL;

	if (*text == '[' && doc_parse(text, strlen(text), json_type_array, &list, NULL) == 0) {
		(void)json_object_array_add(test, json_object_new_string("CMD"));
		for (size_t i = 0; i < doc_len(list); i++)
			if (doc_str_at(list, i))
				(void)json_object_array_add(
					test, json_object_new_string(doc_str_at(list, i)));
		json_object_put(list);
		return test;
	}
	(void)json_object_array_add(test, json_object_new_string("CMD-SHELL"));
	(void)json_object_array_add(test, json_object_new_string(text));
	return test;
}

static int fill_health(struct change *c, json_object *check)
{
	const char *p = c->text;

	while (str_starts(p, "--")) {
		size_t n = strcspn(p, " \t");
		auto_free char *option = xstrndup(p, n);

		if (health_option(check, option) < 0)
			return bad(c, "invalid option");
		p += n;
		p += strspn(p, " \t");
	}
	if (strcasecmp(p, "NONE") == 0) {
		json_object *none = json_object_new_array();

		(void)json_object_array_add(none, json_object_new_string("NONE"));
		(void)json_object_object_add(check, "Test", none);
		return 0;
	}
	if (strncasecmp(p, "CMD", 3) != 0 || !isblank((unsigned char)p[3]))
		return bad(c, "unknown type, must be CMD or NONE");
	p += 3;
	p += strspn(p, " \t");
	if (!*p)
		return bad(c, "missing command after HEALTHCHECK CMD");
	(void)json_object_object_add(check, "Test", health_test(p));
	return 0;
}

static int change_healthcheck(struct change *c)
{
	auto_json json_object *check = json_object_new_object();
	int r = fill_health(c, check);

	if (r == 0)
		(void)json_object_object_add(c->config, "Healthcheck", json_object_get(check));
	return r;
}

static const struct {
	const char *name;
	int (*apply)(struct change *c);
} instructions[] = {
	{ "CMD", change_cmd },
	{ "ENTRYPOINT", change_entrypoint },
	{ "ENV", change_env },
	{ "EXPOSE", change_expose },
	{ "HEALTHCHECK", change_healthcheck },
	{ "LABEL", change_label },
	{ "ONBUILD", change_onbuild },
	{ "STOPSIGNAL", change_stopsignal },
	{ "USER", change_user },
	{ "VOLUME", change_volume },
	{ "WORKDIR", change_workdir },
};

int change_apply(json_object *config, const char *instruction, struct err *err)
{
	auto_free char *line = NULL;
	size_t len, n;

	instruction += strspn(instruction, " \t\r");
	len = strlen(instruction);
	while (len && isspace((unsigned char)instruction[len - 1]))
		len--;
	if (!len || *instruction == '#')
		return 0;
	line = xstrndup(instruction, len);
	n = strcspn(line, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		const char *name = instructions[i].name;
		struct change c = { config, line + n + strspn(line + n, " \t"), err };

		if (strlen(name) != n || strncasecmp(line, name, n) != 0)
			continue;
		if (!*c.text)
			return err_set(err, ERR_INVALID, EINVAL, "%s requires an argument", name);
		return instructions[i].apply(&c) < 0 ? err_prefix(err, "%s", name) : 0;
	}
	return err_set(
		err, ERR_INVALID, EINVAL, "%.*s is not a valid change command", (int)n, line);
}
