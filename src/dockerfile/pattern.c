/* A pattern becomes a list of steps, and matching keeps the set of steps that could come next: every character
 * of the path is looked at once for each of them, and there is nothing to go back to. */
#include "dockerfile/pattern.h"

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/chars.h"

enum step_kind {
	STEP_CHAR,  /* this one */
	STEP_ANY,   /* ?: all but a slash */
	STEP_CLASS, /* [a-z] */
	STEP_STAR,  /* *: any number of all but slashes */
	STEP_DEEP,  /* **: nothing, or anything that ends with a slash */
	STEP_REST,  /* ** at the end: anything */
};

struct range {
	uint32_t lo, hi;
};

struct step {
	enum step_kind kind;
	uint32_t c;
	bool negated;
	size_t range, range_count; /* of the pattern's ranges */
};

struct pattern {
	struct step *steps;
	struct range *ranges;
	size_t count, range_count;
};

/* ---- compiling */

struct reader {
	struct pattern *p;
	const char *s;
};

static uint32_t next(struct reader *r)
{
	size_t used;
	uint32_t c = char_read(r->s, &used);

	r->s += used;
	return c;
}

/* A character of a class, maybe escaped. */
static int class_char(struct reader *r, uint32_t *ret)
{
	if (!*r->s || *r->s == '-' || *r->s == ']')
		return -EINVAL;
	if (*r->s == '\\' && !*++r->s)
		return -EINVAL;
	*ret = next(r);
	return *r->s ? 0 : -EINVAL; /* the class is still open */
}

/* r->s stands behind "[". */
static int read_class(struct reader *r, struct step *step)
{
	struct pattern *p = r->p;

	step->kind = STEP_CLASS;
	step->range = p->range_count;
	step->negated = *r->s == '^';
	r->s += step->negated;
	do {
		struct range range;

		if (class_char(r, &range.lo) < 0)
			return -EINVAL;
		range.hi = range.lo;
		if (*r->s == '-') {
			r->s++;
			if (class_char(r, &range.hi) < 0)
				return -EINVAL;
		}
		p->ranges[p->range_count++] = range;
		step->range_count++;
	} while (*r->s != ']');
	r->s++;
	return 0;
}

/* Behind "**". A slash after it belongs to it; at the end it means everything. */
static void read_deep(struct reader *r, struct step *step)
{
	bool first = r->p->count == 0;

	if (*r->s == '/')
		r->s++;
	else if (first && !pattern_is_wild(r->s))
		step->kind = STEP_REST; /* "**.txt": whatever ends so */
	if (!*r->s)
		step->kind = STEP_REST;
}

static int read_step(struct reader *r, bool deep, struct step *step)
{
	*step = (struct step){ .kind = STEP_CHAR };
	switch (*r->s) {
	case '*':
		r->s++;
		step->kind = STEP_STAR;
		if (deep && *r->s == '*') {
			r->s++;
			step->kind = STEP_DEEP;
			read_deep(r, step);
		}
		return 0;
	case '?':
		r->s++;
		step->kind = STEP_ANY;
		return 0;
	case '[': r->s++; return read_class(r, step);
	case '\\':
		if (!*++r->s)
			return -EINVAL;
		break;
	}
	step->c = next(r);
	return 0;
}

int pattern_compile(const char *text, bool deep, struct pattern **ret, struct err *err)
{
	auto_pattern struct pattern *p = xcalloc(1, sizeof(*p));
	struct reader r = { .p = p, .s = text };
	size_t len = strlen(text);

	if (len > PATTERN_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "pattern of more than %d bytes: %.100s…",
			PATTERN_MAX, text);
	p->steps = xcalloc(len + 1, sizeof(*p->steps));
	p->ranges = xcalloc(len + 1, sizeof(*p->ranges));
	while (*r.s) {
		if (read_step(&r, deep, &p->steps[p->count]) < 0)
			return err_set(
				err, ERR_INVALID, EINVAL, "syntax error in pattern: %.200s", text);
		p->count++;
	}
	*ret = take_ptr(&p);
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	free(p->steps);
	free(p->ranges);
	free(p);
}

bool pattern_is_wild(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (strchr("*?[", *text))
			return true;
	}
	return false;
}

/* ---- matching */

static bool class_has(const struct pattern *p, const struct step *step, uint32_t c)
{
	const struct range *r = p->ranges + step->range;

	for (size_t i = 0; i < step->range_count; i++)
		if (r[i].lo <= c && c <= r[i].hi)
			return !step->negated;
	return step->negated;
}

/* live[i]: step i may come next. A step that also matches nothing lets the one behind it come as well. */
static void skip_empty(const struct pattern *p, bool *live)
{
	for (size_t i = 0; i < p->count; i++)
		if (live[i] && p->steps[i].kind >= STEP_STAR)
			live[i + 1] = true;
}

/* Step DEEP ends only behind a slash; within it, inside[i] says that it has begun. */
static void advance(const struct pattern *p, const bool *live, const bool *inside, bool *next_live,
	bool *next_inside, uint32_t c)
{
	memset(next_live, 0, (p->count + 1) * sizeof(*next_live));
	memset(next_inside, 0, (p->count + 1) * sizeof(*next_inside));
	for (size_t i = 0; i < p->count; i++) {
		const struct step *s = &p->steps[i];

		if (s->kind == STEP_DEEP && (live[i] || inside[i])) {
			next_inside[i] = true;
			next_live[i + 1] |= c == '/';
		}
		if (!live[i])
			continue;
		switch (s->kind) {
		case STEP_CHAR: next_live[i + 1] |= s->c == c; break;
		case STEP_ANY: next_live[i + 1] |= c != '/'; break;
		case STEP_CLASS: next_live[i + 1] |= class_has(p, s, c); break;
		case STEP_STAR: next_live[i] |= c != '/'; break;
		case STEP_REST: next_live[i] = true; break;
		case STEP_DEEP: break;
		}
	}
	skip_empty(p, next_live);
}

/* tree: it is enough when a folder on the way matches. */
static bool match(const struct pattern *p, const char *path, bool tree)
{
	size_t n = p->count + 1, used;
	auto_free bool *sets = xcalloc(4 * n, sizeof(*sets));
	bool *live = sets, *inside = sets + n, *next_live = sets + 2 * n,
	     *next_inside = sets + 3 * n;

	live[0] = true;
	skip_empty(p, live);
	for (; *path; path += used) {
		uint32_t c = char_read(path, &used);
		bool *swap;

		if (tree && c == '/' && live[p->count])
			return true;
		advance(p, live, inside, next_live, next_inside, c);
		swap = live, live = next_live, next_live = swap;
		swap = inside, inside = next_inside, next_inside = swap;
	}
	return live[p->count];
}

bool pattern_match(const struct pattern *p, const char *path)
{
	return match(p, path, false);
}

bool pattern_match_tree(const struct pattern *p, const char *path)
{
	return match(p, path, true);
}
