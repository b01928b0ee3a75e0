#include "core/log_config.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "core/log_tag.h"
#include "core/words.h"
#include "state/journald.h"
#include "state/logfile.h"
#include "state/plan.h"

#define ATTRS_MAX      ((size_t)64 << 10) /* bytes, in each record */
#define LOCAL_SIZE     INT64_C(20000000)
#define LOCAL_FILES    5
#define FILES_MAX      1000
#define BUFFER_DEFAULT INT64_C(1000000) /* Docker's max-buffer-size */

/* ---- values */

/* "10m": a number and a unit that may be followed by b; with "ib", too. Docker's sizes of files are decimal
 * and those of memory binary. */
static int parse_size(const char *text, int64_t factor, int64_t *ret)
{
	static const char units[] = "bkmgt";
	size_t digits = strspn(text, "0123456789");
	auto_free char *number = xstrndup(text, digits);
	const char *unit = text + digits;
	int64_t n;

	if (str_to_i64(number, &n) < 0)
		return -EINVAL;
	if (*unit && strcasecmp(unit, "b") != 0) {
		const char *u = strchr(units, *unit | 0x20);

		if (!u ||
			(unit[1] && strcasecmp(unit + 1, "b") != 0 &&
				strcasecmp(unit + 1, "ib") != 0))
			return -EINVAL;
		for (; u > units; u--)
			if (__builtin_mul_overflow(n, factor, &n))
				return -ERANGE;
	}
	*ret = n;
	return 0;
}

struct limits {
	int64_t size; /* bytes, -1: never rotate */
	int64_t files;
};

static int read_size(const char *text, int64_t *ret, struct err *err)
{
	if (str_eq(text, "-1")) {
		*ret = -1;
		return 0;
	}
	if (parse_size(text, 1000, ret) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid size: '%s'", text);
	if (*ret <= 0)
		return err_set(err, ERR_INVALID, EINVAL, "max-size must be a positive number");
	return 0;
}

static int read_files(const char *text, int64_t *ret, struct err *err)
{
	if (str_to_i64(text, ret) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid max-file: '%s'", text);
	if (*ret < 1)
		return err_set(err, ERR_INVALID, EINVAL, "max-file cannot be less than 1");
	if (*ret > FILES_MAX)
		return err_set(
			err, ERR_INVALID, ERANGE, "max-file cannot be more than %d", FILES_MAX);
	return 0;
}

static bool parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False", NULL };

	*ret = word_among(yes, text);
	return *ret || word_among(no, text);
}

static int check_compress(const struct log_config *l, const struct limits *limits, struct err *err)
{
	const char *text = jmap_get(l->options, "compress");
	bool compress = false;

	if (text && !parse_bool(text, &compress))
		return err_set(err, ERR_INVALID, EINVAL,
			"strconv.ParseBool: parsing \"%s\": invalid syntax", text);
	if (!compress)
		return 0;
	if (limits->files < 2 || limits->size < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"compress cannot be true when max-file is less than 2 or max-size is not set");
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"HostConfig.LogConfig.Config: compress=%s is not supported", text);
}

/* Bounded unless the user says otherwise. With a size alone only the newest part is kept, as in Docker. */
static int read_limits(const struct log_config *l, struct limits *ret, struct err *err)
{
	const char *size = jmap_get(l->options, "max-size"),
		   *files = jmap_get(l->options, "max-file");
	bool local = str_eq(l->type, "local");
	struct limits limits = { LOG_SIZE_DEFAULT, LOG_FILES_DEFAULT };
	int r = 0;

	if (local)
		limits = (struct limits){ LOCAL_SIZE, LOCAL_FILES };
	if (size) {
		if (!local)
			limits.files = 1;
		r = read_size(size, &limits.size, err);
	}
	if (r == 0 && files)
		r = read_files(files, &limits.files, err);
	if (r == 0)
		r = check_compress(l, &limits, err);
	if (r == 0)
		*ret = limits;
	return r;
}

