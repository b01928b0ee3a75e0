/* core/image_store.h - what the image_*.c files share: images seen through index.json. */
#pragma once

#include "core/images.h"
#include "oci/layout.h"

/* The id of the image that text (reference, id or unique prefix) stands for, "" if none. ERR_INVALID if
 * it can be neither. by_id (may be NULL): text was an id or a prefix of one, not a name. */
int image_resolve(const struct oci_index *ix, const char *text, const char **ret, bool *by_id,
	struct err *err);
/* ERR_NOT_FOUND, with the reference completed as Docker shows it. */
int image_missing(const char *text, struct err *err);

/* The image with this id, its names taken from ix. */
int image_load(struct core *c, const struct oci_index *ix, const char *id, struct image **ret,
	struct err *err);
/* Every image id once, in the index's order. */
char **image_ids(const struct oci_index *ix);

/* No name of any kind leads to it. */
static inline bool image_dangling(const struct image *i)
{
	return !i->repo_tags && !i->repo_digests;
}
/* The id of the image it was committed on; "" if there is none, or no more. */
const char *image_parent(const struct oci_index *ix, const struct image *i);
int64_t image_size(struct core *c, const struct image *i);
/* When it was made, ns since 1970; 0 if the configuration does not say. */
int64_t image_created(const struct image *i);
/* The value of a label, or NULL. A filters_match_labels() callback: arg is the struct image. */
const char *image_label(void *arg, const char *label);
/* The keys label, label! and until (filters_time(): 0 if not given) of list and prune. */
bool image_matches(const struct image *i, const struct filters *f, int64_t until);
