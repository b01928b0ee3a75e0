#include "dockerfile/split.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "json/text.h"

/* A vector with its length, so that adding does not count. */
struct list {
	char **v;
	size_t count;
	struct err *err;
};

static int list_add(struct list *l, char *word)
{
	if (l->count == DF_WORDS_MAX) {
		free(word);
		return err_set(l->err, ERR_INVALID, E2BIG, "more than %d words", DF_WORDS_MAX);
	}
	strv_add_take(&l->v, word);
	l->count++;
	return 0;
}

/* Gives the vector to the caller, or frees it when r is a failure. */
static int list_done(struct list *l, int r, char ***ret)
{
	if (r < 0)
		strv_free(l->v);
	else
		*ret = l->v;
	return r;
}

int split_blanks(const char *text, char ***ret, struct err *err)
{
	struct list l = { .err = err };
	int r = 0;

	for (text += strspn(text, BLANKS); *text && r == 0; text += strspn(text, BLANKS)) {
		size_t n = strcspn(text, BLANKS);

		r = list_add(&l, xstrndup(text, n));
		text += n;
	}
	return list_done(&l, r, ret);
}

/* The length of the word that begins at p, its quotes and escapes included. An end within quotes ends the
 * word as well: df_expand() will complain. */
static size_t quoted_word(const char *p, char escape)
{
	char quote = '\0';
	size_t i = 0;

	for (; p[i] && (quote || !strchr(BLANKS, p[i])); i++) {
		if (p[i] == escape && quote != '\'' && p[i + 1])
			i++;
		else if (quote)
			quote = p[i] == quote ? '\0' : quote;
		else if (p[i] == '"' || p[i] == '\'')
			quote = p[i];
	}
	return i;
}

int split_quoted(const char *text, char escape, char ***ret, struct err *err)
{
	struct list l = { .err = err };
	int r = 0;

	for (text += strspn(text, BLANKS); *text && r == 0; text += strspn(text, BLANKS)) {
		size_t n = quoted_word(text, escape);

		r = list_add(&l, xstrndup(text, n));
		text += n;
	}
	return list_done(&l, r, ret);
}

static int json_words(json_object *list, char ***ret, struct err *err)
{
	struct list l = { .err = err };
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(list) && r == 0; i++) {
		json_object *e = json_object_array_get_idx(list, i);
		const char *s = json_object_get_string(e);

		if (!json_object_is_type(e, json_type_string))
			r = err_set(err, ERR_INVALID, EINVAL,
				"when using JSON array syntax, arrays must be comprised of strings only");
		else if (strlen(s) != (size_t)json_object_get_string_len(e))
			r = err_set(err, ERR_INVALID, EINVAL, "a string holds a NUL character");
		else
			r = list_add(&l, xstrdup(s));
	}
	return list_done(&l, r, ret);
}

int split_json(const char *text, char ***ret, struct err *err)
{
	auto_json json_object *list = NULL;
	int r;

	text += strspn(text, BLANKS);
	if (*text != '[' || json_parse(text, strlen(text), &list, NULL) < 0)
		return 0;
	r = json_words(list, ret, err);
	return r < 0 ? r : 1;
}

/* One flag, quotes and backslashes taken out; *p moves behind it. Here the escape is always a backslash. */
static char *read_flag(const char **p)
{
	auto_buf struct buf word = { 0 };
	const char *s = *p;
	char quote = '\0';

	for (; *s && (quote || !strchr(BLANKS, *s)); s++) {
		if (*s == '\\') {
			if (s[1])
				buf_addc(&word, *++s);
		} else if (quote && *s == quote) {
			quote = '\0';
		} else if (!quote && (*s == '"' || *s == '\'')) {
			quote = *s;
		} else {
			buf_addc(&word, *s);
		}
	}
	*p = s;
	return buf_steal(&word);
}

int split_flags(const char *text, char ***ret, const char **rest, struct err *err)
{
	struct list l = { .err = err };
	int r = 0;

	text += strspn(text, BLANKS);
	while (r == 0 && str_starts(text, "--")) {
		char *word = read_flag(&text);
		bool last = str_eq(word, "--");

		text += strspn(text, BLANKS);
		if (last) {
			free(word);
			break;
		}
		r = list_add(&l, word);
	}
	*rest = text;
	return list_done(&l, r, ret);
}

/* One value; *p moves to the comma behind it or to the end. NULL if the quotes are wrong. */
static char *read_value(const char **p)
{
	auto_buf struct buf value = { 0 };
	const char *s = *p;

	if (*s != '"') {
		size_t n = strcspn(s, ",");

		*p = s + n;
		return memchr(s, '"', n) ? NULL : xstrndup(s, n);
	}
	for (s++;; s++) {
		if (!*s)
			return NULL;
		if (*s == '"' && *++s != '"')
			break;
		buf_addc(&value, *s);
	}
	*p = s;
	return *s && *s != ',' ? NULL : buf_steal(&value);
}

int split_csv(const char *text, char ***ret, struct err *err)
{
	struct list l = { .err = err };
	int r;

	for (;; text++) {
		char *value = read_value(&text);

		r = value ? list_add(&l, value)
			  : err_set(err, ERR_INVALID, EINVAL, "wrong quotes in \"%.100s\"", text);
		if (r < 0 || !*text)
			return list_done(&l, r, ret);
	}
}
