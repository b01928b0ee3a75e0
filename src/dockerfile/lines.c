#include "dockerfile/lines.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/split.h"

/* A line of the file, or what is left of it. */
struct span {
	const char *s;
	size_t len;
};

int lines_error(struct err *err, unsigned line)
{
	return err_prefix(err, "dockerfile parse error on line %u", line);
}

void line_clear(struct line *l)
{
	for (size_t i = 0; i < l->heredoc_count; i++)
		heredoc_clear(&l->heredocs[i]);
	free(l->heredocs);
	free(l->text);
	*l = (struct line){ 0 };
}

void lines_begin(struct lines *s, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";

	*s = (struct lines){ .p = text, .end = text + len, .escape = '\\' };
	if (len >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0)
		s->p += strlen(bom);
}

static struct span trim_left(struct span l)
{
	while (l.len && strchr(BLANKS, *l.s))
		l.s++, l.len--;
	return l;
}

static struct span trim_newline(struct span l)
{
	while (l.len && strchr("\r\n", l.s[l.len - 1]))
		l.len--;
	return l;
}

/* 1 and the next line with its end, 0 behind the last one. */
static int next_span(struct lines *s, struct span *ret, struct err *err)
{
	const char *newline;

	if (s->p == s->end)
		return 0;
	newline = memchr(s->p, '\n', (size_t)(s->end - s->p));
	ret->s = s->p;
	ret->len = (size_t)((newline ? newline + 1 : s->end) - s->p);
	s->p += ret->len;
	s->line++;
	if (ret->len > DF_LINE_MAX)
		return err_set(err, ERR_INVALID, E2BIG,
			"dockerfile line greater than max allowed size of %d", DF_LINE_MAX);
	return 1;
}

/* ---- "# escape=`" and its like, before everything else */