/* mode and max-buffer-size, which every driver takes. *ret: bytes to keep at most, 0 for all. */
static int read_mode(const struct log_config *l, int64_t *ret, struct err *err)
{
	const char *mode = jmap_get(l->options, "mode");
	const char *size = jmap_get(l->options, "max-buffer-size");
	bool non_blocking = mode && str_eq(mode, "non-blocking");

	*ret = non_blocking ? BUFFER_DEFAULT : 0;
	if (!str_empty(mode) && !non_blocking && !str_eq(mode, "blocking"))
		return err_set(
			err, ERR_INVALID, EINVAL, "logger: logging mode not supported: %s", mode);
	if (size && !non_blocking)
		return err_set(err, ERR_INVALID, EINVAL,
			"logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	if (size && (parse_size(size, 1024, ret) < 0 || *ret <= 0))
		return err_set(err, ERR_INVALID, EINVAL,
			"error parsing option max-buffer-size: invalid size: '%s'", size);
	return 0;
}

/* ---- the drivers */

struct driver {
	const char *name;
	const char *unknown; /* Docker's words for an option it does not know */
	const char *const *options;
	bool files;
};

static const char *const file_options[] = { "max-size", "max-file", "compress", "labels",
	"labels-regex", "env", "env-regex", "tag", NULL };
static const char *const local_options[] = { "max-size", "max-file", "compress", NULL };
static const char *const journald_options[] = { "labels", "labels-regex", "env", "env-regex", "tag",
	NULL };

static const struct driver drivers[] = {
	{ "json-file", "unknown log opt '%s' for json-file log driver", file_options, true },
	{ "local", "unknown log opt '%s' for log driver local", local_options, true },
	{ "journald", "unknown log opt '%s' for journald log driver", journald_options, false },
};

static const struct driver *find_driver(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_eq(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

static int refuse_driver(const char *type, struct err *err)
{
	static const char *const dockers[] = { "syslog", "gelf", "fluentd", "awslogs", "splunk",
		"gcplogs", "logentries", "etwlogs", NULL };

	if (word_among(dockers, type))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.LogConfig.Type: the log driver \"%s\" is not supported; there are "
			"json-file, local, journald and none",
			type);
	return err_set(
		err, ERR_INVALID, EINVAL, "logger: no log driver named '%s' is registered", type);
}

static int check_options(const struct driver *d, char *const *options, struct err *err)
{
	static const char *const common[] = { "mode", "max-buffer-size", NULL };

	for (; options && *options; options += 2) {
		if (word_among(common, options[0]) || word_among(d->options, options[0]))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		return err_set(err, ERR_INVALID, EINVAL, d->unknown, options[0]);
#pragma GCC diagnostic pop
	}
	return 0;
}

static int compile_regex(const char *key, const char *text, regex_t *ret, struct err *err)
{
	char why[128];
	int r = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);

	if (r == 0)
		return 0;
	(void)regerror(r, ret, why, sizeof(why));
	return err_set(err, ERR_INVALID, EINVAL, "log opt %s: \"%.64s\": %s", key, text, why);
}

static int check_regex(const struct log_config *l, const char *key, struct err *err)
{
	const char *text = jmap_get(l->options, key);
	regex_t re;

	if (str_empty(text))
		return 0;
	if (compile_regex(key, text, &re, err) < 0)
		return -EINVAL;
	regfree(&re);
	return 0;
}

int log_config_settle(struct log_config *l, struct err *err)
{
	const char *tag = jmap_get(l->options, "tag");
	const struct driver *d;
	struct limits limits;
	int64_t kept;
	int r;

	if (str_empty(l->type)) {
		free(l->type);
		l->type = xstrdup("json-file");
	}
	if (str_eq(l->type, "none"))
		return 0;
	d = find_driver(l->type);
	if (!d)
		return refuse_driver(l->type, err);
	r = read_mode(l, &kept, err);
	if (r == 0)
		r = check_options(d, l->options, err);
	if (r == 0 && d->files)
		r = read_limits(l, &limits, err);
	if (r == 0)
		r = check_regex(l, "labels-regex", err);
	if (r == 0)
		r = check_regex(l, "env-regex", err);
	return r == 0 && tag ? log_tag_check(tag, err) : r;
}

/* ---- attributes: labels and variables that go with every record */

/* A map, sorted by its keys; later entries win. */
struct attrs {
	char **map;
};

static void attr_set(struct attrs *a, const char *key, const char *value)
{
	size_t n = strv_len(a->map), at = 0;

	while (at < n && strcmp(a->map[at], key) < 0)
		at += 2;
	if (at < n && str_eq(a->map[at], key)) {
		free(a->map[at + 1]);
		a->map[at + 1] = xstrdup(value);
		return;
	}
	strv_add(&a->map, key);
	strv_add(&a->map, value);
	for (size_t i = n; i > at; i -= 2) {
		char *k = a->map[i], *v = a->map[i + 1];

		a->map[i] = a->map[i - 2];
		a->map[i + 1] = a->map[i - 1];
		a->map[i - 2] = k;
		a->map[i - 1] = v;
	}
}

static bool listed(const char *list, const char *key)
{
	auto_strv char **names = str_empty(list) ? NULL : strv_split(list, ',');

	return names && strv_has(names, key);
}

/* from: a map; those of it are taken that the list names or the expression fits. */
static int attrs_add(struct attrs *a, char *const *from, const char *list, const char *regex_key,
	const char *regex, struct err *err)
{
	regex_t re;
	int r;

	for (char *const *m = from; m && *m; m += 2)
		if (listed(list, m[0]))
			attr_set(a, m[0], m[1]);
	if (str_empty(regex))
		return 0;
	r = compile_regex(regex_key, regex, &re, err);
	if (r < 0)
		return r;
	for (char *const *m = from; m && *m; m += 2)
		if (regexec(&re, m[0], 0, NULL, 0) == 0)
			attr_set(a, m[0], m[1]);
	regfree(&re);
	return 0;
}

static char **env_map(char *const *env)
{
	char **map = NULL;
	size_t n = 0;

	for (; env && *env; env++) {
		const char *eq = strchr(*env, '=');
		auto_free char *key = eq ? xstrndup(*env, (size_t)(eq - *env)) : NULL;

		if (!key)
			continue;
		strv_add_sized(&map, &n, key);
		strv_add_sized(&map, &n, eq + 1);
	}
	return map;
}

static int attrs_read(struct attrs *a, const struct container_config *c, const struct log_config *l,
	struct err *err)
{
	auto_strv char **env = env_map(c->env);
	int r = attrs_add(a, c->labels, jmap_get(l->options, "labels"), "labels-regex",
		jmap_get(l->options, "labels-regex"), err);

	if (r == 0)
		r = attrs_add(a, env, jmap_get(l->options, "env"), "env-regex",
			jmap_get(l->options, "env-regex"), err);
	return r;
}

static int check_size(size_t len, struct err *err)
{
	return len <= ATTRS_MAX ? 0
				: err_set(err, ERR_INVALID, E2BIG,
					  "the labels and variables that LogConfig adds to each "
					  "record are larger than %zu bytes",
					  ATTRS_MAX);
}

/* ---- into the plan */

static void add_number(struct buf *plan, const char *key, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)n);
	plan_add(plan, "log-opt", key, text);
}

