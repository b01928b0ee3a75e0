/* Names of stages, and which stages a target takes. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/lines.h"

/* ---- global ARGs */

static const char *lookup_vector(void *arg, const char *name, size_t len)
{
	char *const *v = arg;
	int i = strv_find_key(v, name, len);

	return i < 0 ? NULL : v[i] + len + 1;
}

static void set_global(struct dockerfile *f, const char *name, const char *value)
{
	char *pair = xasprintf("%s=%s", name, value);
	int i = strv_find_key(f->globals, name, strlen(name));

	if (i < 0) {
		strv_add_take(&f->globals, pair);
	} else {
		free(f->globals[i]);
		f->globals[i] = pair;
	}
}

/* One of "ARG A=1 B=2". A build argument wins over the default; without either there is no value, but for the
 * platform's own. */
static int resolve_arg(struct dockerfile *f, const struct df_pair *p, char escape,
	df_lookup *build_args, void *arg, struct err *err)
{
	const char *given = build_args(arg, p->name, strlen(p->name));
	auto_free char *value = NULL;
	int r = 0;

	if (given)
		value = xstrdup(given);
	else if (p->value)
		r = df_expand_word(p->value, escape, lookup_vector, f->globals, &value, err);
	if (r == 0 && value)
		set_global(f, p->name, value);
	return r;
}

static int resolve_args(struct dockerfile *f, df_lookup *build_args, void *arg, struct err *err)
{
	for (size_t i = 0; i < f->arg_count; i++) {
		struct df_instruction *in = &f->args[i];

		for (size_t k = 0; k < in->pair_count; k++) {
			int r = resolve_arg(f, &in->pairs[k], in->escape, build_args, arg, err);

			if (r < 0)
				return lines_error(err, in->line);
		}
	}
	return 0;
}

/* ---- stages */

static bool has_name(const struct df_stage *s, const char *name)
{
	return s->name && strcasecmp(s->name, name) == 0;
}

static int find_before(const struct dockerfile *f, const char *name, size_t before)
{
	while (before-- > 0)
		if (has_name(&f->stages[before], name))
			return (int)before;
	return -1;
}

static int find_name(const struct dockerfile *f, const char *name, size_t in)
{
	int i = find_before(f, name, in);

	for (size_t k = in; i < 0 && k < f->stage_count; k++)
		if (has_name(&f->stages[k], name))
			i = (int)k;
	return i;
}

int dockerfile_find(
	const struct dockerfile *f, const char *from, size_t in, int *ret, struct err *err)
{
	uint64_t n;

	if (str_to_u64(from, &n) < 0) {
		*ret = find_name(f, from, in);
		return 0;
	}
	if (n >= f->stage_count)
		return err_set(err, ERR_INVALID, EINVAL, "invalid stage index %.20s", from);
	*ret = (int)n;
	return 0;
}

static int resolve_base(struct dockerfile *f, size_t i, struct err *err)
{
	struct df_stage *s = &f->stages[i];
	const char *written = s->from.words[0];
	char escape = s->from.escape;
	int r;

	r = df_expand_word(written, escape, lookup_vector, f->globals, &s->base, err);
	if (r == 0 && !*s->base)
		r = err_set(err, ERR_INVALID, EINVAL, "base name (%.200s) should not be blank",
			written);
	if (r == 0 && s->from.flags.platform)
		r = df_expand_word(s->from.flags.platform, escape, lookup_vector, f->globals,
			&s->platform, err);
	if (r < 0)
		return lines_error(err, s->from.line);
	if (str_empty(s->platform)) {
		free(s->platform);
		s->platform = NULL;
	}
	s->base_stage = find_before(f, s->base, i);
	return 0;
}

static int resolve_froms(
	struct dockerfile *f, size_t stage, struct df_instruction *in, struct err *err)
{
	int r = 0;

