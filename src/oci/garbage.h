/* oci/garbage.h - blobs and layers that nobody needs any more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/layout.h"

/* data/build: what builds leave for later ones and need while they go on.
 *
 *   cache/HEX    one step each (build/cache.h): JSON, of which the member "layer" matters here
 *   mounts/      folders of RUN --mount=type=cache
 *   .tmp-ID/     of one build, locked by its worker. In it "needs": digests of blobs and layers, one a
 *                line */
#define BUILDS      "build"
#define BUILD_CACHE BUILDS "/cache"
#define BUILD_TMP   ".tmp-"
#define BUILD_NEEDS "needs"

/* Moves to trash/ every blob that no entry of ix needs, and every layer that neither an image nor a
 * container (config.json, member "Layers") nor a build (above) needs. Does nothing if one of them cannot be read: what is
 * needed is unknown then. Half-made things (.tmp-…) belong to whoever makes them. The caller holds
 * dirs_lock() and has written ix. Returns the number of things moved. */
int oci_collect_garbage(const struct dirs *d, const struct oci_index *ix, struct err *err);

/* Which of these layers an image or a container has: ret[i] tells it of digests[i]. */
int oci_layers_used(const struct dirs *d, const struct oci_index *ix, const char *const *digests,
	size_t count, bool *ret, struct err *err);
