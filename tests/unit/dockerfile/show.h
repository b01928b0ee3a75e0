/* unit/dockerfile/show.h - a parsed Dockerfile as text, so that a test can be a table.
 *
 *   LINE NAME --flag=value {name|value} <word> !<word of a JSON list> <<heredoc|content>>
 *
 * An instruction a line; FROM begins a stage, "as NAME" ends its line. */
#pragma once

#include "../unit.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "dockerfile/dockerfile.h"

static inline void show_str(struct buf *out, const char *flag, const char *value)
{
	if (value)
		buf_printf(out, " --%s=%s", flag, value);
}

static inline void show_mount(struct buf *out, const struct df_mount *m)
{
	static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
	static const char *const sharings[] = { "", " private", " locked" };

	buf_printf(out, " (%s", types[m->type]);
	if (m->target)
		buf_printf(out, " at %s", m->target);
	if (m->source)
		buf_printf(out, " of %s", m->source);
	if (m->from)
		buf_printf(out, " from %s", m->from);
	if (m->id)
		buf_printf(out, " id %s", m->id);
	if (m->env)
		buf_printf(out, " env %s", m->env);
	buf_adds(out, sharings[m->sharing]);
	buf_adds(out, m->read_only ? " ro" : " rw");
	buf_adds(out, m->required ? " required" : "");
	if (m->size)
		buf_printf(out, " size %lld", (long long)m->size);
	if (m->mode >= 0)
		buf_printf(out, " mode %o", (unsigned)m->mode);
	if (m->uid || m->gid)
		buf_printf(out, " owner %lld:%lld", (long long)m->uid, (long long)m->gid);
	buf_addc(out, ')');
}

static inline void show_health(struct buf *out, const struct df_health *h)
{
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "interval", h->interval },
		{ "timeout", h->timeout },
		{ "start-period", h->start_period },
		{ "start-interval", h->start_interval },
		{ "retries", h->retries },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].value)
			buf_printf(out, " %s %lld", numbers[i].name, (long long)numbers[i].value);
	if (h->none)
		buf_adds(out, " none");
}

static inline void show_instruction(struct buf *out, const struct df_instruction *in)
{
	const struct df_flags *f = &in->flags;

	buf_printf(out, "%u %s", in->line, df_kind_name(in->kind));
	show_str(out, "platform", f->platform);
	show_str(out, "from", f->from);
	show_str(out, "chown", f->chown);
	show_str(out, "chmod", f->chmod);
	show_str(out, "checksum", f->checksum);
	show_str(out, "network", f->network);
	for (char **e = f->exclude; e && *e; e++)
		show_str(out, "exclude", *e);
	buf_adds(out, f->link ? " --link" : "");
	buf_adds(out, f->keep_git_dir ? " --keep-git-dir" : "");
	if (f->unpack >= 0)
		show_str(out, "unpack", f->unpack ? "true" : "false");
	for (size_t i = 0; i < f->mount_count; i++)
		show_mount(out, &f->mounts[i]);
	show_health(out, &in->health);
	for (size_t i = 0; i < in->pair_count; i++) {
		buf_printf(out, " {%s", in->pairs[i].name);
		if (in->pairs[i].value)
			buf_printf(out, "|%s", in->pairs[i].value);
		buf_addc(out, '}');
	}
	for (char **w = in->words; w && *w; w++)
		buf_printf(out, " %s<%s>", in->exec ? "!" : "", *w);
	if (in->exec && !in->words)
		buf_adds(out, " !");
	if (in->script)
		buf_printf(out, " script %s", in->script);
	if (in->kind == DF_ADD || in->kind == DF_COPY)
		for (size_t i = 0; i < in->heredoc_count; i++)
			buf_printf(
				out, " <<%s|%s>>", in->heredocs[i].name, in->heredocs[i].content);
}

static inline void show_list(struct buf *out, const struct df_instruction *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		show_instruction(out, &items[i]);
		buf_addc(out, '\n');
	}
}

static inline char *show_file(const struct dockerfile *f)
{
	auto_buf struct buf out = { 0 };

	show_list(&out, f->args, f->arg_count);
	for (size_t i = 0; i < f->stage_count; i++) {
		show_instruction(&out, &f->stages[i].from);
		if (f->stages[i].name)
			buf_printf(&out, " as %s", f->stages[i].name);
		buf_addc(&out, '\n');
		show_list(&out, f->stages[i].items, f->stages[i].count);
	}
	return buf_steal(&out);
}

static inline struct dockerfile *parse(const char *text)
{
	struct dockerfile *f = NULL;
	struct err err = { 0 };

	if (dockerfile_parse(text, strlen(text), "Dockerfile", &f, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return f;
}
