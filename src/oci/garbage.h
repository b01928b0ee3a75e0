/* oci/garbage.h - blobs and layers that nobody needs any more. */
#pragma once

#include "base/err.h"
#include "oci/layout.h"

/* Moves to trash/ every blob that no entry of ix needs, and every layer that neither an image nor a
 * container (config.json, member "Layers") needs. Does nothing if one of them cannot be read: what is
 * needed is unknown then. Half-made things (.tmp-…) belong to whoever makes them. The caller holds
 * dirs_lock() and has written ix. Returns the number of things moved. */
int oci_collect_garbage(const struct dirs *d, const struct oci_index *ix, struct err *err);