static int compile_files(struct buf *plan, const struct log_config *l, struct attrs *a,
	const char *tag, struct err *err)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);
	struct limits limits;
	int r = read_limits(l, &limits, err);

	if (r < 0)
		return r;
	add_number(plan, "max-size", limits.size);
	add_number(plan, "max-file", limits.files);
	if (!str_empty(tag))
		attr_set(a, "tag", tag);
	if (!a->map)
		return 0;
	jw_object(&w, NULL);
	for (char **m = a->map; *m; m += 2)
		jw_str(&w, m[0], m[1]);
	jw_object_end(&w);
	r = check_size(json.len, err);
	if (r == 0)
		plan_add(plan, "log-opt", "attrs", json.data);
	return r;
}

/* A field's name has capitals, digits and underscores, and does not begin with one, nor with a digit. */
static char *field_name(const char *key)
{
	auto_buf struct buf name = { 0 };

	for (; *key; key++) {
		char c = *key;

		if (c >= 'a' && c <= 'z')
			c = (char)(c & ~0x20);
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		if (name.len || (c != '_' && !(c >= '0' && c <= '9')))
			buf_addc(&name, c);
	}
	return buf_steal(&name);
}

static int compile_journald(struct buf *plan, const struct container *ct, struct attrs *a,
	const char *tag, struct err *err)
{
	auto_free char *short_id = xstrndup(ct->id, 12);
	size_t before = plan->len;

	if (str_empty(tag))
		tag = short_id;
	plan_add(plan, "log-field", "CONTAINER_ID", short_id);
	plan_add(plan, "log-field", JOURNALD_ID, ct->id);
	plan_add(plan, "log-field", "CONTAINER_NAME", ct->name);
	plan_add(plan, "log-field", "CONTAINER_TAG", tag);
	plan_add(plan, "log-field", "IMAGE_NAME", ct->image);
	plan_add(plan, "log-field", "SYSLOG_IDENTIFIER", tag);
	for (char **m = a->map; m && *m; m += 2) {
		auto_free char *name = field_name(m[0]);

		if (*name && strlen(name) <= 64) /* journald takes no longer ones */
			plan_add(plan, "log-field", name, m[1]);
	}
	return check_size(plan->len - before, err);
}

int log_config_compile(struct buf *plan, const struct container *ct,
	const struct container_config *c, const struct log_config *l, struct err *err)
{
	const char *template = jmap_get(l->options, "tag");
	const struct driver *d = find_driver(l->type);
	auto_free char *tag = NULL;
	struct attrs a = { 0 };
	int64_t kept;
	int r;

	if (!d && !str_eq(l->type, "none"))
		return refuse_driver(l->type, err);
	plan_add(plan, "log", l->type);
	if (!d)
		return 0;
	r = read_mode(l, &kept, err);
	if (r == 0 && kept)
		add_number(plan, "most-kept", kept);
	if (r == 0)
		r = attrs_read(&a, c, l, err);
	if (r == 0 && !str_empty(template))
		r = log_tag_print(template, ct, &tag, err);
	if (r == 0)
		r = d->files ? compile_files(plan, l, &a, tag, err)
			     : compile_journald(plan, ct, &a, tag, err);
	strv_free(a.map);
	return r;
}
