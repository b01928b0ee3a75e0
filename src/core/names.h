/* core/names.h - names of containers and who holds them: data/names/NAME is a symbolic link to an ID.
 *
 * A claim counts only if that container is complete, calls itself so, and is not just waiting for its
 * removal after a crash. Any other is the rest of a creation or a renaming that was cut short, and is
 * taken over. Callers hold dirs_lock(). */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "core/core.h"

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+; a leading slash is not part of it. */
bool name_valid(const char *name);
/* ERR_CONFLICT in Docker's words if another container has it. */
int name_claim(struct core *c, const char *name, const char *id, struct err *err);
void name_release(struct core *c, const char *name, const char *id);
/* Makes up a free name and claims it; the caller frees it. */
int name_claim_new(struct core *c, const char *id, char **ret, struct err *err);
/* Whose link it is, complete or not: 0 or -ENOENT. Needs no lock. */
int name_owner(struct core *c, const char *name, char ret[ID_SIZE]);
