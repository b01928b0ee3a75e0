/* oci/layer.h - unpacked layers: data/layers/HEX, HEX being the digits of the layer's diff-id.
 *
 *   diff/      the tree that overlayfs sees
 *   size       bytes of the files in it, as decimal text
 *   unsynced   the boot id of the kernel that wrote the tree, until its pages are known to be on disk
 *   pushed     what the layer came to when it was compressed for a registry: "DIGEST SIZE"
 *
 * A folder of that name is complete as far as any program can see: it was unpacked under another name
 * and then renamed. After a power cut that is not enough, hence the third file: a layer that carries
 * another boot's id may have lost file contents and is unpacked again from its blob. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "state/dirs.h"

#define LAYER_UNSYNCED    "unsynced"
#define LAYER_DIGEST_SIZE (sizeof("sha256:") + ID_LEN)

enum layer_state {
	LAYER_MISSING,
	LAYER_READY,
	LAYER_SUSPECT, /* written shortly before the machine went down */
};

enum layer_state layer_state(const struct dirs *d, const char *diff_id);
/* Whether its pages, and those of a blob with this digest, may still be on their way to the disk. */
bool layer_unsynced(const struct dirs *d, const char *diff_id);
/* Bytes of its files; 0 if unknown. */
int64_t layer_size(const struct dirs *d, const char *diff_id);
/* What is in pushed; false if nothing is. Writing is best effort: without it the layer is compressed once
 * more, to the same bytes. */
bool layer_pushed(const struct dirs *d, const char *diff_id,
	char ret_digest[static LAYER_DIGEST_SIZE], int64_t *ret_size);
void layer_set_pushed(const struct dirs *d, const char *diff_id, const char *digest, int64_t size);
/* Absolute path of the tree. Owned. */
char *layer_path(const struct dirs *d, const char *diff_id);
