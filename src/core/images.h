/* core/images.h - images in the OCI layout data/oci, and their unpacked layers in data/layers.
 *
 * An image is its config: the image id is the digest of the config blob, as in Docker's classic
 * store. index.json names manifests; each entry's annotation org.opencontainers.image.ref.name holds
 * the full reference (docker.io/library/busybox:latest); an entry without it is a dangling image.
 * Layers are unpacked once per diff-id: layers/HEX/diff. Readers take no lock (index.json is replaced
 * as a whole); whoever changes the index holds dirs_lock(). */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"
#include "oci/reference.h"

struct image {
	char *id;              /* "sha256:HEX" of the config blob */
	char *manifest_digest; /* "sha256:HEX" */
	char *os, *architecture, *variant;
	char **repo_tags;      /* as people type them: busybox:latest */
	char **repo_digests;   /* name@sha256:… */
	char **diff_ids;       /* bottom first, "sha256:HEX" */
	json_object *document; /* the config blob, parsed */
	json_object *config;   /* its "config" member (borrowed from document), or NULL */
};

void image_free(struct image *i);
static inline void image_free_ptr(struct image **i)
{
	image_free(*i);
}
#define auto_image __attribute__((cleanup(image_free_ptr)))

/* By reference (name[:tag], name@digest; references are parsed in oci/reference.h), id or unique id
 * prefix. ERR_NOT_FOUND "No such image: x:tag". */
int image_find(struct core *c, const char *ref, struct image **ret, struct err *err);
/* The id a reference stands for, "" if none; cheap (index only, read once per table). */
struct image_names;
int image_names_open(struct core *c, struct image_names **ret, struct err *err);
const char *image_names_lookup(const struct image_names *n, const char *ref);
void image_names_free(struct image_names *n);

/* Absolute path of a layer's diff folder for overlayfs; ERR_SYSTEM if it is missing. After a power cut
 * a layer may have to be unpacked again: then that is begun and ERR_UNAVAILABLE says so. */
int image_layer_path(struct core *c, const char *diff_id, char **ret, struct err *err);
size_t image_count(struct core *c);

/* Replies, as JSON text appended to out. */
struct image_list_how {
	bool usage; /* with SharedSize and Containers, which cost a look at all containers */
	unsigned api_minor;
};
int image_list(struct core *c, const struct filters *f, const struct image_list_how *how,
	struct buf *out, struct err *err);
/* Bytes of all images' layers, each counted once. */
int image_layers_size(struct core *c, int64_t *ret, struct err *err);
int image_inspect(struct core *c, const char *ref, struct buf *out, struct err *err);
int image_history(struct core *c, const char *ref, struct buf *out, struct err *err);
int image_tag(struct core *c, const char *ref, const char *repo, const char *tag, struct err *err);
/* prune is taken for the API's sake: images have no untagged parents here. */
int image_remove(
	struct core *c, const char *ref, bool force, bool prune, struct buf *out, struct err *err);
/* Removes dangling images that no container uses (with dangling=false: tagged ones too). */
int image_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err);
/* platform: JSON of one. ERR_NOT_FOUND if the image is there, but made for another; NULL or "" is any. */
int image_check_platform(
	struct core *c, const struct image_ref *ref, const char *platform, struct err *err);
/* The images that names (as typed, NULL-ended) mean, as words for `dayfly-worker save`, added to ret. A
 * repository alone means all its tags. platform: JSON of one, or NULL for whatever is here. */
int image_save_words(
	struct core *c, char *const *names, const char *platform, char ***ret, struct err *err);
