/* A Dockerfile, all the way: parsed, resolved, its stages put in order, every instruction expanded. What an
 * ONBUILD holds must be readable by itself. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool done(int r, const struct err *err)
{
	assert(r == 0 || (r < 0 && err->sys > 0 && err->msg[0]));
	assert(r == 0 || err->kind == ERR_INVALID || err->kind == ERR_UNSUPPORTED);
	return r == 0;
}

static const char *lookup(void *arg, const char *name, size_t len)
{
	static const char *const values[] = { "A=", "B=b", "C=a b  c", "D=/usr/lib/x.tar.gz",
		"E=\xc3\xa9\xff*?[" };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (len == 1 && values[i][0] == *name)
			return values[i] + 2;
	return NULL;
}

static void check_instruction(struct df_instruction *in)
{
	auto_strv char **ports = NULL;
	struct err err = { 0 };
	unsigned mode;

	assert(in->text[0] && in->line > 0 && in->line <= in->last_line);
	if (in->kind == DF_ONBUILD) {
		auto_df_list struct df_list list = { 0 };

		assert(df_list_parse(in->words[0], &list, &err) == 0 && list.count == 1);
	}
	if (!done(df_expand(in, lookup, NULL, &err), &err))
		return;
	if (in->kind == DF_EXPOSE)
		(void)done(df_ports(in->words, &ports, &err), &err);
	if (in->kind == DF_ADD || in->kind == DF_COPY)
		assert(in->words && in->words[0]);
	for (size_t i = 0; i < in->pair_count; i++)
		assert(in->pairs[i].name[0] && (in->pairs[i].value || in->kind == DF_ARG));
	for (size_t i = 0; i < in->heredoc_count; i++)
		assert(in->heredocs[i].name[0] && in->heredocs[i].content);
	if (in->flags.chmod && done(df_chmod(in->flags.chmod, 0644, false, &mode, &err), &err))
		assert(mode <= 07777);
}

static void check_order(const struct dockerfile *f)
{
	size_t order[DF_STAGES_MAX], count, target;
	bool built[DF_STAGES_MAX] = { 0 }, taken[DF_STAGES_MAX];
	struct err err = { 0 };

	assert(dockerfile_target(f, NULL, &target, &err) == 0);
	if (!done(dockerfile_order(f, target, order, &count, &err), &err))
		return;
	assert(count > 0 && count <= f->stage_count && order[count - 1] == target);
	for (size_t i = 0; i < count; i++) {
		dockerfile_takes(f, order[i], taken);
		for (size_t k = 0; k < f->stage_count; k++)
			assert(!taken[k] || built[k]);
		built[order[i]] = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_dockerfile struct dockerfile *f = NULL;
	auto_strv char **platform = df_platform_args("linux/amd64", "linux/arm64/v8");
	auto_df_list struct df_list list = { 0 };
	auto_free char *text = xstrndup((const char *)data, size);
	struct err err = { 0 };

	(void)done(df_list_parse(text, &list, &err), &err);
	if (!done(dockerfile_parse((const char *)data, size, "Dockerfile", &f, &err), &err))
		return 0;
	assert(f->stage_count > 0 && dockerfile_steps(f) <= DF_INSTRUCTIONS_MAX);
	if (!done(dockerfile_resolve(f, lookup, NULL, platform, &err), &err))
		return 0;
	check_order(f);
	for (size_t i = 0; i < f->stage_count; i++)
		for (size_t k = 0; k < f->stages[i].count; k++)
			check_instruction(&f->stages[i].items[k]);
	return 0;
}
