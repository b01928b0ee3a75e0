/* core/build_cache.h - what builds leave behind for later ones (oci/garbage.h has the folders): steps, each
 * with its layer if it made one, and the folders of RUN --mount=type=cache.
 *
 * A step is shared while an image or a container has its layer: then forgetting it frees nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"

/* What POST /build/prune is asked to do. Sizes are bytes, 0: not given. */
struct build_prune {
	const struct filters *filters; /* until or unused-for, id, type, inuse, shared, private */
	bool all;                      /* also what is shared, and steps without a layer */
	/* The oldest go until so much is left; never less than reserved. */
	int64_t reserved, max_used, min_free;
};

/* Appends {"CachesDeleted":…,"SpaceReclaimed":…}. What a build is using stays. */
int build_prune(struct core *c, const struct build_prune *how, struct buf *out, struct err *err);
/* Appends the array for GET /system/df. */
int build_cache_list(struct core *c, struct buf *out, struct err *err);
