#include "json/grammar.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsonw.h"

struct scan {
	const char *p, *end;
	unsigned depth, values; /* how many levels and values are left */
	const char *problem;
};

static bool fail(struct scan *s, const char *problem)
{
	if (!s->problem)
		s->problem = s->p >= s->end ? "unexpected end of JSON input" : problem;
	return false;
}

static bool at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool take(struct scan *s, char c)
{
	if (!at(s, c))
		return false;
	s->p++;
	return true;
}

static void skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool scan_digits(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > start || fail(s, "a number without digits");
}

static bool scan_number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !scan_digits(s))
		return false;
	if (take(s, '.') && !scan_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		(void)take(s, '-');
	return scan_digits(s);
}

static bool scan_escape(struct scan *s)
{
	if (take(s, 'u')) {
		for (int i = 0; i < 4; i++, s->p++)
			if (s->p >= s->end || !*s->p || !strchr("0123456789abcdefABCDEF", *s->p))
				return fail(s, "an escape without four digits");
		return true;
	}
	if (s->p >= s->end || !*s->p || !strchr("\"\\/bfnrt", *s->p))
		return fail(s, "an unknown escape in a string");
	s->p++;
	return true;
}

/* One character of a string, which may be several bytes. */
static bool scan_character(struct scan *s)
{
	unsigned char c = (unsigned char)*s->p;
	size_t n;

	if (c < 0x20)
		return fail(s, "a control character in a string");
	if (c >= 0x80) {
		n = utf8_sequence((const unsigned char *)s->p, (size_t)(s->end - s->p));
		s->p += n;
		return n > 0 || fail(s, "a string that is not UTF-8");
	}
	s->p++;
	return c != '\\' || scan_escape(s);
}

static bool scan_string(struct scan *s)
{
	if (!take(s, '"'))
		return fail(s, "expected a string");
	while (s->p < s->end && *s->p != '"')
		if (!scan_character(s))
			return false;
	return take(s, '"') || fail(s, "");
}

static bool scan_literal(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
			s->p += n;
			return true;
		}
	}
	return fail(s, "unexpected character");
}

static bool scan_value(struct scan *s);

static bool scan_member(struct scan *s)
{
	skip_blanks(s);
	if (!scan_string(s))
		return false;
	skip_blanks(s);
	return take(s, ':') ? scan_value(s) : fail(s, "expected ':' after a key");
}

static bool scan_elements(struct scan *s, char last, bool (*element)(struct scan *s))
{
	if (s->depth-- == 0)
		return fail(s, "nesting too deep");
	skip_blanks(s);
	if (!take(s, last)) {
		do {
			if (!element(s))
				return false;
			skip_blanks(s);
		} while (take(s, ','));
		if (!take(s, last))
			return fail(s, "expected ',' or the end of a list or an object");
	}
	s->depth++;
	return true;
}

static bool scan_value(struct scan *s)
{
	if (s->values-- == 0)
		return fail(s, "too many values");
	skip_blanks(s);
	if (take(s, '{'))
		return scan_elements(s, '}', scan_member);
	if (take(s, '['))
		return scan_elements(s, ']', scan_value);
	if (at(s, '"'))
		return scan_string(s);
	if (s->p < s->end && (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')))
		return scan_number(s);
	return scan_literal(s);
}

const char *json_grammar(const char *text, size_t len, unsigned depth_max, unsigned values_max)
{
	struct scan s = { .p = text, .end = text + len, .depth = depth_max, .values = values_max };

	if (!scan_value(&s))
		return s.problem;
	skip_blanks(&s);
	return s.p < s.end ? "there is something after the value" : NULL;
}
