#include "worker/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/timefmt.h"

struct reader {
	const char *p;
	words_lookup *lookup;
	void *arg;
	struct buf word;
};

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* p stands on "$". */
static void read_variable(struct reader *r)
{
	const char *name = r->p + 1;
	size_t len = 0;
	bool braces = *name == '{';

	name += braces;
	while (is_name(name[len]))
		len++;
	if (!len || (braces && name[len] != '}')) {
		buf_addc(&r->word, *r->p++);
		return;
	}
	buf_adds(&r->word, r->lookup(r->arg, name, len));
	r->p = name + len + braces;
}

/* One character, or what it stands for. */
static void read_char(struct reader *r)
{
	if (*r->p == '\\' && r->p[1]) {
		buf_addc(&r->word, r->p[1]);
		r->p += 2;
	} else if (*r->p == '$') {
		read_variable(r);
	} else {
		buf_addc(&r->word, *r->p++);
	}
}

static int read_quoted(struct reader *r)
{
	char quote = *r->p++;

	while (*r->p && *r->p != quote)
		if (quote == '\'')
			buf_addc(&r->word, *r->p++);
		else
			read_char(r);
	if (!*r->p)
		return -EINVAL;
	r->p++;
	return 0;
}

static int read_word(struct reader *r)
{
	while (*r->p && !isspace((unsigned char)*r->p)) {
		if (*r->p != '"' && *r->p != '\'')
			read_char(r);
		else if (read_quoted(r) < 0)
			return -EINVAL;
	}
	return 0;
}

int words_split(const char *text, words_lookup *lookup, void *arg, char ***ret)
{
	struct reader r = { .p = text, .lookup = lookup, .arg = arg };
	auto_strv char **words = NULL;

	for (;;) {
		while (isspace((unsigned char)*r.p))
			r.p++;
		if (!*r.p)
			break;
		if (read_word(&r) < 0) {
			buf_free(&r.word);
			return -EINVAL;
		}
		strv_add_take(&words, buf_steal(&r.word));
	}
	*ret = take_ptr(&words);
	return 0;
}

int words_duration(const char *text, int64_t *ret)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1e3 },
		{ "ms", 1e6 },
		{ "s", 1e9 },
		{ "m", 60e9 },
		{ "h", 3600e9 },
	};
	double sum = 0;

	if (str_eq(text, "0")) {
		*ret = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t digits = strspn(text, "0123456789."), len, u = 0;
		char *end;
		double n = strtod(text, &end);

		if (!digits || end != text + digits)
			return -EINVAL;
		len = strspn(end, "hmsnu");
		while (u < ARRAY_SIZE(units) &&
			(strlen(units[u].name) != len || strncmp(units[u].name, end, len) != 0))
			u++;
		if (u == ARRAY_SIZE(units))
			return -EINVAL;
		sum += n * units[u].ns;
		text = end + len;
	}
	if (!(sum >= 0 && sum < 9e18))
		return -EINVAL;
	*ret = (int64_t)sum;
	return 0;
}
