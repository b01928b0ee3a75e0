/* One stage of a Dockerfile: what it starts from, then its instructions in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "build/build.h"
#include "build/hold.h"
#include "core/images.h"
#include "oci/doc.h"
#include "oci/reference.h"
#include "worker/documents.h"
#include "worker/merged.h"
#include "worker/targets.h"
#include "json/text.h"

int64_t build_now(const struct build *b)
{
	return b->opt.has_epoch ? b->opt.epoch : time_now();
}

/* ---- variables */

const char *stage_lookup(void *arg, const char *name, size_t len)
{
	const struct stage_run *s = arg;
	json_object *env = doc_array(s->draft.config, "Env");
	int i;

	for (size_t n = doc_len(env); n-- > 0;) {
		const char *v = doc_str_at(env, n);

		if (v && strncmp(v, name, len) == 0 && v[len] == '=')
			return v + len + 1;
	}
	i = strv_find_key(s->args, name, len);
	if (i >= 0)
		return s->args[i] + len + 1;
	return df_arg_is_proxy(name, len) ? options_build_arg(&s->build->opt, name, len) : NULL;
}

/* ---- what a step leaves behind */

static void tell_id(struct stage_run *s)
{
	char id[DIGEST_SIZE];

	draft_id(&s->draft, id);
	say_text(&s->build->say, " ---> %.12s\n", digest_hex(id));
}

static void settle(struct stage_run *s, const struct step *step, const struct cached *c)
{
	memcpy(s->draft.key, step->key, sizeof(s->draft.key));
	draft_add_history(&s->draft, c->created, step->created_by, !*c->layer);
	tell_id(s);
}

bool step_cached(struct stage_run *s, const struct step *step)
{
	struct build *b = s->build;
	struct cached c;

	if (b->opt.no_cache || s->cache_over)
		return false;
	if (!hold_cached(b, step->key, &c)) {
		s->cache_over = true;
		return false;
	}
	if (*c.layer)
		draft_add_layer(&s->draft, c.layer, c.size);
	say_text(&b->say, " ---> Using cache\n");
	settle(s, step, &c);
	return true;
}

void step_done(struct stage_run *s, const struct step *step, const struct cached *made)
{
	s->cache_over = true;
	cache_put(&s->build->work->dirs, step->key, made);
	settle(s, step, made);
}

/* Where the mounts were, in the words of the layers below. */
static char **resolve_mounts(const struct merged *below, char *const *mounts)
{
	char **paths = NULL;

	for (; mounts && *mounts; mounts++) {
		char *path = merged_resolve(below, *mounts);

		if (path)
			strv_add_take(&paths, path);
	}
	return paths;
}

/* tree or upper; the other is NULL or FD_NONE. */
static int pack_layer(struct stage_run *s, struct stage_tree *take_tree, int upper,
	char *const *mounts, struct stage_blob **ret, struct err *err)
{
	struct build *b = s->build;
	auto_merged struct merged below = { 0 };
	auto_strv char **paths = NULL;
	struct targets made = { .below = &below };
	struct pack_how how = { .made = mounts ? &made : NULL,
		.clamp = b->opt.has_epoch,
		.clamp_to = b->opt.epoch / NSEC_PER_SEC };
	struct packed packed;
	int r = 0;

	if (strv_len(s->draft.diff_ids) >= LAYERS_MAX)
		r = err_set(err, ERR_INVALID, E2BIG, "max depth exceeded: more than %d layers",
			LAYERS_MAX);
	if (r == 0)
		r = merged_open(&b->work->dirs, FD_NONE, s->draft.diff_ids, &below, err);
	if (r < 0 && take_tree)
		stage_tree_drop(b->stage, take_tree);
	if (r < 0)
		return r;
	made.more = paths = resolve_mounts(&below, mounts);
	return take_tree ? stage_tree_pack(b->stage, take_tree, &how, &packed, ret, err)
			 : stage_pack(b->stage, upper, &how, &packed, ret, err);
}

static int add_layer(
	struct stage_run *s, struct stage_blob *blob, struct cached *ret, struct err *err)
{
	int r = hold_layer(s->build, blob, err);

	if (r < 0)
		return r;
	*ret = (struct cached){ .created = build_now(s->build), .size = blob->size };
	memcpy(ret->layer, blob->digest, sizeof(ret->layer));
	draft_add_layer(&s->draft, blob->digest, blob->size);
	return 0;
}

int stage_keep_layer(struct stage_run *s, struct stage_tree *take_tree, char *const *mounts,
	struct cached *ret, struct err *err)
{
	struct stage_blob *blob;
	int r = pack_layer(s, take_tree, FD_NONE, mounts, &blob, err);

	return r < 0 ? r : add_layer(s, blob, ret, err);
}

int stage_copy_layer(
	struct stage_run *s, int upper, char *const *mounts, struct cached *ret, struct err *err)
{
	struct stage_blob *blob;
	char diff_id[DIGEST_SIZE];
	int r = pack_layer(s, NULL, upper, mounts, &blob, err);

	if (r == 0) /* waits for its tree */
		r = stage_layer_id(s->build->stage, blob->digest, diff_id, err);
	return r < 0 ? r : add_layer(s, blob, ret, err);
}

/* ---- instructions */

static int dispatch(struct stage_run *s, struct df_instruction *in, struct err *err)
{
	int r = df_expand(in, stage_lookup, s, err);

	if (r < 0)
		return r;
	switch (in->kind) {
	case DF_RUN: return run_step(s, in, err);
	case DF_ADD:
	case DF_COPY: return copy_step(s, in, err);
	case DF_WORKDIR: return workdir_step(s, in, err);
	default: return config_step(s, in, err);
	}
}

