/* Instructions that change the image's configuration and nothing else. */
#include "build/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "core/signals.h"
#include "worker/changes.h"

/* ARG: known from here on, to this stage. The value: --build-arg, the default, or the global one's. */
static void add_args(struct stage_run *s, const struct df_instruction *in)
{
	struct build *b = s->build;

	for (size_t i = 0; i < in->pair_count; i++) {
		const char *name = in->pairs[i].name;
		size_t len = strlen(name);
		const char *value = options_build_arg(&b->opt, name, len);
		int global = strv_find_key(b->file->globals, name, len);
		int platform = strv_find_key(b->platform_args, name, len);
		int old = strv_find_key(s->args, name, len);

		strv_add(&b->args_used, name);
		if (!value)
			value = in->pairs[i].value;
		if (!value && global >= 0)
			value = b->file->globals[global] + len + 1;
		if (!value && platform >= 0)
			value = b->platform_args[platform] + len + 1;
		if (!value)
			continue;
		if (old >= 0) {
			free(s->args[old]);
			s->args[old] = xasprintf("%s=%s", name, value);
		} else {
			strv_add_take(&s->args, xasprintf("%s=%s", name, value));
		}
	}
}

static int apply(struct stage_run *s, const struct df_instruction *in, struct err *err)
{
	int signal, r;

	if (in->kind == DF_ARG) {
		add_args(s, in);
		return 0;
	}
	if (in->kind == DF_MAINTAINER) {
		(void)json_object_object_add(
			s->draft.doc, "author", json_object_new_string(in->words[0]));
		return 0;
	}
	r = in->kind == DF_STOPSIGNAL ? signal_parse(in->words[0], &signal, err) : 0;
	if (r == 0)
		r = change_apply(s->draft.config, in, err);
	if (r < 0)
		return r;
	if (in->kind == DF_CMD)
		s->cmd_set = true;
	else if (in->kind == DF_ENTRYPOINT && !s->cmd_set) /* the base's was for its entrypoint */
		json_object_object_del(s->draft.config, "Cmd");
	return 0;
}

/* ---- history */

static void print_list(struct buf *out, char *const *words)
{
	const char *before = " [";

	for (; words && *words; words++) {
		buf_adds(out, before);
		json_quote(out, *words, strlen(*words));
		before = " ";
	}
	buf_addc(out, ']');
}

/* As the classic builder writes what it did: "/bin/sh -c #(nop)  CMD ["sh"]". */
static char *describe(const struct stage_run *s, const struct df_instruction *in)
{
	auto_strv char **command = NULL;
	auto_buf struct buf out = { 0 };

	buf_printf(&out, "/bin/sh -c #(nop)  %s", df_kind_name(in->kind));
	for (size_t i = 0; i < in->pair_count; i++) {
		buf_printf(&out, " %s", in->pairs[i].name);
		if (in->pairs[i].value)
			buf_printf(&out, "=%s", in->pairs[i].value);
	}
	switch (in->kind) {
	case DF_CMD:
	case DF_ENTRYPOINT:
		command = change_command(s->draft.config, in);
		print_list(&out, command);
		break;
	case DF_SHELL:
	case DF_VOLUME: print_list(&out, in->words); break;
	case DF_HEALTHCHECK: buf_adds(&out, strchrnul(in->text, ' ')); break;
	default:
		for (char **w = in->words; w && *w; w++)
			buf_printf(&out, " %s", *w);
	}
	return buf_steal(&out);
}

int config_step(struct stage_run *s, const struct df_instruction *in, struct err *err)
{
	struct cached made = { .created = build_now(s->build) };
	struct step step = { .created_by = describe(s, in) };
	int r = apply(s, in, err);

	if (r == 0) {
		memcpy(step.key, s->draft.key, sizeof(step.key));
		key_add(step.key, step.created_by);
		if (!step_cached(s, &step))
			step_done(s, &step, &made);
	}
	free(step.created_by);
	return r;
}