static int set_escape(struct lines *s, struct span value, struct err *err)
{
	if (value.len != 1 || !strchr("\\`", *value.s))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid escape token '%.*s' does not match ` or \\",
			value.len > 100 ? 100 : (int)value.len, value.s);
	s->escape = *value.s;
	return 0;
}

/* "# name = value" taken apart. */
static bool split_directive(struct span l, struct span *name, struct span *value)
{
	if (!l.len || *l.s != '#')
		return false;
	l = trim_left((struct span){ l.s + 1, l.len - 1 });
	name->s = l.s;
	while (l.len && isalnum((unsigned char)*l.s))
		l.s++, l.len--;
	name->len = (size_t)(l.s - name->s);
	l = trim_left(l);
	if (!name->len || !l.len || *l.s != '=')
		return false;
	*value = trim_left((struct span){ l.s + 1, l.len - 1 });
	while (value->len && strchr(BLANKS, value->s[value->len - 1]))
		value->len--;
	return value->len > 0;
}

/* syntax names an image with another language, which is not run: this one is used. check is for linters. */
static int read_directive(struct lines *s, struct span l, struct err *err)
{
	static const char *const names[] = { "escape", "syntax", "check" };
	struct span name, value;

	if (s->directives_done)
		return 0;
	if (split_directive(l, &name, &value))
		for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
			if (strlen(names[i]) != name.len ||
				strncasecmp(names[i], name.s, name.len) != 0)
				continue;
			if (s->directives_seen & 1u << i)
				return err_set(err, ERR_INVALID, EINVAL,
					"only one %s parser directive can be used", names[i]);
			s->directives_seen |= 1u << i;
			return i == 0 ? set_escape(s, value, err) : 0;
		}
	s->directives_done = true;
	return 0;
}

/* ---- instructions */

static bool is_comment(struct span l)
{
	l = trim_left(l);
	return l.len && *l.s == '#';
}

/* Whether the line ends with the escape character (and not with two of them); takes it away. */
static bool continues(struct span *l, char escape)
{
	size_t n = l->len;

	while (n && (l->s[n - 1] == ' ' || l->s[n - 1] == '\t'))
		n--;
	if (!n || l->s[n - 1] != escape || (n > 1 && l->s[n - 2] == escape))
		return false;
	l->len = n - 1;
	return true;
}

/* The first line of an instruction: 1, 0 at the end. */
static int first_span(struct lines *s, struct span *ret, struct err *err)
{
	for (;;) {
		int r = next_span(s, ret, err);

		if (r <= 0)
			return r;
		*ret = trim_left(trim_newline(*ret));
		r = read_directive(s, *ret, err);
		if (r < 0)
			return r;
		if (ret->len && *ret->s != '#')
			return 1;
	}
}

/* Joins the lines of one instruction. */
static int join(struct lines *s, struct span l, struct buf *text, struct line *ret, struct err *err)
{
	bool more = continues(&l, s->escape);

	buf_add(text, l.s, l.len);
	while (more) {
		int r = next_span(s, &l, err);

		if (r <= 0)
			return r;
		l = trim_newline(l);
		if (is_comment(l))
			continue;
		if (!trim_left(l).len) {
			ret->gap = true;
			continue;
		}
		more = continues(&l, s->escape);
		buf_add(text, l.s, l.len);
	}
	return 0;
}

/* Whether it is ADD, COPY or RUN, also behind ONBUILD. */
static bool takes_heredocs(const char *text)
{
	static const char *const names[] = { "ADD", "COPY", "RUN" };
	size_t n = strcspn(text, BLANKS);

	if (n == strlen("ONBUILD") && strncasecmp(text, "ONBUILD", n) == 0) {
		text += n;
		text += strspn(text, BLANKS);
		n = strcspn(text, BLANKS);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && strncasecmp(text, names[i], n) == 0)
			return true;
	return false;
}

static int read_heredoc(struct lines *s, struct df_heredoc *h, struct err *err)
{
	auto_buf struct buf content = { 0 };
	struct span l, word;
	int r;

	while ((r = next_span(s, &l, err)) > 0) {
		word = trim_newline(l);
		while (h->strip_tabs && word.len && *word.s == '\t')
			word.s++, word.len--;
		if (strlen(h->name) == word.len && memcmp(h->name, word.s, word.len) == 0) {
			h->content = buf_steal(&content);
			return 0;
		}
		buf_add(&content, l.s, l.len);
	}
	return r < 0 ? r : err_set(err, ERR_INVALID, EINVAL, "unterminated heredoc");
}

static int read_heredocs(struct lines *s, struct line *l, struct err *err)
{
	int r;

	if (!takes_heredocs(l->text))
		return 0;
	r = heredoc_find(l->text, &l->heredocs, &l->heredoc_count, err);
	for (size_t i = 0; i < l->heredoc_count && r == 0; i++)
		r = read_heredoc(s, &l->heredocs[i], err);
	return r;
}

static void trim_text(struct buf *text)
{
	size_t n = text->len;

	while (n && strchr(BLANKS, text->data[n - 1]))
		n--;
	if (!text->data)
		return;
	text->data[n] = '\0';
	text->len = n;
	buf_consume(text, strspn(text->data, BLANKS));
}

int lines_next(struct lines *s, struct line *ret, struct err *err)
{
	auto_buf struct buf text = { 0 };
	auto_line struct line l = { 0 };
	struct span first;
	int r;

	do {
		r = first_span(s, &first, err);
		if (r == 0)
			return 0;
		l.first = s->line;
		if (r > 0) {
			buf_consume(&text, text.len);
			r = join(s, first, &text, &l, err);
		}
		if (r < 0)
			return lines_error(err, l.first);
		trim_text(&text);
	} while (!text.len); /* nothing but a continuation character */
	l.text = buf_steal(&text);
	r = read_heredocs(s, &l, err);
	if (r < 0)
		return lines_error(err, l.first);
	l.last = s->line;
	*ret = l;
	l = (struct line){ 0 };
	return 1;
}
