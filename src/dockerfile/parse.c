#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/instruction.h"
#include "dockerfile/lines.h"

/* While a file is read. */
struct parser {
	struct dockerfile *f;
	size_t count; /* of instructions, for the limit */
	struct err *err;
};

/* Makes room for one more behind count items; grows by powers of two. */
#define GROW(items, count)                                                                         \
	do {                                                                                       \
		if (((count) & ((count)-1)) == 0)                                                  \
			(items) = xreallocarray(                                                   \
				(items), (count) ? 2 * (count) : 1, sizeof(*(items)));             \
	} while (0)

static void add_instruction(struct df_instruction **items, size_t *count, struct df_instruction in)
{
	GROW(*items, *count);
	(*items)[(*count)++] = in;
}

static int add_stage(struct parser *p, struct df_instruction from, char *name)
{
	struct dockerfile *f = p->f;

	if (f->stage_count == DF_STAGES_MAX) {
		instruction_clear(&from);
		free(name);
		return err_set(p->err, ERR_INVALID, E2BIG, "more than %d stages", DF_STAGES_MAX);
	}
	GROW(f->stages, f->stage_count);
	f->stages[f->stage_count++] =
		(struct df_stage){ .from = from, .name = name, .base_stage = -1 };
	return 0;
}

/* Puts the instruction, which it owns from now on, where it belongs. */
static int place(struct parser *p, struct df_instruction in, char *stage_name)
{
	struct dockerfile *f = p->f;
	struct df_stage *last = f->stage_count ? &f->stages[f->stage_count - 1] : NULL;
	int r = 0;

	if (p->count++ == DF_INSTRUCTIONS_MAX)
		r = err_set(p->err, ERR_INVALID, E2BIG, "more than %d instructions",
			DF_INSTRUCTIONS_MAX);
	else if (in.kind == DF_FROM)
		return add_stage(p, in, stage_name);
	else if (last)
		add_instruction(&last->items, &last->count, in);
	else if (in.kind == DF_ARG)
		add_instruction(&f->args, &f->arg_count, in);
	else
		r = err_set(p->err, ERR_INVALID, EINVAL, "no build stage in current context");
	if (r < 0) {
		instruction_clear(&in);
		free(stage_name);
	}
	return r;
}

static int read_line(struct parser *p, struct line *l, char escape)
{
	struct df_instruction in;
	char *stage_name = NULL;
	int r;

	if (l->gap)
		strv_add_take(&p->f->warnings,
			xasprintf("[WARNING]: Empty continuation line found in:\n    %.1000s",
				l->text));
	r = instruction_parse(l, escape, &in, &stage_name, p->err);
	if (r == 0)
		r = place(p, in, stage_name);
	return r < 0 ? lines_error(p->err, l->first) : 0;
}

static int read_lines(struct parser *p, const char *text, size_t len)
{
	struct lines s;
	int r;

	lines_begin(&s, text, len);
	for (;;) {
		auto_line struct line l = { 0 };

		r = lines_next(&s, &l, p->err);
		p->f->escape = s.escape;
		if (r > 0)
			r = read_line(p, &l, s.escape);
		else if (r == 0)
			break;
		if (r < 0)
			return r;
	}
	if (!p->count)
		return err_set(p->err, ERR_INVALID, EINVAL, "file with no instructions");
	if (!p->f->stage_count)
		return err_set(
			p->err, ERR_INVALID, EINVAL, "dockerfile contains no stages to build");
	return 0;
}

int dockerfile_parse(
	const char *text, size_t len, const char *file, struct dockerfile **ret, struct err *err)
{
	auto_dockerfile struct dockerfile *f = NULL;
	struct parser p = { .err = err };
	int r;

	if (!len)
		return err_set(
			err, ERR_INVALID, EINVAL, "the Dockerfile (%.200s) cannot be empty", file);
	if (len > DF_TEXT_MAX)
		return err_set(err, ERR_INVALID, EFBIG,
			"the Dockerfile (%.200s) is larger than %d bytes", file, DF_TEXT_MAX);
	if (memchr(text, '\0', len))
		return err_set(
			err, ERR_INVALID, EINVAL, "the Dockerfile (%.200s) is not text", file);
	f = p.f = xcalloc(1, sizeof(*f));
	r = read_lines(&p, text, len);
	if (r == 0)
		*ret = take_ptr(&f);
	return r;
}

static void clear_instructions(struct df_instruction *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		instruction_clear(&items[i]);
	free(items);
}

void dockerfile_free(struct dockerfile *f)
{
	if (!f)
		return;
	clear_instructions(f->args, f->arg_count);
	for (size_t i = 0; i < f->stage_count; i++) {
		struct df_stage *s = &f->stages[i];

		instruction_clear(&s->from);
		clear_instructions(s->items, s->count);
		free(s->name);
		free(s->base);
		free(s->platform);
	}
	free(f->stages);
	strv_free(f->globals);
	strv_free(f->warnings);
	free(f);
}

size_t dockerfile_steps(const struct dockerfile *f)
{
	size_t n = f->arg_count;

	for (size_t i = 0; i < f->stage_count; i++)
		n += 1 + f->stages[i].count;
	return n;
}

/* ---- instructions without a file */

static int add_line(struct df_list *list, struct line *l, char escape, struct err *err)
{
	struct df_instruction in;
	int r = instruction_parse(l, escape, &in, NULL, err);

	if (r < 0)
		return lines_error(err, l->first);
	if (in.kind == DF_FROM)
		r = err_set(err, ERR_INVALID, EINVAL, "FROM is not a valid change command");
	else if (list->count == DF_INSTRUCTIONS_MAX)
		r = err_set(
			err, ERR_INVALID, E2BIG, "more than %d instructions", DF_INSTRUCTIONS_MAX);
	if (r < 0) {
		instruction_clear(&in);
		return r;
	}
	add_instruction(&list->items, &list->count, in);
	return 0;
}

int df_list_parse(const char *text, struct df_list *ret, struct err *err)
{
	auto_df_list struct df_list list = { 0 };
	struct lines s;
	int r;

	if (strlen(text) > DF_TEXT_MAX)
		return err_set(
			err, ERR_INVALID, EFBIG, "instructions of more than %d bytes", DF_TEXT_MAX);
	lines_begin(&s, text, strlen(text));
	for (;;) {
		auto_line struct line l = { 0 };

		r = lines_next(&s, &l, err);
		if (r > 0)
			r = add_line(&list, &l, s.escape, err);
		else if (r == 0)
			break;
		if (r < 0)
			return r;
	}
	*ret = list;
	list = (struct df_list){ 0 };
	return 0;
}

void df_list_free(struct df_list *l)
{
	clear_instructions(l->items, l->count);
	*l = (struct df_list){ 0 };
}