static void tell_step(struct build *b, const char *text)
{
	say_text(&b->say, "Step %zu/%zu : %s", ++b->step, b->steps, text);
	say_text(&b->say, "\n");
}

static int run_instruction(struct stage_run *s, struct df_instruction *in, struct err *err)
{
	struct build *b = s->build;

	if (answer_gone(&b->work->answer))
		return err_set(err, ERR_SYSTEM, ECANCELED, "the client went away");
	tell_step(b, in->text);
	return dispatch(s, in, err);
}

/* Its --from are names of this file's stages. */
static int run_trigger(struct stage_run *s, struct df_instruction *in, struct err *err)
{
	const struct dockerfile *f = s->build->file;
	int r = 0;

	if (in->flags.from)
		r = dockerfile_find(f, in->flags.from, s->index, &in->flags.from_stage, err);
	for (size_t i = 0; r == 0 && i < in->flags.mount_count; i++) {
		struct df_mount *m = &in->flags.mounts[i];

		if (m->from)
			r = dockerfile_find(f, m->from, s->index, &m->from_stage, err);
	}
	return r < 0 ? r : dispatch(s, in, err);
}

/* The base's ONBUILD instructions, which are not the new image's. */
static int run_triggers(struct stage_run *s, struct err *err)
{
	auto_strv char **triggers = json_get_strv(s->draft.config, "OnBuild");
	size_t n = strv_len(triggers);

	json_object_object_del(s->draft.config, "OnBuild");
	if (n == 0)
		return 0;
	say_text(&s->build->say, "# Executing %zu build trigger%s\n", n, n > 1 ? "s" : "");
	for (char **t = triggers; *t; t++) {
		auto_df_list struct df_list list = { 0 };
		int r = df_list_parse(*t, &list, err);

		for (size_t i = 0; r == 0 && i < list.count; i++)
			r = run_trigger(s, &list.items[i], err);
		if (r < 0)
			return err_prefix(err, "ONBUILD %.100s", *t);
	}
	return 0;
}

/* ---- FROM */

int build_image_draft(
	struct build *b, const char *ref, const char *platform, struct draft *ret, struct err *err)
{
	auto_image struct image *image = NULL;
	int r = hold_image(b, ref, platform, &image, err);

	if (r == 0)
		r = draft_from_image(&b->work->dirs, image, ret, err);
	if (r == 0)
		(void)snprintf(ret->key, sizeof(ret->key), "%s", image->id);
	return r;
}

static int start_from(struct stage_run *s, struct err *err)
{
	struct build *b = s->build;
	const struct df_stage *df = s->df;
	const char *platform = df->platform ? df->platform : b->opt.platform;
	int r;

	if (df->base_stage >= 0) {
		draft_copy(&b->drafts[df->base_stage], &s->draft);
		tell_id(s);
		return 0;
	}
	if (str_eq(df->base, "scratch")) {
		r = draft_scratch(&s->draft, platform, err);
		if (r < 0)
			return r;
		key_add(s->draft.key, json_object_to_json_string(s->draft.doc));
		say_text(&b->say, " ---> \n");
	} else {
		r = build_image_draft(b, df->base, platform, &s->draft, err);
		if (r < 0)
			return r;
		say_text(&b->say, " ---> %.12s\n", digest_hex(s->draft.key));
	}
	/* times are part of what a step comes to */
	if (b->opt.has_epoch) {
		auto_free char *epoch = xasprintf("epoch %lld", (long long)b->opt.epoch);

		key_add(s->draft.key, epoch);
	}
	return 0;
}

/* --label: an instruction at the end, which no Dockerfile has. */
static int add_labels(struct stage_run *s, struct err *err)
{
	json_object *labels = s->build->opt.labels;
	auto_buf struct buf text = { 0 };
	struct df_instruction in = { .kind = DF_LABEL };
	int r;

	if (!labels || json_object_object_length(labels) == 0)
		return 0;
	in.pairs = xcalloc((size_t)json_object_object_length(labels), sizeof(*in.pairs));
	buf_adds(&text, "LABEL");
	json_object_object_foreach(labels, name, value)
	{
		const char *v = value ? json_object_get_string(value) : "";

		buf_printf(&text, " %s=%s", name, v);
		in.pairs[in.pair_count++] =
			(struct df_pair){ name, (char *)(uintptr_t)v }; /* borrowed */
	}
	tell_step(s->build, text.data);
	r = config_step(s, &in, err);
	free(in.pairs);
	return r;
}

static void stage_run_clear(struct stage_run *s)
{
	draft_clear(&s->draft);
	strv_free(s->args);
}

static int run_all(struct stage_run *s, struct err *err)
{
	struct build *b = s->build;
	int r;

	tell_step(b, s->df->from.text);
	r = start_from(s, err);
	if (r < 0)
		return r;
	r = run_triggers(s, err);
	for (size_t i = 0; r == 0 && i < s->df->count; i++)
		r = run_instruction(s, &s->df->items[i], err);
	if (r == 0 && s->index == b->target)
		r = add_labels(s, err);
	return r;
}

int build_stage(struct build *b, size_t i, struct err *err)
{
	__attribute__((cleanup(stage_run_clear))) struct stage_run s = {
		.build = b, .index = i, .df = &b->file->stages[i]
	};
	int r = run_all(&s, err);

	if (r < 0)
		return r;
	b->drafts[i] = s.draft;
	s.draft = (struct draft){ 0 };
	return 0;
}
