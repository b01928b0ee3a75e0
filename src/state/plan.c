#include "state/plan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"

struct keyword {
	const char *name;
	unsigned words;
	bool many;
};

/* clang-format off */
static const struct keyword plan_keywords[] = {
	{ "plan", 1, false }, { "id", 1, false }, { "name", 1, false }, { "image", 1, false },
	{ "attrs", 1, false }, { "exec-id", 1, false },
	{ "lower", 1, true }, { "upper", 1, false }, { "work", 1, false }, { "storage", 1, false },
	{ "readonly-root", 0, false }, { "runtime", 2, false }, { "annotation", 2, true },
	{ "mount", 4, true }, { "device", 1, true }, { "symlink", 2, true },
	{ "mask", 1, true }, { "readonly", 1, true }, { "sysctl", 2, true }, { "ns", 2, true },
	{ "hostname", 1, false }, { "domainname", 1, false }, { "init", 0, false },
	{ "tty", 0, false }, { "console-size", 2, false }, { "open-stdin", 0, false }, { "stdin-once", 0, false },
	{ "cwd", 1, false }, { "user", 1, false }, { "group", 1, true },
	{ "keep-groups", 0, false }, { "keep-id", 2, false },
	{ "caps", 1, false }, { "privileged", 0, false }, { "no-new-privs", 0, false }, { "seccomp", 1, false },
	{ "rlimit", 3, true }, { "limit", 2, true }, { "oom-score-adj", 1, false },
	{ "env", 1, true }, { "arg", 1, true },
	{ "stop-signal", 1, false }, { "stop-timeout", 1, false }, { "auto-remove", 0, false }, { "volatile", 0, false },
	{ "keep-removed", 4, false },
	{ "restart", 2, false }, { "restart-unhealthy", 0, false },
	{ "health-times", 4, false }, { "health-retries", 1, false }, { "health-silent", 0, false },
	{ "subreaper", 0, false },
	{ "fault", 3, false },
	{ "volume", 3, true },
	{ "log", 1, false }, { "log-opt", 2, true }, { "log-field", 2, true }, { "detach-keys", 1, false },
	{ "attach-stdin", 0, false }, { "attach-stdout", 0, false }, { "attach-stderr", 0, false },
};
/* clang-format on */

static const struct keyword *find_keyword(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(plan_keywords); i++)
		if (str_eq(plan_keywords[i].name, name))
			return &plan_keywords[i];
	return NULL;
}

void plan_add_words(struct buf *b, const char *keyword, const char *const *words)
{
	const struct keyword *k = find_keyword(keyword);

	assert(k && strv_len((char *const *)(uintptr_t)words) == k->words);
	(void)k;
	buf_add(b, keyword, strlen(keyword) + 1);
	for (; *words; words++)
		buf_add(b, *words, strlen(*words) + 1);
}

static int add_item(struct plan *p, const struct keyword *k, const char **cursor, const char *end)
{
	struct plan_item *it;
	const char *at = *cursor;

	if ((p->count & (p->count - 1)) == 0)
		p->items = xreallocarray(p->items, p->count ? 2 * p->count : 16, sizeof(*it));
	it = &p->items[p->count];
	*it = (struct plan_item){ .keyword = k->name };
	for (unsigned i = 0; i < k->words; i++) {
		if (at >= end)
			return -EBADMSG;
		it->words[i] = at;
		at += strlen(at) + 1;
	}
	p->count++;
	*cursor = at;
	return 0;
}

int plan_parse(char *take_text, size_t len, struct plan *ret, struct err *err)
{
	auto_plan struct plan p = { .text = take_text };
	const char *at = p.text, *end = p.text + len;

	if (len == 0 || p.text[len - 1] != '\0')
		return err_set(err, ERR_SYSTEM, EBADMSG, "the plan is cut short");
	while (at < end) {
		const struct keyword *k = find_keyword(at);

		if (!k)
			return err_set(
				err, ERR_SYSTEM, EBADMSG, "unknown word in the plan: %.40s", at);
		if (!k->many && plan_next(&p, k->name, NULL))
			return err_set(err, ERR_SYSTEM, EBADMSG, "twice in the plan: %s", k->name);
		at += strlen(at) + 1;
		if (add_item(&p, k, &at, end) < 0)
			return err_set(
				err, ERR_SYSTEM, EBADMSG, "the plan is cut short at %s", k->name);
	}
	if (!str_eq(plan_get(&p, "plan", ""), "1"))
		return err_set(err, ERR_SYSTEM, EBADMSG, "the plan has another format");
	*ret = p;
	p = (struct plan){ 0 };
	return 0;
}

int plan_read(int dir, const char *name, struct plan *ret, struct err *err)
{
	size_t len;
	char *text;
	int r;

	r = file_read_at(dir, name, PLAN_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read plan");
	return plan_parse(text, len, ret, err);
}

void plan_clear(struct plan *p)
{
	free(p->items);
	free(p->text);
	*p = (struct plan){ 0 };
}

const struct plan_item *plan_next(
	const struct plan *p, const char *keyword, const struct plan_item *after)
{
	for (size_t i = after ? (size_t)(after - p->items) + 1 : 0; i < p->count; i++)
		if (str_eq(p->items[i].keyword, keyword))
			return &p->items[i];
	return NULL;
}

const char *plan_get(const struct plan *p, const char *keyword, const char *missing)
{
	const struct plan_item *it = plan_next(p, keyword, NULL);

	return it ? it->words[0] : missing;
}

bool plan_has(const struct plan *p, const char *keyword)
{
	return plan_next(p, keyword, NULL) != NULL;
}

int plan_get_int(const struct plan *p, const char *keyword, int missing)
{
	const char *v = plan_get(p, keyword, NULL);
	int64_t n;

	if (!v || str_to_i64(v, &n) < 0 || n < INT32_MIN || n > INT32_MAX)
		return missing;
	return (int)n;
}

const char *plan_log_opt(const struct plan *p, const char *key)
{
	plan_foreach (it, p, "log-opt")
		if (str_eq(it->words[0], key))
			return it->words[1];
	return NULL;
}

const char **plan_words(const struct plan *p, const char *keyword)
{
	const char **v = xcalloc(p->count + 1, sizeof(*v));
	size_t n = 0;

	plan_foreach (it, p, keyword)
		v[n++] = it->words[0];
	return v;
}
