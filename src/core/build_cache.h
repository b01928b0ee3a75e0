/* core/build_cache.h - what builds leave behind for later ones (oci/garbage.h has the folders). */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"

/* POST /build/prune: forgets every step older than the filter "until" says (all, without), and the folders
 * of RUN --mount=type=cache that no build uses. Appends {"CachesDeleted":…,"SpaceReclaimed":…}. */
int build_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err);
