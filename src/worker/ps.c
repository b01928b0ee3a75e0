#include "worker/ps.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"

#define BLANKS     " \t\v\f\r"
#define TITLES_MAX 128

/* "-o user=PID": a column that is not what its title says. */
int ps_args_check(const char *args, struct err *err)
{
	for (const char *at = args; (at = strpbrk(at, BLANKS)); at++) {
		const char *name = at + strspn(at, BLANKS),
			   *equals = name + strcspn(name, "=" BLANKS);
		const char *title = equals + (*equals == '=');
		size_t len;

		title += strspn(title, BLANKS);
		len = strcspn(title, BLANKS);
		if (*equals != '=' || !str_starts(title, "PID") ||
			(equals - name == 3 && memcmp(name, "pid", 3) == 0))
			continue;
		return err_set(err, ERR_INVALID, EINVAL, "specifying \"%.*s=%.*s\" is not allowed",
			(int)(equals - name), name, (int)len, title);
	}
	return 0;
}

/* Words of a line; the last of max is all the rest of it. */
static char **split(const char *line, size_t len, size_t max)
{
	const char *end = line + len;
	char **words = NULL;
	size_t n = 0;

	while (line < end) {
		const char *word;

		while (line < end && strchr(BLANKS, *line))
			line++;
		word = line;
		while (line < end && (n + 1 == max || !strchr(BLANKS, *line)))
			line++;
		while (n + 1 == max && line > word && strchr(BLANKS, line[-1]))
			line--;
		if (line == word)
			break;
		strv_add_take(&words, xstrndup(word, (size_t)(line - word)));
		if (++n == max)
			break;
	}
	return words;
}

static int compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

struct table {
	size_t columns, pid;
	bool before; /* the process that the latest line with a number was of is one of ours */
	const pid_t *pids;
	size_t n;
};

/* Lines of threads have "-" for their number, and belong to the process before. */
static int line_is_ours(struct table *t, char *const *words, bool *ret, struct err *err)
{
	const char *word = strv_len(words) > t->pid ? words[t->pid] : "";
	int64_t number;
	pid_t pid;

	if (str_eq(word, "-")) {
		*ret = t->before;
		return 0;
	}
	if (str_to_i64(word, &number) < 0 || number < 0 || number > INT32_MAX)
		return err_set(err, ERR_SYSTEM, EBADMSG, "unexpected pid '%.64s'", word);
	pid = (pid_t)number;
	t->before = *ret = t->n && bsearch(&pid, t->pids, t->n, sizeof(pid), compare);
	return 0;
}

static int add_lines(struct table *t, const char *lines, struct jsonw *w, struct err *err)
{
	for (const char *at = lines; *at;) {
		size_t len = strcspn(at, "\n");
		auto_strv char **words = split(at, len, t->columns);
		bool ours = false;
		int r = words ? line_is_ours(t, words, &ours, err) : 0;

		if (r < 0)
			return r;
		if (ours)
			jw_strv(w, NULL, words);
		at += len + (at[len] == '\n');
	}
	return 0;
}

int ps_table(const char *output, const pid_t *pids, size_t n, struct buf *out, struct err *err)
{
	size_t head = strcspn(output, "\n");
	auto_strv char **titles = split(output, head, TITLES_MAX);
	struct table t = { .columns = strv_len(titles), .pids = pids, .n = n };
	struct jsonw w = JSONW(out);
	int r;

	while (t.pid < t.columns && !str_eq(titles[t.pid], "PID"))
		t.pid++;
	if (t.pid == t.columns)
		return err_set(err, ERR_SYSTEM, EBADMSG, "couldn't find PID field in ps output");
	jw_object(&w, NULL);
	jw_strv(&w, "Titles", titles);
	jw_array(&w, "Processes");
	r = add_lines(&t, output + head + (output[head] == '\n'), &w, err);
	jw_array_end(&w);
	jw_object_end(&w);
	return r;
}
