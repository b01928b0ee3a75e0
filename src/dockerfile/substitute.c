/* ${NAME#pattern} and its like. A pattern is split at its stars into pieces; the first must be where the match
 * begins, the others are looked for one after the other. So there is never anything to go back to. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/chars.h"
#include "dockerfile/expand.h"

#define PATTERN_MAX 1024 /* characters */

#define STAR UINT32_MAX
#define ANY  (UINT32_MAX - 1)

struct glob {
	uint32_t t[PATTERN_MAX]; /* characters, STAR, ANY */
	size_t n;
};

static int glob_read(const char *pattern, struct glob *g, const char **why)
{
	size_t used;

	g->n = 0;
	for (; *pattern; pattern += used) {
		uint32_t c = char_read(pattern, &used);

		if (g->n == PATTERN_MAX) {
			*why = "it is too long";
			return -EINVAL;
		}
		if (c == '\\') {
			if (!pattern[1] || !strchr("*?\\}/", pattern[1])) {
				*why = "invalid escape";
				return -EINVAL;
			}
			c = char_read(++pattern, &used);
		} else if (c == '*') {
			c = STAR;
		} else if (c == '?') {
			c = ANY;
		}
		g->t[g->n++] = c;
	}
	return 0;
}

static bool piece_at(const uint32_t *piece, size_t len, const struct chars *s, size_t at)
{
	if (len > s->n - at)
		return false;
	for (size_t i = 0; i < len; i++)
		if (piece[i] != ANY && piece[i] != s->c[at + i])
			return false;
	return true;
}

static ssize_t piece_first(const uint32_t *piece, size_t len, const struct chars *s, size_t from)
{
	for (size_t at = from; at + len <= s->n; at++)
		if (piece_at(piece, len, s, at))
			return (ssize_t)at;
	return -1;
}

static ssize_t piece_last(const uint32_t *piece, size_t len, const struct chars *s, size_t from)
{
	for (size_t at = s->n + 1; at-- > from;)
		if (piece_at(piece, len, s, at))
			return (ssize_t)at;
	return -1;
}

static size_t piece_length(const struct glob *g, size_t i)
{
	size_t n = 0;

	while (i + n < g->n && g->t[i + n] != STAR)
		n++;
	return n;
}

/* Where the match that begins at `from` ends, or -1. */
static ssize_t match_end(const struct glob *g, const struct chars *s, size_t from, bool longest)
{
	size_t i = 0, len = piece_length(g, 0), pos = from;
	ssize_t at;

	if (!piece_at(g->t, len, s, from))
		return -1;
	pos += len;
	for (i = len; i < g->n; i += len) {
		bool last;

		i++; /* the star */
		len = piece_length(g, i);
		last = i + len == g->n;
		at = last && longest ? piece_last(g->t + i, len, s, pos)
				     : piece_first(g->t + i, len, s, pos);
		if (at < 0)
			return -1;
		pos = (size_t)at + len;
	}
	return (ssize_t)pos;
}

static void reverse(uint32_t *c, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t x = c[i];

		c[i] = c[n - 1 - i];
		c[n - 1 - i] = x;
	}
}

int substitute_trim(const char *value, const char *pattern, bool suffix, bool longest, char **ret,
	const char **why)
{
	auto_chars struct chars s = { 0 };
	struct glob g;
	ssize_t end;

	if (glob_read(pattern, &g, why) < 0)
		return -EINVAL;
	chars_read(value, &s);
	if (suffix) {
		reverse(g.t, g.n);
		reverse(s.c, s.n);
	}
	end = match_end(&g, &s, 0, longest);
	if (end < 0)
		*ret = xstrdup(value);
	else if (suffix)
		*ret = xstrndup(value, s.at[s.n - (size_t)end]);
	else
		*ret = xstrdup(value + s.at[end]);
	return 0;
}

/* The leftmost match at or behind `from`, as long as it can be. When what follows the first piece is not
 * found behind its first place, it is not found behind a later one either. */
static bool find(const struct glob *g, const struct chars *s, size_t from, size_t *at, size_t *end)
{
	ssize_t start = piece_first(g->t, piece_length(g, 0), s, from);
	ssize_t stop = start < 0 ? -1 : match_end(g, s, (size_t)start, true);

	if (stop < 0)
		return false;
	*at = (size_t)start;
	*end = (size_t)stop;
	return true;
}

int substitute_replace(const char *value, const char *pattern, const char *by, bool all, char **ret,
	const char **why)
{
	auto_chars struct chars s = { 0 };
	auto_buf struct buf out = { 0 };
	size_t pos = 0, at, end;
	struct glob g;

	if (glob_read(pattern, &g, why) < 0)
		return -EINVAL;
	chars_read(value, &s);
	while (g.n && find(&g, &s, pos, &at, &end)) {
		buf_add(&out, value + s.at[pos], s.at[at] - s.at[pos]);
		buf_adds(&out, by);
		if (out.len > DF_VALUE_MAX)
			return -E2BIG;
		pos = end;
		if (!all || pos == s.n)
			break;
	}
	buf_adds(&out, value + s.at[pos]);
	*ret = buf_steal(&out);
	return 0;
}
