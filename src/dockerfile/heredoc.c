#include "dockerfile/heredoc.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/split.h"

/* The end of the quoted text that begins at s, or NULL. */
static const char *quote_end(const char *s)
{
	char quote = *s++;

	for (; *s && *s != quote; s++)
		if (quote == '"' && *s == '\\' && s[1])
			s++;
	return *s ? s : NULL;
}

/* The name without quotes; NULL if it is empty, more than one word, or badly quoted. */
static char *plain_name(const char *s, bool *quoted)
{
	auto_buf struct buf name = { 0 };

	*quoted = false;
	for (; *s; s++) {
		if (*s == '"' || *s == '\'') {
			const char *end = quote_end(s);

			if (!end)
				return NULL;
			buf_add(&name, s + 1, (size_t)(end - s - 1));
			*quoted = true;
			s = end;
		} else if (strchr(BLANKS, *s)) {
			return NULL;
		} else if (*s != '\\') {
			buf_addc(&name, *s);
		} else if (s[1]) {
			buf_addc(&name, *++s);
		}
	}
	return name.len ? buf_steal(&name) : NULL;
}

bool heredoc_word(const char *word, struct df_heredoc *ret)
{
	bool quoted, strip;
	char *name;

	word += strspn(word, "0123456789"); /* a descriptor's number, for the shell */
	if (!str_starts(word, "<<"))
		return false;
	word += 2;
	strip = *word == '-';
	word += strip;
	if (strchr(word, '<'))
		return false;
	name = plain_name(word, &quoted);
	if (!name)
		return false;
	*ret = (struct df_heredoc){ .name = name, .expand = !quoted, .strip_tabs = strip };
	return true;
}

int heredoc_find(const char *line, struct df_heredoc **ret, size_t *count, struct err *err)
{
	auto_strv char **words = NULL;
	struct df_heredoc *list = NULL, h;
	size_t n = 0;
	int r;

	*ret = NULL;
	*count = 0;
	if (!strstr(line, "<<"))
		return 0;
	r = split_quoted(line, '\\', &words, err);
	for (char **w = words; r == 0 && w && *w; w++) {
		if (!heredoc_word(*w, &h))
			continue;
		if (n == DF_HEREDOCS_MAX) {
			heredoc_clear(&h);
			r = err_set(
				err, ERR_INVALID, E2BIG, "more than %d heredocs", DF_HEREDOCS_MAX);
			break;
		}
		list = xreallocarray(list, n + 1, sizeof(*list));
		list[n++] = h;
	}
	*ret = list;
	*count = n;
	return r;
}

void heredoc_clear(struct df_heredoc *h)
{
	free(h->name);
	free(h->content);
	*h = (struct df_heredoc){ 0 };
}

char *heredoc_strip_tabs(const char *content)
{
	auto_buf struct buf out = { 0 };

	while (*content) {
		size_t n;

		content += strspn(content, "\t");
		n = strcspn(content, "\n");
		n += content[n] == '\n';
		buf_add(&out, content, n);
		content += n;
	}
	return buf_steal(&out);
}
