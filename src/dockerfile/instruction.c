#include "dockerfile/instruction.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/split.h"

/* What is known while a line is read. */
struct reader {
	struct df_instruction *in;
	const char *name; /* "ADD" */
	const char *args; /* behind the flags */
	char **stage_name;
	struct err *err;
};

static int bad(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_INVALID, EINVAL, "%s %s", r->name, what);
}

static int need_one(const struct reader *r)
{
	return bad(r, "requires at least one argument");
}

/* ---- words */

/* MAINTAINER, STOPSIGNAL, USER, WORKDIR: the line. */
static int read_single(struct reader *r)
{
	if (!*r->args)
		return bad(r, "requires exactly one argument");
	strv_add(&r->in->words, r->args);
	return 0;
}

/* A JSON list, or words at blanks. */
static int read_list(struct reader *r)
{
	int n = split_json(r->args, &r->in->words, r->err);

	if (n != 0) {
		r->in->exec = n > 0;
		return n < 0 ? n : 0;
	}
	return split_blanks(r->args, &r->in->words, r->err);
}

static int read_expose(struct reader *r)
{
	int n = split_blanks(r->args, &r->in->words, r->err);

	return n < 0 || r->in->words ? n : need_one(r);
}

static int read_volume(struct reader *r)
{
	int n = read_list(r);

	if (n < 0)
		return n;
	if (!r->in->words)
		return need_one(r);
	for (char **w = r->in->words; *w; w++)
		if (!(*w)[strspn(*w, BLANKS)])
			return bad(r, "specified can not be an empty string");
	return 0;
}

static int read_shell(struct reader *r)
{
	int n = split_json(r->args, &r->in->words, r->err);

	if (n < 0)
		return n;
	if (n == 0 && *r->args)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"SHELL requires the arguments to be in JSON form: %.200s", r->in->text);
	r->in->exec = true;
	return r->in->words ? 0 : need_one(r);
}

/* ---- ADD, COPY */

static struct df_heredoc *find_content(struct df_instruction *in, const char *name)
{
	for (size_t i = in->heredoc_count; i-- > 0;)
		if (str_eq(in->heredocs[i].name, name))
			return &in->heredocs[i];
	return NULL;
}

/* Takes the words that begin heredocs out of the sources, the last one being the destination. */
static int drop_heredoc_words(struct reader *r)
{
	char **to = r->in->words;

	for (char **w = r->in->words; *w; w++) {
		struct df_heredoc h;
		bool known;

		if (!heredoc_word(*w, &h)) {
			*to++ = *w;
			continue;
		}
		known = w[1] && find_content(r->in, h.name);
		heredoc_clear(&h);
		if (!known) {
			/* the rest stays owned */
			while (*w)
				*to++ = *w++;
			*to = NULL;
			return bad(r, "cannot accept a heredoc as a destination");
		}
		free(*w);
	}
	*to = NULL;
	return 0;
}

static void strip_tabs(struct df_instruction *in)
{
	for (size_t i = 0; i < in->heredoc_count; i++) {
		struct df_heredoc *h = &in->heredocs[i];
		char *old = h->content;

		if (!h->strip_tabs)
			continue;
		h->content = heredoc_strip_tabs(old);
		free(old);
	}
}

static int read_copy(struct reader *r)
{
	int n = read_list(r);

	if (n < 0)
		return n;
	if (strv_len(r->in->words) < 2)
		return bad(r,
			"requires at least two arguments, but only one was provided. Destination could not be determined");
	if (!r->in->heredoc_count || r->in->exec)
		return 0;
	strip_tabs(r->in);
	return drop_heredoc_words(r);
}

/* ---- CMD, ENTRYPOINT, RUN */

/* The line for the shell with its heredocs below it. */
static char *shell_text(const struct df_instruction *in, const char *args)
{
	auto_buf struct buf text = { 0 };

	buf_adds(&text, args);
	for (size_t i = 0; i < in->heredoc_count; i++) {
		buf_addc(&text, '\n');
		buf_adds(&text, in->heredocs[i].content);
		buf_adds(&text, in->heredocs[i].name);
	}
	return buf_steal(&text);
}

static int read_command(struct reader *r)
{
	struct df_instruction *in = r->in;
	struct df_heredoc h;
	int n = split_json(r->args, &in->words, r->err);

	if (n < 0)
		return n;
	in->exec = n > 0;
	if (!*r->args || (in->kind == DF_RUN && in->exec && !in->words))
		return need_one(r);
	if (in->exec)
		return 0;
	if (in->heredoc_count != 1 || !heredoc_word(r->args, &h)) {
		strv_add_take(&in->words, shell_text(in, r->args));
		return 0;
	}
	/* nothing but one heredoc: its content is the command */
	strip_tabs(in);
	strv_add(&in->words, in->heredocs[0].content);
	if (str_starts(in->heredocs[0].content, "#!"))
		in->script = h.name;
	else
		heredoc_clear(&h);
	return 0;
}

