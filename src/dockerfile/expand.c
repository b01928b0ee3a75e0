/* Variables in words, after BuildKit's rules, which are nearly the shell's. */
#include "dockerfile/expand.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/instruction.h"
#include "dockerfile/split.h"

/* ${A:-${B:-${C…}}} */
#define DEPTH_MAX 32

struct expander {
	const char *p;
	char escape;
	bool keep_quotes; /* of a heredoc: quotes are its own */
	bool split;       /* a blank outside of quotes becomes a NUL */
	df_lookup *lookup;
	void *arg;
	unsigned depth;
	struct err *err;
};

static int fail(struct expander *x, const char *why)
{
	return err_set(x->err, ERR_INVALID, EINVAL, "%s", why);
}

static int check_size(struct expander *x, const struct buf *out)
{
	if (out->len > DF_VALUE_MAX)
		return err_set(x->err, ERR_INVALID, E2BIG, "the value is longer than %d bytes",
			DF_VALUE_MAX);
	return 0;
}

static int expand_dollar(struct expander *x, struct buf *out);

/* ---- quotes */

static int expand_single(struct expander *x, struct buf *out)
{
	const char *end = strchr(++x->p, '\'');

	if (!end)
		return fail(
			x, "unexpected end of statement while looking for matching single-quote");
	buf_add(out, x->p, (size_t)(end - x->p));
	x->p = end + 1;
	return 0;
}

/* Within "…" the escape character only takes ", $ and itself. */
static int expand_double(struct expander *x, struct buf *out)
{
	bool split = x->split;
	int r = 0;

	x->split = false;
	for (x->p++; r == 0 && *x->p && *x->p != '"';) {
		if (*x->p == '$') {
			r = expand_dollar(x, out);
			continue;
		}
		if (*x->p == x->escape &&
			(x->p[1] == '"' || x->p[1] == '$' || x->p[1] == x->escape))
			x->p++;
		else if (*x->p == x->escape && !x->p[1])
			break;
		buf_addc(out, *x->p++);
	}
	x->split = split;
	if (r < 0)
		return r;
	if (*x->p != '"')
		return fail(
			x, "unexpected end of statement while looking for matching double-quote");
	x->p++;
	return 0;
}

/* ---- words */

static void add_plain(struct expander *x, struct buf *out, char c)
{
	buf_addc(out, x->split && strchr(BLANKS, c) ? '\0' : c);
}

/* Up to the character stop, or to the end when it is NUL. raw keeps escapes, for patterns. */
static int expand_until(struct expander *x, char stop, bool raw, struct buf *out)
{
	int r = 0;

	while (r == 0 && *x->p && *x->p != stop) {
		char c = *x->p;

		if (c == '$') {
			r = expand_dollar(x, out);
		} else if (c == '\'' && !x->keep_quotes) {
			r = expand_single(x, out);
		} else if (c == '"' && !x->keep_quotes) {
			r = expand_double(x, out);
		} else if (c == x->escape) {
			if (raw)
				buf_addc(out, c);
			if (*++x->p)
				buf_addc(out, *x->p++);
		} else {
			add_plain(x, out, c);
			x->p++;
		}
	}
	if (r == 0)
		r = check_size(x, out);
	if (r < 0 || !stop)
		return r;
	if (!*x->p)
		return stop == '/' ? fail(x, "syntax error: missing '/' in ${}")
				   : fail(x, "syntax error: missing '}'");
	x->p++;
	return 0;
}

/* The same as a text of its own. */
static int expand_part(struct expander *x, char stop, bool raw, char **ret)
{
	auto_buf struct buf part = { 0 };
	bool split = x->split;
	int r;

	x->split = false; /* blanks are looked at once it is in its place */
	r = expand_until(x, stop, raw, &part);
	x->split = split;
	if (r < 0)
		return r;
	*ret = buf_steal(&part);
	return 0;
}

/* ---- $NAME and ${NAME…} */

/* The length of the name at s: letters, digits and _, or a number, or one special character. */
static size_t name_length(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s))
		return strspn(s, "0123456789");
	if (*s && strchr("@*#?-$!", *s))
		return 1;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

static void add_value(struct expander *x, struct buf *out, const char *value)
{
	if (!x->split) {
		buf_adds(out, value);
		return;
	}
	for (; *value; value++)
		add_plain(x, out, *value);
}

struct variable {
	const char *name;
	size_t len;
	const char *value; /* NULL: unset. Gone with the next lookup */
};

static int required(struct expander *x, const struct variable *v, const char *word, bool unset)
{
	const char *what = *word ? word
		: unset          ? "is not allowed to be unset"
				 : "is not allowed to be empty";

	return err_set(x->err, ERR_INVALID, EINVAL, "%.*s: %.200s",
		v->len > 100 ? 100 : (int)v->len, v->name, what);
}

