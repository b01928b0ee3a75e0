/* RUN --mount=type=cache,target=/x,… The fields are kept as written, because they may hold variables, and
 * are interpreted as soon as they hold none. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/instruction.h"
#include "dockerfile/split.h"

#define BIND   (1u << DF_MOUNT_BIND)
#define CACHE  (1u << DF_MOUNT_CACHE)
#define TMPFS  (1u << DF_MOUNT_TMPFS)
#define SECRET (1u << DF_MOUNT_SECRET)
#define SSH    (1u << DF_MOUNT_SSH)
#define ALL    (BIND | CACHE | TMPFS | SECRET | SSH)

static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
static const char *const sharings[] = { "shared", "private", "locked" };

enum access { ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE };

struct reader {
	struct df_mount *m;
	enum access access;
	struct err *err;
};

static int invalid(const struct reader *r, const char *key, const char *value)
{
	return err_set(r->err, ERR_INVALID, EINVAL, "invalid value for %s: %.100s", key, value);
}

static int index_of(const char *const *names, size_t count, const char *value)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], value) == 0)
			return (int)i;
	return -1;
}

/* As Go's strconv.ParseBool; NULL is a key alone. */
static int read_bool(const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	*ret = true;
	if (!value)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (str_eq(value, yes[i]))
			return 0;
		if (str_eq(value, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

/* "64m", "1.5GB", "1048576" */
static int read_size(const char *value, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	size_t digits = strspn(value, "0123456789.");
	const char *suffix = value + digits, *unit;
	double n;
	char *end;

	n = strtod(value, &end);
	if (!digits || end != suffix)
		return -EINVAL;
	if (*suffix) {
		unit = strchr(units, *suffix >= 'A' && *suffix <= 'Z' ? *suffix + 32 : *suffix);
		if (!unit)
			return -EINVAL;
		for (ptrdiff_t i = unit - units; i > 0; i--)
			n *= 1024;
		suffix++;
		if (*suffix && strcasecmp(suffix, "b") != 0 && strcasecmp(suffix, "ib") != 0)
			return -EINVAL;
	}
	if (!(n >= 0 && n < 9e18))
		return -EINVAL;
	*ret = (int64_t)n;
	return 0;
}

/* ---- what a key does with its value */

static int replace(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
	return 0;
}

static int set_type(struct reader *r, const char *key, const char *value)
{
	int i = index_of(types, ARRAY_SIZE(types), value);

	(void)key;
	if (i < 0)
		return err_set(
			r->err, ERR_INVALID, EINVAL, "unsupported mount type \"%.100s\"", value);
	r->m->type = (enum df_mount_type)i;
	return 0;
}

static int set_sharing(struct reader *r, const char *key, const char *value)
{
	int i = index_of(sharings, ARRAY_SIZE(sharings), value);

	(void)key;
	if (i < 0)
		return err_set(
			r->err, ERR_INVALID, EINVAL, "unsupported sharing value \"%.100s\"", value);
	r->m->sharing = (enum df_sharing)i;
	return 0;
}

static int set_from(struct reader *r, const char *key, const char *value)
{
	(void)key;
	return replace(&r->m->from, value);
}

static int set_source(struct reader *r, const char *key, const char *value)
{
	(void)key;
	return replace(&r->m->source, value);
}

static int set_target(struct reader *r, const char *key, const char *value)
{
	(void)key;
	return replace(&r->m->target, value);
}

static int set_id(struct reader *r, const char *key, const char *value)
{
	(void)key;
	return replace(&r->m->id, value);
}

static int set_env(struct reader *r, const char *key, const char *value)
{
	(void)key;
	return replace(&r->m->env, value);
}

static int set_access(struct reader *r, const char *key, const char *value)
{
	bool yes;

	if (read_bool(value, &yes) < 0)
		return invalid(r, key, value);
	r->access = yes == (strcmp(key, "ro") == 0 || strcmp(key, "readonly") == 0) ? ACCESS_READ
										    : ACCESS_WRITE;
	return 0;
}

static int set_required(struct reader *r, const char *key, const char *value)
{
	return read_bool(value, &r->m->required) < 0 ? invalid(r, key, value) : 0;
}

static int set_size(struct reader *r, const char *key, const char *value)
{
	return read_size(value, &r->m->size) < 0 ? invalid(r, key, value) : 0;
}

static int set_mode(struct reader *r, const char *key, const char *value)
{
	size_t digits = strspn(value, "01234567");

	if (!digits || digits > 6 || value[digits] || strtoul(value, NULL, 8) > 07777)
		return invalid(r, key, value);
	r->m->mode = (int)strtoul(value, NULL, 8);
	return 0;
}

static int set_owner(struct reader *r, const char *key, const char *value)
{
	uint64_t n;

	if (str_to_u64(value, &n) < 0 || n > UINT32_MAX - 1)
		return invalid(r, key, value);
	*(*key == 'u' ? &r->m->uid : &r->m->gid) = (int64_t)n;
	return 0;
}

static const struct key {
	const char *name;
	unsigned types;
	bool alone; /* needs no value */
	int (*set)(struct reader *r, const char *key, const char *value);
} keys[] = {
	{ "type", ALL, false, set_type },
	{ "from", BIND | CACHE, false, set_from },
	{ "source", BIND | CACHE | SECRET, false, set_source },
	{ "src", BIND | CACHE | SECRET, false, set_source },
	{ "target", ALL, false, set_target },
	{ "dst", ALL, false, set_target },
	{ "destination", ALL, false, set_target },
	{ "readonly", ALL, true, set_access },
	{ "ro", ALL, true, set_access },
	{ "readwrite", ALL, true, set_access },
	{ "rw", ALL, true, set_access },
	{ "required", SECRET | SSH, true, set_required },
	{ "size", TMPFS, false, set_size },
	{ "id", CACHE | SECRET | SSH, false, set_id },
	{ "sharing", CACHE, false, set_sharing },
	{ "mode", CACHE | SECRET | SSH, false, set_mode },
	{ "uid", CACHE | SECRET | SSH, false, set_owner },
	{ "gid", CACHE | SECRET | SSH, false, set_owner },
	{ "env", SECRET, false, set_env },
};

static const struct key *find_key(const char *field, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].name) == len && strncasecmp(keys[i].name, field, len) == 0)
			return &keys[i];
	return NULL;
}

