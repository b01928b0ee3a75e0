/* build/hold.h - what a build needs of the store while it goes on: images it starts from, layers it has
 * made or found. data/build/.tmp-ID/needs has their digests, one a line, and the collection of garbage
 * leaves them alone (oci/garbage.h). Each is written under dirs_lock() together with the look at the
 * thing itself, so that it cannot vanish in between. */
#pragma once

#include "build/build.h"
#include "core/images.h"

/* The image called ref, of that platform ("": any). ERR_NOT_FOUND in Docker's words for a pull. */
int hold_image(struct build *b, const char *ref, const char *platform, struct image **ret,
	struct err *err);
/* The step called key, with its layer. */
bool hold_cached(struct build *b, const char *key, struct cached *ret);
/* A layer of the build's stage goes into the store. */
int hold_layer(struct build *b, struct stage_blob *blob, struct err *err);
