#include "worker/members.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "worker/tree.h"

#define LINKS_MAX 8

static struct member *add(struct members *m, struct err *err)
{
	if (m->count >= MEMBERS_MAX) {
		(void)err_set(
			err, ERR_INVALID, E2BIG, "archive has more than %d entries", MEMBERS_MAX);
		return NULL;
	}
	if ((m->count & (m->count - 1)) == 0)
		m->items = xreallocarray(m->items, m->count ? 2 * m->count : 1, sizeof(*m->items));
	m->items[m->count] = (struct member){ 0 };
	return &m->items[m->count++];
}

int members_add_blob(
	struct members *m, const char *name, const struct stage_blob *blob, struct err *err)
{
	struct member *e = add(m, err);

	if (!e)
		return -E2BIG;
	e->name = xstrdup(name);
	e->blob = blob;
	return 0;
}

int members_add_link(struct members *m, const char *name, const char *target, struct err *err)
{
	struct member *e = add(m, err);

	if (!e)
		return -E2BIG;
	e->name = xstrdup(name);
	e->target = xstrdup(target);
	return 0;
}

const struct stage_blob *members_find(const struct members *m, const char *name)
{
	for (int links = 0; links < LINKS_MAX; links++) {
		size_t i = m->count;

		while (i > 0 && !str_eq(m->items[i - 1].name, name))
			i--;
		if (i == 0)
			return NULL;
		if (m->items[i - 1].blob)
			return m->items[i - 1].blob;
		name = m->items[i - 1].target;
	}
	return NULL;
}

void members_clear(struct members *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].name);
		free(m->items[i].target);
	}
	free(m->items);
	*m = (struct members){ 0 };
}
