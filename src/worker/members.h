/* worker/members.h - the files of an archive by name, as they were staged. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "worker/stage.h"

struct member {
	char *name;                    /* clean: no "./" */
	const struct stage_blob *blob; /* NULL: a link */
	char *target;                  /* of a link, clean and from the archive's top */
};

struct members {
	struct member *items;
	size_t count;
};

#define MEMBERS_MAX 20000

int members_add_blob(
	struct members *m, const char *name, const struct stage_blob *blob, struct err *err);
int members_add_link(struct members *m, const char *name, const char *target, struct err *err);
/* Follows links; NULL if there is no such file. The latest of equal names counts. */
const struct stage_blob *members_find(const struct members *m, const char *name);
void members_clear(struct members *m);