	if (in->flags.from)
		r = dockerfile_find(f, in->flags.from, stage, &in->flags.from_stage, err);
	for (size_t i = 0; i < in->flags.mount_count; i++) {
		struct df_mount *m = &in->flags.mounts[i];

		if (m->from)
			m->from_stage = find_name(f, m->from, stage);
	}
	return r < 0 ? lines_error(err, in->line) : 0;
}

static int resolve_stage(struct dockerfile *f, size_t i, struct err *err)
{
	struct df_stage *s = &f->stages[i];
	int r = resolve_base(f, i, err);

	for (size_t k = 0; k < s->count && r == 0; k++)
		r = resolve_froms(f, i, &s->items[k], err);
	return r;
}

int dockerfile_resolve(struct dockerfile *f, df_lookup *build_args, void *arg,
	char *const *platform_args, struct err *err)
{
	int r;

	for (char *const *p = platform_args; p && *p; p++) {
		size_t len = strcspn(*p, "=");
		auto_free char *name = xstrndup(*p, len);
		const char *given = build_args(arg, name, len);

		set_global(f, name, given ? given : *p + len + 1);
	}
	r = resolve_args(f, build_args, arg, err);
	for (size_t i = 0; i < f->stage_count && r == 0; i++)
		r = resolve_stage(f, i, err);
	return r;
}

/* ---- what a target takes */

int dockerfile_target(const struct dockerfile *f, const char *target, size_t *ret, struct err *err)
{
	uint64_t n;
	int i;

	if (str_empty(target)) {
		*ret = f->stage_count - 1;
		return 0;
	}
	i = find_before(f, target, f->stage_count);
	if (i < 0 && str_to_u64(target, &n) == 0 && n < f->stage_count)
		i = (int)n;
	if (i < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"target stage \"%.200s\" could not be found", target);
	*ret = (size_t)i;
	return 0;
}

static void take(int stage, bool *taken)
{
	if (stage >= 0)
		taken[stage] = true;
}

void dockerfile_takes(const struct dockerfile *f, size_t stage, bool *taken)
{
	const struct df_stage *s = &f->stages[stage];

	memset(taken, 0, f->stage_count * sizeof(*taken));
	take(s->base_stage, taken);
	for (size_t i = 0; i < s->count; i++) {
		const struct df_flags *flags = &s->items[i].flags;

		take(flags->from_stage, taken);
		for (size_t k = 0; k < flags->mount_count; k++)
			take(flags->mounts[k].from_stage, taken);
	}
}

enum mark { MARK_NONE, MARK_OPEN, MARK_DONE };

struct walk {
	const struct dockerfile *f;
	enum mark marks[DF_STAGES_MAX];
	size_t *order;
	size_t count;
	struct err *err;
};

/* Depth first. A stage that is met while it is still open takes itself. Not deeper than there are stages. */
static int visit(struct walk *w, size_t stage)
{
	bool taken[DF_STAGES_MAX];
	const struct df_stage *s = &w->f->stages[stage];

	if (w->marks[stage] == MARK_DONE)
		return 0;
	if (w->marks[stage] == MARK_OPEN)
		return err_set(w->err, ERR_INVALID, EINVAL,
			"circular dependency detected on stage: %.100s",
			s->name ? s->name : s->base);
	w->marks[stage] = MARK_OPEN;
	dockerfile_takes(w->f, stage, taken);
	for (size_t i = 0; i < w->f->stage_count; i++) {
		int r = taken[i] ? visit(w, i) : 0;

		if (r < 0)
			return r;
	}
	w->marks[stage] = MARK_DONE;
	w->order[w->count++] = stage;
	return 0;
}

int dockerfile_order(
	const struct dockerfile *f, size_t target, size_t *order, size_t *count, struct err *err)
{
	struct walk w = { .f = f, .order = order, .err = err };
	int r = visit(&w, target);

	if (r == 0)
		*count = w.count;
	return r;
}
