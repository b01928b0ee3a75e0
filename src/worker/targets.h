/* worker/targets.h - what the start of a container makes for its mounts where the image has nothing: empty
 * files and folders. They lie in the container's own layer (runtime/target.h makes them there), but no
 * layer that is kept has them.
 *
 * What counts as such: a target of a mount that the layers below do not have and that is still empty; and a
 * folder on the way to one, if there is nothing else in it and it is not below, or is as it was below. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "worker/merged.h"

struct targets {
	const struct merged *below; /* the layers under the container; NULL: none */
	/* Beside those that every container has: paths in the container, clean and without links, so that
	 * they say where it was made (merged_resolve()). NULL-ended; may be NULL. */
	char *const *more;
};

/* Whether the entry at path of the tree, a container's own layer (raw), is there for mounts alone. */
bool target_left_out(const struct merged *tree, const struct targets *t, const char *path,
	const struct stat *st);
/* Removes all of them from the folder dir, which nothing uses any more. */
void targets_remove(int dir, const struct targets *t);
