#include "dockerfile/ignore.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "dockerfile/pattern.h"

#define BLANK " \t\v\f\r"

struct rule {
	struct pattern *pattern;
	char *text;
	bool keep; /* "!": brings back */
};

struct ignore {
	struct rule *rules;
	size_t count;
};

/* The path without ".", "..", double and trailing slashes, as Go's filepath.Clean makes it; what leads out of
 * the root stays there. A leading slash means the root as well. */
static char *clean(const char *path)
{
	auto_strv char **parts = strv_split(path, '/');
	auto_buf struct buf out = { 0 };

	for (char **p = parts; *p; p++) {
		char *slash;

		if (!**p || str_eq(*p, "."))
			continue;
		if (str_eq(*p, "..") && out.len) {
			slash = memrchr(out.data, '/', out.len);
			out.len = slash ? (size_t)(slash - out.data) : 0;
			out.data[out.len] = '\0';
			continue;
		}
		if (out.len)
			buf_addc(&out, '/');
		buf_adds(&out, *p);
	}
	return buf_steal(&out);
}

static int add_rule(struct ignore *ig, const char *text, struct err *err)
{
	struct rule rule = { .keep = *text == '!' };
	int r;

	text += rule.keep;
	text += strspn(text, BLANK);
	if (!*text)
		return err_set(err, ERR_INVALID, EINVAL, "illegal exclusion pattern: \"!\"");
	if (ig->count == IGNORE_PATTERNS_MAX)
		return err_set(
			err, ERR_INVALID, E2BIG, "more than %d patterns", IGNORE_PATTERNS_MAX);
	rule.text = clean(text);
	r = pattern_compile(rule.text, true, &rule.pattern, err);
	if (r < 0) {
		free(rule.text);
		return r;
	}
	if ((ig->count & (ig->count - 1)) == 0)
		ig->rules =
			xreallocarray(ig->rules, ig->count ? 2 * ig->count : 1, sizeof(*ig->rules));
	ig->rules[ig->count++] = rule;
	return 0;
}

/* The line without blanks around it. "#" begins a comment only in the first column. */
static char *trim(const char *line, size_t len)
{
	while (len && strchr(BLANK, line[len - 1]))
		len--;
	while (len && strchr(BLANK, *line))
		line++, len--;
	return xstrndup(line, len);
}

static int read_lines(struct ignore *ig, const char *text, size_t len, struct err *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *end = text + len;
	unsigned number = 0;

	if (len >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0)
		text += strlen(bom);
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);
		auto_free char *line = trim(text, n);

		number++;
		if (*text != '#' && *line && add_rule(ig, line, err) < 0)
			return err_prefix(err, "line %u", number);
		text += n + 1;
	}
	return 0;
}

int ignore_parse(
	const char *text, size_t len, const char *file, struct ignore **ret, struct err *err)
{
	auto_ignore struct ignore *ig = xcalloc(1, sizeof(*ig));
	int r;

	if (len > IGNORE_TEXT_MAX)
		return err_set(err, ERR_INVALID, EFBIG, "%s is larger than %d bytes", file,
			IGNORE_TEXT_MAX);
	if (len && memchr(text, '\0', len))
		return err_set(err, ERR_INVALID, EINVAL, "%s is not text", file);
	r = read_lines(ig, text, len, err);
	if (r < 0)
		return err_prefix(err, "%s", file);
	*ret = take_ptr(&ig);
	return 0;
}

int ignore_of(char *const *patterns, struct ignore **ret, struct err *err)
{
	auto_ignore struct ignore *ig = xcalloc(1, sizeof(*ig));

	for (; patterns && *patterns; patterns++) {
		auto_free char *text = trim(*patterns, strlen(*patterns));
		int r = *text ? add_rule(ig, text, err) : 0;

		if (r < 0)
			return r;
	}
	*ret = take_ptr(&ig);
	return 0;
}

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	for (size_t i = 0; i < ig->count; i++) {
		pattern_free(ig->rules[i].pattern);
		free(ig->rules[i].text);
	}
	free(ig->rules);
	free(ig);
}

bool ignore_match(const struct ignore *ig, const char *path)
{
	bool out = false;

	for (size_t i = 0; i < ig->count; i++) {
		const struct rule *r = &ig->rules[i];

		/* a rule that would change nothing needs no look */
		if (r->keep == out && pattern_match_tree(r->pattern, path))
			out = !r->keep;
	}
	return out;
}

/* The folders a pattern names before its first wildcard have to lie on the way to or below this one. */
static bool may_reach(const char *pattern, const char *folder)
{
	size_t n = strcspn(pattern, "*?[\\"), len = strlen(folder);

	while (n && pattern[n] && pattern[n - 1] != '/')
		n--;
	n -= n && pattern[n - 1] == '/';
	if (n <= len)
		return strncmp(pattern, folder, n) == 0 && (!n || !folder[n] || folder[n] == '/');
	return strncmp(pattern, folder, len) == 0 && pattern[len] == '/';
}

bool ignore_may_keep_below(const struct ignore *ig, const char *folder)
{
	for (size_t i = 0; i < ig->count; i++)
		if (ig->rules[i].keep && may_reach(ig->rules[i].text, folder))
			return true;
	return false;
}