static int bad_pattern(struct expander *x, const char *pattern, const char *why)
{
	return err_set(x->err, ERR_INVALID, EINVAL, "invalid pattern (%.100s) in substitution: %s",
		pattern, why);
}

/* ${NAME#pattern}, ##, %, %% */
static int expand_trim(struct expander *x, struct variable *v, char op, struct buf *out)
{
	auto_free char *pattern = NULL, *result = NULL;
	const char *why, *word;
	bool longest;
	int r = expand_part(x, '}', true, &pattern);

	if (r < 0)
		return r;
	longest = *pattern == op;
	word = pattern + longest;
	v->value = x->lookup(x->arg, v->name, v->len);
	if (substitute_trim(v->value ? v->value : "", word, op == '%', longest, &result, &why) < 0)
		return bad_pattern(x, word, why);
	add_value(x, out, result);
	return 0;
}

/* ${NAME/pattern/replacement}, // */
static int expand_replace(struct expander *x, struct variable *v, struct buf *out)
{
	auto_free char *pattern = NULL, *by = NULL, *result = NULL;
	bool all = *x->p == '/';
	const char *why;
	int r;

	x->p += all;
	r = expand_part(x, '/', true, &pattern);
	if (r == 0)
		r = expand_part(x, '}', false, &by);
	if (r < 0)
		return r;
	v->value = x->lookup(x->arg, v->name, v->len);
	r = substitute_replace(v->value ? v->value : "", pattern, by, all, &result, &why);
	if (r == -E2BIG)
		return err_set(x->err, ERR_INVALID, E2BIG, "the value is longer than %d bytes",
			DF_VALUE_MAX);
	if (r < 0)
		return bad_pattern(x, pattern, why);
	add_value(x, out, result);
	return 0;
}

/* ${NAME-word} and with +, ?; a colon before means: empty counts as unset. */
static int expand_choice(
	struct expander *x, struct variable *v, char op, bool colon, struct buf *out)
{
	auto_free char *word = NULL;
	int r = expand_part(x, '}', false, &word);
	bool missing;

	if (r < 0)
		return r;
	v->value = x->lookup(x->arg, v->name, v->len);
	missing = !v->value || (colon && !*v->value);
	if (op == '?' && missing)
		return required(x, v, word, !v->value);
	if (op == '-' ? missing : op == '+' && !missing)
		add_value(x, out, word);
	else if (op != '+')
		add_value(x, out, v->value);
	return 0;
}

static int unsupported(struct expander *x, const char *modifier, size_t len)
{
	return err_set(x->err, ERR_INVALID, EINVAL, "unsupported modifier (%.*s) in substitution",
		(int)len, modifier);
}

/* x->p stands behind "${". */
static int expand_braces(struct expander *x, struct buf *out)
{
	struct variable v = { .name = x->p };
	const char *modifier;
	bool colon;
	char op;

	if (!*x->p)
		return fail(x, "syntax error: missing '}'");
	if (strchr("{}:", *x->p))
		return fail(x, "syntax error: bad substitution");
	v.len = name_length(x->p);
	modifier = x->p + v.len;
	colon = *modifier == ':';
	op = modifier[colon];
	if (!op)
		return fail(x, "syntax error: missing '}'");
	if (!strchr(colon ? "-+?" : "-+?#%/}", op))
		return unsupported(x, modifier, 1 + colon);
	x->p = modifier + colon + 1;
	if (op == '}') {
		v.value = x->lookup(x->arg, v.name, v.len);
		add_value(x, out, v.value ? v.value : "");
		return 0;
	}
	if (op == '/')
		return expand_replace(x, &v, out);
	if (op == '#' || op == '%')
		return expand_trim(x, &v, op, out);
	return expand_choice(x, &v, op, colon, out);
}

/* x->p stands on "$". */
static int expand_dollar(struct expander *x, struct buf *out)
{
	const char *name = ++x->p, *value;
	size_t len;
	int r;

	if (*name == '{') {
		if (x->depth == DEPTH_MAX)
			return fail(x, "variables are nested too deeply");
		x->depth++;
		x->p++;
		r = expand_braces(x, out);
		x->depth--;
		return r < 0 ? r : check_size(x, out);
	}
	len = name_length(name);
	if (!len) {
		buf_addc(out, '$');
		return 0;
	}
	x->p += len;
	value = x->lookup(x->arg, name, len);
	add_value(x, out, value ? value : "");
	return check_size(x, out);
}

/* ---- entrances */

static int run(struct expander *x, const char *word, struct buf *out)
{
	int r;

	x->p = word;
	r = expand_until(x, '\0', false, out);
	if (r < 0)
		return err_prefix(x->err, "failed to process \"%.100s\"", word);
	return 0;
}