/* ---- HEALTHCHECK [flags] CMD command | NONE */

static int read_health(struct reader *r)
{
	const char *type = r->args;
	size_t len = strcspn(type, BLANKS);
	const char *rest = type + len + strspn(type + len, BLANKS);
	int n;

	if (!len)
		return need_one(r);
	if (len == strlen("NONE") && strncasecmp(type, "NONE", len) == 0) {
		r->in->health.none = true;
		return *rest ? bad(r, "NONE takes no arguments") : 0;
	}
	if (len != strlen("CMD") || strncasecmp(type, "CMD", len) != 0)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
			len > 100 ? 100 : (int)len, type);
	r->args = rest;
	n = *rest ? read_command(r) : 0;
	if (n < 0)
		return n;
	if (!r->in->words)
		return err_set(
			r->err, ERR_INVALID, EINVAL, "Missing command after HEALTHCHECK CMD");
	return 0;
}

/* ---- ARG, ENV, LABEL */

static void add_pair(struct df_instruction *in, char *name, char *value)
{
	/* room grows by powers of two */
	if ((in->pair_count & (in->pair_count - 1)) == 0)
		in->pairs = xreallocarray(
			in->pairs, in->pair_count ? 2 * in->pair_count : 1, sizeof(*in->pairs));
	in->pairs[in->pair_count++] = (struct df_pair){ name, value };
}

/* word is "name=value". */
static int read_pair(struct reader *r, const char *word)
{
	const char *eq = strchr(word, '=');

	if (!eq)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"Syntax error - can't find = in \"%.100s\". Must be of the form: name=value",
			word);
	if (eq == word)
		return bad(r, "names can not be blank");
	add_pair(r->in, xstrndup(word, (size_t)(eq - word)), xstrdup(eq + 1));
	return 0;
}

/* The old form: the first word is the name, all the rest the value. */
static int read_old_pair(struct reader *r)
{
	size_t n = strcspn(r->args, BLANKS);
	const char *value = r->args + n + strspn(r->args + n, BLANKS);

	if (!*value)
		return bad(r, "must have two arguments");
	add_pair(r->in, xstrndup(r->args, n), xstrdup(value));
	return 0;
}

static int read_pairs(struct reader *r)
{
	auto_strv char **words = NULL;
	int n = split_quoted(r->args, r->in->escape, &words, r->err);

	if (n < 0)
		return n;
	if (!words)
		return need_one(r);
	if (!strchr(words[0], '='))
		return read_old_pair(r);
	for (char **w = words; *w && n == 0; w++)
		n = read_pair(r, *w);
	return n;
}

static int read_arg(struct reader *r)
{
	auto_strv char **words = NULL;
	int n = split_quoted(r->args, r->in->escape, &words, r->err);

	if (n < 0)
		return n;
	if (!words)
		return need_one(r);
	for (char **w = words; *w && n == 0; w++)
		if (strchr(*w, '='))
			n = read_pair(r, *w);
		else
			add_pair(r->in, xstrdup(*w), NULL);
	return n;
}

/* ---- FROM */

static bool stage_name_valid(const char *name)
{
	if (*name < 'a' || *name > 'z')
		return false;
	return !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")];
}

static int read_from(struct reader *r)
{
	auto_strv char **words = NULL;
	size_t count;
	char *name;
	int n = split_blanks(r->args, &words, r->err);

	if (n < 0)
		return n;
	count = strv_len(words);
	if (count != 1 && (count != 3 || strcasecmp(words[1], "AS") != 0))
		return bad(r, "requires either one or three arguments");
	strv_add(&r->in->words, words[0]);
	if (count == 1)
		return 0;
	name = xstrdup(words[2]);
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	if (!stage_name_valid(name)) {
		free(name);
		return err_set(r->err, ERR_INVALID, EINVAL,
			"invalid name for build stage: \"%.100s\", name can't start with a number or contain symbols",
			words[2]);
	}
	if (r->stage_name)
		*r->stage_name = name;
	else
		free(name);
	return 0;
}

/* ---- ONBUILD */

static int trigger_allowed(struct reader *r, enum df_kind kind)
{
	if (kind == DF_ONBUILD)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (kind == DF_FROM || kind == DF_MAINTAINER)
		return err_set(r->err, ERR_INVALID, EINVAL,
			"%s isn't allowed as an ONBUILD trigger", df_kind_name(kind));
	return 0;
}

