#include "worker/changes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/doc.h"
#include "json/text.h"

static void set_str(json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static json_object *new_list(char *const *words)
{
	json_object *list = json_object_new_array();

	for (; words && *words; words++)
		(void)json_object_array_add(list, json_object_new_string(*words));
	return list;
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

char **change_command(json_object *config, const struct df_instruction *in)
{
	char **line = in->exec ? NULL : doc_strv(doc_array(config, "Shell"));

	if (!in->exec && !line) {
		strv_add(&line, "/bin/sh");
		strv_add(&line, "-c");
	}
	for (char **w = in->words; w && *w; w++)
		strv_add(&line, *w);
	return line;
}

static void set_command(json_object *config, const char *key, const struct df_instruction *in)
{
	auto_strv char **line = change_command(config, in);

	(void)json_object_object_add(config, key, new_list(line));
}

/* ["CMD", …] for a list, ["CMD-SHELL", text] for the shell. */
static void set_health(json_object *config, const struct df_instruction *in)
{
	const struct df_health *h = &in->health;
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{ "Interval", h->interval },
		{ "Timeout", h->timeout },
		{ "StartPeriod", h->start_period },
		{ "StartInterval", h->start_interval },
		{ "Retries", h->retries },
	};
	json_object *check = json_object_new_object();
	auto_strv char **test = NULL;

	strv_add(&test, h->none ? "NONE" : in->exec ? "CMD" : "CMD-SHELL");
	for (char **w = in->words; w && *w; w++)
		strv_add(&test, *w);
	(void)json_object_object_add(check, "Test", new_list(test));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].value)
			(void)json_object_object_add(
				check, numbers[i].key, json_object_new_int64(numbers[i].value));
	(void)json_object_object_add(config, "Healthcheck", check);
}

/* ---- pairs */

static void set_env(json_object *config, const struct df_pair *p)
{
	json_object *env = need(config, "Env", json_object_new_array);
	auto_free char *pair = xasprintf("%s=%s", p->name, p->value);
	size_t len = strlen(p->name);

	for (size_t i = 0; i < doc_len(env); i++) {
		const char *old = doc_str_at(env, i);

		if (old && strncmp(old, p->name, len) == 0 && old[len] == '=') {
			(void)json_object_array_put_idx(env, i, json_object_new_string(pair));
			return;
		}
	}
	(void)json_object_array_add(env, json_object_new_string(pair));
}

static void set_label(json_object *config, const struct df_pair *p)
{
	set_str(need(config, "Labels", json_object_new_object), p->name, p->value);
}

/* ---- sets */

static void add_keys(json_object *config, const char *set, char *const *keys)
{
	json_object *o = need(config, set, json_object_new_object);

	for (; keys && *keys; keys++)
		(void)json_object_object_add(o, *keys, json_object_new_object());
}

static int expose(json_object *config, const struct df_instruction *in, struct err *err)
{
	auto_strv char **ports = NULL;
	int r = df_ports(in->words, &ports, err);

	if (r == 0 && ports)
		add_keys(config, "ExposedPorts", ports);
	return r;
}

static int add_volumes(json_object *config, const struct df_instruction *in, struct err *err)
{
	for (char **w = in->words; *w; w++)
		if (!**w)
			return err_set(err, ERR_INVALID, EINVAL,
				"VOLUME specified can not be an empty string");
	add_keys(config, "Volumes", in->words);
	return 0;
}

/* ---- the folder to work in */

/* A relative folder continues the one before. */
static void set_folder(json_object *config, const char *to)
{
	const char *old = doc_str(config, "WorkingDir");
	auto_free char *path = *to == '/' ? xstrdup(to) : xasprintf("%s/%s", old ? old : "", to);
	auto_free char *clean = path_clean(path);

	set_str(config, "WorkingDir", clean);
}

/* ---- all of them */

int change_apply(json_object *config, const struct df_instruction *in, struct err *err)
{
	switch (in->kind) {
	case DF_CMD: set_command(config, "Cmd", in); break;
	case DF_ENTRYPOINT: set_command(config, "Entrypoint", in); break;
	case DF_ENV:
		for (size_t i = 0; i < in->pair_count; i++)
			set_env(config, &in->pairs[i]);
		break;
	case DF_EXPOSE: return expose(config, in, err);
	case DF_HEALTHCHECK: set_health(config, in); break;
	case DF_LABEL:
		for (size_t i = 0; i < in->pair_count; i++)
			set_label(config, &in->pairs[i]);
		break;
	case DF_ONBUILD:
		(void)json_object_array_add(need(config, "OnBuild", json_object_new_array),
			json_object_new_string(in->words[0]));
		break;
	case DF_SHELL: (void)json_object_object_add(config, "Shell", new_list(in->words)); break;
	case DF_STOPSIGNAL: set_str(config, "StopSignal", in->words[0]); break;
	case DF_USER: set_str(config, "User", in->words[0]); break;
	case DF_VOLUME: return add_volumes(config, in, err);
	case DF_WORKDIR: set_folder(config, in->words[0]); break;
	case DF_ADD:
	case DF_ARG:
	case DF_COPY:
	case DF_FROM:
	case DF_MAINTAINER:
	case DF_RUN:
	case DF_KINDS: break;
	}
	return 0;
}

static bool allowed(enum df_kind kind)
{
	return kind == DF_CMD || kind == DF_ENTRYPOINT || kind == DF_ENV || kind == DF_EXPOSE ||
		kind == DF_HEALTHCHECK || kind == DF_LABEL || kind == DF_ONBUILD ||
		kind == DF_STOPSIGNAL || kind == DF_USER || kind == DF_VOLUME || kind == DF_WORKDIR;
}

static const char *lookup_env(void *arg, const char *name, size_t len)
{
	json_object *env = doc_array(arg, "Env");

	for (size_t i = doc_len(env); i-- > 0;) {
		const char *v = doc_str_at(env, i);

		if (v && strncmp(v, name, len) == 0 && v[len] == '=')
			return v + len + 1;
	}
	return NULL;
}

int change_parse(json_object *config, const char *text, struct err *err)
{
	auto_df_list struct df_list list = { 0 };
	int r = df_list_parse(text, &list, err);

	for (size_t i = 0; i < list.count && r == 0; i++) {
		struct df_instruction *in = &list.items[i];

		if (!allowed(in->kind))
			return err_set(err, ERR_INVALID, EINVAL, "%s is not a valid change command",
				df_kind_name(in->kind));
		r = df_expand(in, lookup_env, config, err);
		if (r == 0)
			r = change_apply(config, in, err);
	}
	return r;
}

int changes_read(const struct work *w, json_object *config, struct err *err)
{
	const char *change;
	int r = 0;

	for (size_t n = 0; r == 0 && (change = work_get_nth(w, "changes", n)); n++)
		r = change_parse(config, change, err);
	return r;
}
