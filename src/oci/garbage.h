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

/* data/oci/unsettled: stands while blobs and layers get their places before index.json refers to them, or
 * lose them after it did. Both happen under dirs_lock(), so whoever has the lock and finds the file knows
 * that somebody died in between: the next commit, removal, sweep or fsck collects what that has left. It also
 * stands as long as a container or a build alone keeps something: their end is no reason to look again.
 * The first is for whoever begins such a change, and says whether the file was there (1), or -errno; the
 * second for who has ended it. The callers hold dirs_lock(). */
int oci_unsettle(const struct dirs *d);
void oci_settle(const struct dirs *d);
bool oci_is_unsettled(const struct dirs *d);

/* Moves to trash/ every blob that no entry of ix needs, and every layer that neither an image nor a
 * container (config.json, member "Layers") nor a build (above) needs; blobs with a lease (oci/lease.h) stay.
 * Does nothing if one of them cannot be read: what is needed is unknown then. Half-made things (.tmp-…)
 * belong to whoever makes them. The store is settled then, if nothing is left for later. The caller holds
 * dirs_lock() and has written ix. Returns the number of things moved. */
int oci_collect_garbage(const struct dirs *d, const struct oci_index *ix, struct err *err);

/* Which of these layers an image or a container has: ret[i] tells it of digests[i]. */
int oci_layers_used(const struct dirs *d, const struct oci_index *ix, const char *const *digests,
	size_t count, bool *ret, struct err *err);
/* The same if there is a reason to: the store is unsettled, or the time of a lease is over. */
int oci_collect_leftovers(const struct dirs *d, struct err *err);
