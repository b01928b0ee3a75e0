/* worker/resolve.h - from a tag to the manifest and the configuration of one image, all of it verified. */
#pragma once

#include "worker/documents.h"
#include "worker/pull.h"

struct resolved {
	char top[DIGEST_SIZE];    /* what the tag names: an index, or the manifest */
	char digest[DIGEST_SIZE]; /* of the manifest */
	struct buf text;          /* the manifest, byte for byte */
	char *media_type;
	struct manifest manifest;
	struct buf config; /* likewise; empty if the store has it */
	char **diff_ids;   /* one per layer */
};
/* Only what this engine can run passes: no schema 1, no foreign layers, no artifacts that are no images. */
int image_resolve_remote(const struct pull *p, struct registry *r, const struct image_ref *ref,
	struct resolved *ret, struct err *err);
void resolved_clear(struct resolved *r);
#define auto_resolved __attribute__((cleanup(resolved_clear)))