int df_expand_word(
	const char *word, char escape, df_lookup *lookup, void *arg, char **ret, struct err *err)
{
	struct expander x = { .escape = escape, .lookup = lookup, .arg = arg, .err = err };
	auto_buf struct buf out = { 0 };
	int r = run(&x, word, &out);

	if (r < 0)
		return r;
	*ret = buf_steal(&out);
	return 0;
}

int expand_content(const char *content, df_lookup *lookup, void *arg, char **ret, struct err *err)
{
	struct expander x = {
		.escape = '\\', .keep_quotes = true, .lookup = lookup, .arg = arg, .err = err
	};
	auto_buf struct buf out = { 0 };
	int r = run(&x, content, &out);

	if (r < 0)
		return r;
	*ret = buf_steal(&out);
	return 0;
}

int expand_split(
	const char *word, char escape, df_lookup *lookup, void *arg, char ***ret, struct err *err)
{
	struct expander x = {
		.escape = escape, .split = true, .lookup = lookup, .arg = arg, .err = err
	};
	auto_buf struct buf out = { 0 };
	int r = run(&x, word, &out);
	size_t count = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < out.len; i += strlen(out.data + i) + 1) {
		if (!out.data[i])
			continue;
		if (count++ == DF_WORDS_MAX)
			return err_set(err, ERR_INVALID, E2BIG, "more than %d words", DF_WORDS_MAX);
		strv_add(ret, out.data + i);
	}
	return 0;
}

/* ---- whole instructions */

static int expand_in_place(
	char **word, const struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err)
{
	char *value;
	int r;

	if (!*word)
		return 0;
	r = df_expand_word(*word, in->escape, lookup, arg, &value, err);
	if (r < 0)
		return r;
	free(*word);
	*word = value;
	return 0;
}

static int expand_words(char **words, const struct df_instruction *in, df_lookup *lookup, void *arg,
	struct err *err)
{
	int r = 0;

	for (char **w = words; r == 0 && w && *w; w++)
		r = expand_in_place(w, in, lookup, arg, err);
	return r;
}

static int expand_pairs(struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < in->pair_count && r == 0; i++) {
		r = expand_in_place(&in->pairs[i].name, in, lookup, arg, err);
		if (r == 0 && !*in->pairs[i].name)
			r = err_set(err, ERR_INVALID, EINVAL, "%s names can not be blank",
				df_kind_name(in->kind));
		if (r == 0)
			r = expand_in_place(&in->pairs[i].value, in, lookup, arg, err);
	}
	return r;
}

static int expand_copy(struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err)
{
	int r = expand_words(in->words, in, lookup, arg, err);

	if (r == 0)
		r = expand_in_place(&in->flags.chown, in, lookup, arg, err);
	if (r == 0)
		r = expand_in_place(&in->flags.chmod, in, lookup, arg, err);
	if (r == 0)
		r = expand_in_place(&in->flags.checksum, in, lookup, arg, err);
	if (r == 0)
		r = expand_words(in->flags.exclude, in, lookup, arg, err);
	for (size_t i = 0; i < in->heredoc_count && r == 0; i++) {
		struct df_heredoc *h = &in->heredocs[i];
		char *content;

		if (!h->expand)
			continue;
		r = expand_content(h->content, lookup, arg, &content, err);
		if (r < 0)
			break;
		free(h->content);
		h->content = content;
	}
	return r;
}

static int expand_ports(struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err)
{
	char **ports = NULL;
	int r = 0;

	for (char **w = in->words; *w && r == 0; w++)
		r = expand_split(*w, in->escape, lookup, arg, &ports, err);
	if (r < 0) {
		strv_free(ports);
		return r;
	}
	strv_free(in->words);
	in->words = ports;
	return 0;
}

int df_expand(struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err)
{
	int r = 0;

	switch (in->kind) {
	case DF_ADD:
	case DF_COPY: return expand_copy(in, lookup, arg, err);
	case DF_ARG:
	case DF_ENV:
	case DF_LABEL: return expand_pairs(in, lookup, arg, err);
	case DF_EXPOSE: return expand_ports(in, lookup, arg, err);
	case DF_STOPSIGNAL:
	case DF_USER:
	case DF_VOLUME:
	case DF_WORKDIR: return expand_words(in->words, in, lookup, arg, err);
	case DF_RUN:
		for (size_t i = 0; i < in->flags.mount_count && r == 0; i++)
			r = mount_expand(&in->flags.mounts[i], in->escape, lookup, arg, err);
		return r;
	case DF_CMD:
	case DF_ENTRYPOINT:
	case DF_FROM:
	case DF_HEALTHCHECK:
	case DF_MAINTAINER:
	case DF_ONBUILD:
	case DF_SHELL:
	case DF_KINDS: break;
	}
	return 0;
}
