/* The --flags of instructions. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/instruction.h"
#include "dockerfile/split.h"

struct flag {
	const char *name;
	unsigned kinds; /* 1 << DF_ADD | … */
	int (*set)(struct df_instruction *in, const char *name, const char *value, struct err *err);
	size_t offset; /* in struct df_flags */
	bool repeats;
	bool alone; /* "--link" means "--link=true" */
};

static void *member(struct df_instruction *in, const struct flag *f)
{
	return (char *)&in->flags + f->offset;
}

/* ---- what a flag does with its value */

static int health(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	return health_option(&in->health, name, value, err);
}

static int exclude(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	(void)name;
	(void)err;
	strv_add(&in->flags.exclude, value);
	return 0;
}

static int mount(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	struct df_flags *f = &in->flags;
	struct df_mount m;
	int r;

	(void)name;
	if (f->mount_count == DF_MOUNTS_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "more than %d mounts", DF_MOUNTS_MAX);
	r = mount_parse(value, &m, err);
	if (r < 0)
		return r;
	f->mounts = xreallocarray(f->mounts, f->mount_count + 1, sizeof(m));
	f->mounts[f->mount_count++] = m;
	return 0;
}

static int network(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	(void)name;
	if (!str_eq(value, "default") && !str_eq(value, "none") && !str_eq(value, "host"))
		return err_set(err, ERR_INVALID, EINVAL, "invalid network mode: \"%.100s\"", value);
	in->flags.network = xstrdup(value);
	return 0;
}

static int security(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	(void)in;
	(void)name;
	if (str_eq(value, "sandbox"))
		return 0;
	if (str_eq(value, "insecure"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"--security=insecure is not supported: a build never has more rights than a container");
	return err_set(err, ERR_INVALID, EINVAL, "security \"%.100s\" is not valid", value);
}

static int from(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	(void)name;
	if (strchr(value, '$'))
		return err_set(err, ERR_INVALID, EINVAL,
			"variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround");
	if (!*value)
		return err_set(err, ERR_INVALID, EINVAL, "invalid empty --from");
	in->flags.from = xstrdup(value);
	return 0;
}

static int refuse(struct df_instruction *in, const char *name, const char *value, struct err *err)
{
	(void)value;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "%s --%s is not supported",
		df_kind_name(in->kind), name);
}

/* ---- the table */

#define ADD   (1u << DF_ADD)
#define COPY  (1u << DF_COPY)
#define RUN   (1u << DF_RUN)
#define CHECK (1u << DF_HEALTHCHECK)
#define AT(m) offsetof(struct df_flags, m)

/* clang-format off */
static const struct flag flags[] = {
	{ "checksum",       ADD,             NULL,     AT(checksum),     .repeats = false },
	{ "chmod",          ADD | COPY,      NULL,     AT(chmod),        .repeats = false },
	{ "chown",          ADD | COPY,      NULL,     AT(chown),        .repeats = false },
	{ "device",         RUN,             refuse,   0,                .repeats = true },
	{ "exclude",        ADD | COPY,      exclude,  0,                .repeats = true },
	{ "from",           COPY,            from,     0,                .repeats = false },
	{ "interval",       CHECK,           health,   0,                .repeats = false },
	{ "keep-git-dir",   ADD,             NULL,     AT(keep_git_dir), .alone = true },
	{ "link",           ADD | COPY,      NULL,     AT(link),         .alone = true },
	{ "mount",          RUN,             mount,    0,                .repeats = true },
	{ "network",        RUN,             network,  0,                .repeats = false },
	{ "parents",        COPY,            refuse,   0,                .alone = true },
	{ "platform",       1u << DF_FROM,   NULL,     AT(platform),     .repeats = false },
	{ "retries",        CHECK,           health,   0,                .repeats = false },
	{ "security",       RUN,             security, 0,                .repeats = false },
	{ "start-interval", CHECK,           health,   0,                .repeats = false },
	{ "start-period",   CHECK,           health,   0,                .repeats = false },
	{ "timeout",        CHECK,           health,   0,                .repeats = false },
	{ "unpack",         ADD,             NULL,     AT(unpack),       .alone = true },
};
/* clang-format on */

static const struct flag *find(enum df_kind kind, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if ((flags[i].kinds & 1u << kind) && str_eq(flags[i].name, name))
			return &flags[i];
	return NULL;
}

static int set_bool(
	struct df_instruction *in, const struct flag *f, const char *value, struct err *err)
{
	bool yes = !value || strcasecmp(value, "true") == 0;

	if (!yes && strcasecmp(value, "false") != 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"expecting boolean value for flag --%s, not: %.100s", f->name, value);
	if (f->offset == AT(unpack))
		in->flags.unpack = yes;
	else
		*(bool *)member(in, f) = yes;
	return 0;
}

/* word is without its "--" and cut at the "=". value is NULL if there was none. */
static int set(struct df_instruction *in, const char *word, const char *value, uint32_t *seen,
	struct err *err)
{
	const struct flag *f = find(in->kind, word);
	uint32_t bit;

	if (!f)
		return err_set(err, ERR_INVALID, EINVAL, "unknown flag: --%.100s", word);
	bit = UINT32_C(1) << (f - flags);
	if ((*seen & bit) && !f->repeats)
		return err_set(err, ERR_INVALID, EINVAL, "duplicate flag specified: --%s", word);
	*seen |= bit;
	if (f->alone ? value && !*value : !value)
		return err_set(err, ERR_INVALID, EINVAL, "missing a value on flag: --%s", word);
	if (f->set)
		return f->set(in, word, value, err);
	if (f->alone)
		return set_bool(in, f, value, err);
	*(char **)member(in, f) = xstrdup(value);
	return 0;
}

int flags_parse(const char *text, struct df_instruction *in, const char **rest, struct err *err)
{
	auto_strv char **words = NULL;
	uint32_t seen = 0;
	int r = split_flags(text, &words, rest, err);

	_Static_assert(ARRAY_SIZE(flags) <= 32, "one bit for each");
	in->flags.from_stage = -1;
	in->flags.unpack = -1;
	for (char **w = words; r == 0 && w && *w; w++) {
		char *name = *w + 2, *eq = strchr(name, '=');

		if (eq)
			*eq++ = '\0';
		r = set(in, name, eq, &seen, err);
	}
	return r;
}

void flags_clear(struct df_flags *f)
{
	free(f->platform);
	free(f->from);
	free(f->chown);
	free(f->chmod);
	strv_free(f->exclude);
	free(f->checksum);
	free(f->network);
	for (size_t i = 0; i < f->mount_count; i++)
		mount_clear(&f->mounts[i]);
	free(f->mounts);
	*f = (struct df_flags){ .from_stage = -1, .unpack = -1 };
}