static int find_kind(const char *text, size_t len);

/* What is wrong with a trigger is said now already, not to whoever builds on this image. */
static int check_trigger(const char *text, struct err *err)
{
	auto_line struct line l = { 0 };
	struct df_instruction in = { 0 };
	struct lines s;
	int n;

	lines_begin(&s, text, strlen(text));
	n = lines_next(&s, &l, err);
	if (n < 0)
		return n;
	if (n == 0) /* it would be a comment */
		return err_set(err, ERR_INVALID, EINVAL, "unknown instruction: #");
	n = instruction_parse(&l, s.escape, &in, NULL, err);
	instruction_clear(&in);
	return n;
}

static int read_onbuild(struct reader *r)
{
	auto_free char *text = shell_text(r->in, r->args);
	int kind = find_kind(text, strcspn(text, BLANKS));
	int n;

	if (!*text)
		return need_one(r);
	n = kind < 0 ? 0 : trigger_allowed(r, (enum df_kind)kind);
	if (n == 0)
		n = check_trigger(text, r->err);
	if (n < 0)
		return n;
	strv_add_take(&r->in->words, take_ptr(&text));
	return 0;
}

/* ---- all of them */

/* clang-format off */
static const struct {
	const char *name;
	int (*read)(struct reader *r);
} kinds[DF_KINDS] = {
	[DF_ADD]         = { "ADD",         read_copy },
	[DF_ARG]         = { "ARG",         read_arg },
	[DF_CMD]         = { "CMD",         read_command },
	[DF_COPY]        = { "COPY",        read_copy },
	[DF_ENTRYPOINT]  = { "ENTRYPOINT",  read_command },
	[DF_ENV]         = { "ENV",         read_pairs },
	[DF_EXPOSE]      = { "EXPOSE",      read_expose },
	[DF_FROM]        = { "FROM",        read_from },
	[DF_HEALTHCHECK] = { "HEALTHCHECK", read_health },
	[DF_LABEL]       = { "LABEL",       read_pairs },
	[DF_MAINTAINER]  = { "MAINTAINER",  read_single },
	[DF_ONBUILD]     = { "ONBUILD",     read_onbuild },
	[DF_RUN]         = { "RUN",         read_command },
	[DF_SHELL]       = { "SHELL",       read_shell },
	[DF_STOPSIGNAL]  = { "STOPSIGNAL",  read_single },
	[DF_USER]        = { "USER",        read_single },
	[DF_VOLUME]      = { "VOLUME",      read_volume },
	[DF_WORKDIR]     = { "WORKDIR",     read_single },
};
/* clang-format on */

const char *df_kind_name(enum df_kind kind)
{
	return kinds[kind].name;
}

static int find_kind(const char *text, size_t len)
{
	for (int k = 0; k < DF_KINDS; k++)
		if (strlen(kinds[k].name) == len && strncasecmp(kinds[k].name, text, len) == 0)
			return k;
	return -1;
}

int instruction_parse(
	struct line *l, char escape, struct df_instruction *ret, char **stage_name, struct err *err)
{
	size_t len = strcspn(l->text, BLANKS);
	int kind = find_kind(l->text, len), n;
	struct df_instruction in = { .line = l->first, .last_line = l->last, .escape = escape };
	struct reader r = { .in = &in, .stage_name = stage_name, .err = err };

	if (kind < 0)
		return err_set(err, ERR_INVALID, EINVAL, "unknown instruction: %.*s",
			len > 100 ? 100 : (int)len, l->text);
	in.kind = (enum df_kind)kind;
	in.text = xstrdup(l->text);
	in.heredocs = take_ptr(&l->heredocs);
	in.heredoc_count = l->heredoc_count;
	l->heredoc_count = 0;
	r.name = kinds[kind].name;
	n = flags_parse(in.text + len, &in, &r.args, err);
	if (n == 0)
		n = kinds[kind].read(&r);
	if (n < 0)
		instruction_clear(&in);
	else
		*ret = in;
	return n;
}

void instruction_clear(struct df_instruction *in)
{
	free(in->text);
	flags_clear(&in->flags);
	strv_free(in->words);
	for (size_t i = 0; i < in->pair_count; i++) {
		free(in->pairs[i].name);
		free(in->pairs[i].value);
	}
	free(in->pairs);
	for (size_t i = 0; i < in->heredoc_count; i++)
		heredoc_clear(&in->heredocs[i]);
	free(in->heredocs);
	free(in->script);
	*in = (struct df_instruction){ 0 };
}