static int read_field(struct reader *r, const char *field, bool only_type)
{
	const char *eq = strchr(field, '=');
	size_t len = eq ? (size_t)(eq - field) : strlen(field);
	const struct key *k = find_key(field, len);

	if (only_type && (!k || k->set != set_type))
		return 0;
	if (!k)
		return err_set(r->err, ERR_INVALID, EINVAL, "unexpected key '%.*s' in '%.100s'",
			len > 100 ? 100 : (int)len, field, field);
	if (!eq && !k->alone)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"invalid field '%.100s' must be a key=value pair", field);
	if (!(k->types & 1u << r->m->type))
		return err_set(r->err, ERR_INVALID, EINVAL,
			"unexpected key '%s' for mount type '%s'", k->name, types[r->m->type]);
	return k->set(r, k->name, eq ? eq + 1 : NULL);
}

/* ---- the whole mount */

void mount_clear(struct df_mount *m)
{
	free(m->target);
	free(m->source);
	free(m->from);
	free(m->id);
	free(m->env);
	strv_free(m->fields);
	*m = (struct df_mount){ .from_stage = -1, .mode = -1 };
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* source is another word for id; what is missing of id and target follows from the other. */
static int settle_secret(struct df_mount *m, struct err *err)
{
	if (m->source && m->id)
		return err_set(err, ERR_INVALID, EINVAL, "both source and id can't be set");
	if (m->source)
		m->id = take_ptr(&m->source);
	if (!m->id && m->target)
		m->id = xstrdup(base_name(m->target));
	if (str_empty(m->id))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid secret mount. one of source, target required");
	if (!m->target && !m->env)
		m->target = xasprintf("/run/secrets/%s", base_name(m->id));
	return 0;
}

static int settle(struct reader *r)
{
	struct df_mount *m = r->m;
	bool writable = m->type == DF_MOUNT_CACHE || m->type == DF_MOUNT_TMPFS;

	m->read_only = r->access == ACCESS_DEFAULT ? !writable : r->access == ACCESS_READ;
	if (m->type == DF_MOUNT_SECRET)
		return settle_secret(m, r->err);
	if (m->type == DF_MOUNT_SSH)
		return 0;
	if (str_empty(m->target) || str_eq(m->target, "/"))
		return err_set(r->err, ERR_INVALID, EINVAL, "invalid mount target \"%s\"",
			m->target ? m->target : "");
	return 0;
}

/* Sets the typed members from these fields, all or none. */
static int interpret(struct df_mount *m, char *const *fields, struct err *err)
{
	struct df_mount typed = { .from_stage = m->from_stage, .mode = -1 };
	struct reader r = { .m = &typed, .err = err };
	int res = 0;

	/* the type first: it says which other keys there are */
	for (char *const *f = fields; *f && res == 0; f++)
		res = read_field(&r, *f, true);
	for (char *const *f = fields; *f && res == 0; f++)
		res = read_field(&r, *f, false);
	if (res == 0)
		res = settle(&r);
	if (res < 0) {
		mount_clear(&typed);
		return res;
	}
	typed.fields = take_ptr(&m->fields);
	mount_clear(m);
	*m = typed;
	return 0;
}

/* from has to be known before anything is expanded: it decides which stages are built. */
static int read_from(struct df_mount *m, struct err *err)
{
	for (char **f = m->fields; *f; f++) {
		if (strncasecmp(*f, "from=", strlen("from=")) != 0)
			continue;
		if (strchr(*f, '$'))
			return err_set(err, ERR_INVALID, EINVAL,
				"'from' doesn't support variable expansion, define alias stage instead");
		(void)replace(&m->from, *f + strlen("from="));
	}
	return 0;
}

int mount_parse(const char *text, struct df_mount *ret, struct err *err)
{
	struct df_mount m = { .from_stage = -1, .mode = -1 };
	int r = split_csv(text, &m.fields, err);

	if (r < 0)
		return err_prefix(err, "failed to parse csv mounts");
	r = strchr(text, '$') ? read_from(&m, err) : interpret(&m, m.fields, err);
	if (r < 0) {
		mount_clear(&m);
		return r;
	}
	*ret = m;
	return 0;
}

/* The field with its value expanded. */
static int expand_field(
	const char *field, char escape, df_lookup *lookup, void *arg, char **ret, struct err *err)
{
	const char *eq = strchr(field, '=');
	auto_free char *value = NULL;
	int r;

	if (!eq) {
		*ret = xstrdup(field);
		return 0;
	}
	r = df_expand_word(eq + 1, escape, lookup, arg, &value, err);
	if (r < 0)
		return r;
	*ret = xasprintf("%.*s=%s", (int)(eq - field), field, value);
	return 0;
}

int mount_expand(struct df_mount *m, char escape, df_lookup *lookup, void *arg, struct err *err)
{
	auto_strv char **fields = NULL;

	for (char **f = m->fields; *f; f++) {
		char *field = NULL;
		int r = expand_field(*f, escape, lookup, arg, &field, err);

		if (r < 0)
			return r;
		strv_add_take(&fields, field);
	}
	return interpret(m, fields, err);
}
