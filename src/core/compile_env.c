/* The environment of a container's processes. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/compile.h"

struct env_entry {
	char *text;
	size_t key;   /* length of its name */
	size_t order; /* of appearance */
};

static int by_name(const void *one, const void *two)
{
	const struct env_entry *a = one, *b = two;
	int r = strncmp(a->text, b->text, a->key < b->key ? a->key : b->key);

	if (r)
		return r;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int by_order(const void *one, const void *two)
{
	const struct env_entry *a = one, *b = two;

	return a->order < b->order ? -1 : 1;
}

static bool same_name(const struct env_entry *a, const struct env_entry *b)
{
	return a->key == b->key && strncmp(a->text, b->text, a->key) == 0;
}

/* Of each name the last text, in the place of the first. Without '=' it is not even the default. Sorting, because
 * there may be as many as a request holds. Returns how many are left. */
static size_t last_of_each(struct env_entry *all, size_t n)
{
	size_t left = 0;

	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++) {
		size_t first = all[i].order;

		while (i + 1 < n && same_name(&all[i], &all[i + 1]))
			i++;
		if (!all[i].text[all[i].key])
			continue;
		all[left] = all[i];
		all[left++].order = first;
	}
	qsort(all, left, sizeof(*all), by_order);
	return left;
}

char **compile_env(const struct container_config *c, char *const *more, bool tty)
{
	auto_free char *hostname = xasprintf("HOSTNAME=%s", c->hostname ? c->hostname : "");
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char term[] = "TERM=xterm";
	char *const defaults[] = { path, hostname, tty ? term : NULL, NULL };
	char *const *const sources[] = { defaults, c->env, more };
	auto_free struct env_entry *all = NULL;
	char **env = NULL;
	size_t n = 0, left, done = 0;

	all = xcalloc(ARRAY_SIZE(defaults) + strv_len(c->env) + strv_len(more), sizeof(*all));
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		for (char *const *e = sources[i]; e && *e; e++, n++)
			all[n] = (struct env_entry){ *e, strcspn(*e, "="), n };
	left = last_of_each(all, n);
	while (done < left)
		strv_add_sized(&env, &done, all[done].text);
	return env;
}
