/* oci/layer.h - unpacked layers: data/layers/HEX, HEX being the digits of the layer's diff-id.
 *
 *   diff/      the tree that overlayfs sees
 *   size       bytes of the files in it, as decimal text
 *   unsynced   the boot id of the kernel that wrote the tree, until its pages are known to be on disk
 *
 * A folder of that name is complete as far as any program can see: it was unpacked under another name
 * and then renamed. After a power cut that is not enough, hence the third file: a layer that carries
 * another boot's id may have lost file contents and is unpacked again from its blob. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "state/dirs.h"

#define LAYER_UNSYNCED "unsynced"

enum layer_state {
	LAYER_MISSING,
	LAYER_READY,
	LAYER_SUSPECT, /* written shortly before the machine went down */
};

enum layer_state layer_state(const struct dirs *d, const char *diff_id);
/* Bytes of its files; 0 if unknown. */
int64_t layer_size(const struct dirs *d, const char *diff_id);
/* Absolute path of the tree. Owned. */
char *layer_path(const struct dirs *d, const char *diff_id);
