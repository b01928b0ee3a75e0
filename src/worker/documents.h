/* worker/documents.h - what the documents in an archive of images say, as structs: bytes in, no store
 * and no effects. All of it is hostile: counts are limited here, sizes and depths in oci/doc.h, and
 * names are whole references already.
 *
 * Digests of an index are kept as they are written: of its entries only those that are used must be
 * of a kind we know. Everywhere else a digest is valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "worker/hash.h"
#include "worker/platform.h"

#define IMAGES_MAX 1000 /* in one archive */
#define NAMES_MAX  2000 /* likewise: the store's index has a limit, and is locked while they go in */
/* Of one image: as many as runtime/rootfs.c can always stack. */
#define LAYERS_MAX 127

/* ---- docker-archive: manifest.json */

struct docker_image {
	char *config;  /* name of its file in the archive */
	char **layers; /* of theirs, lowest first */
	char **names;  /* full references */
};
struct docker_images {
	struct docker_image *items;
	size_t count;
};
int docker_images_read(const char *text, size_t len, struct docker_images *ret, struct err *err);
void docker_images_clear(struct docker_images *d);
#define auto_docker_images __attribute__((cleanup(docker_images_clear)))

/* ---- OCI: index.json and the indexes it names */

struct index_entry {
	char *digest;     /* as written, see index_entry_digest() */
	char *media_type; /* NULL: none, or none that could be meant */
	char *name;       /* full reference, or NULL */
	int64_t size;     /* 0: not said */
	bool nested;      /* it names an index */
	bool note;        /* something about another entry's image: an attestation */
	struct platform platform;
};
struct image_index {
	struct index_entry *items;
	size_t count;
};
/* At least one entry. */
int image_index_read(const char *text, size_t len, struct image_index *ret, struct err *err);
void image_index_clear(struct image_index *ix);
#define auto_image_index __attribute__((cleanup(image_index_clear)))

/* Copies the entry's digest if it is valid. */
int index_entry_digest(const struct index_entry *e, char ret[DIGEST_SIZE], struct err *err);
/* The entry that suits the platform best; NULL: none. */
const struct index_entry *image_index_match(
	const struct image_index *ix, const struct platform *want);
/* The same for this machine, but a lone one is taken whatever it is for. */
const struct index_entry *image_index_choose(const struct image_index *ix);

/* ---- OCI: an image's manifest */

struct manifest_part {
	int64_t size;     /* < 0: not said */
	char *media_type; /* NULL: not said */
};
struct manifest {
	char config[DIGEST_SIZE];
	struct manifest_part config_part;
	char **layers;               /* digests, lowest first */
	struct manifest_part *parts; /* of the layers */
};
int manifest_read(const char *text, size_t len, struct manifest *ret, struct err *err);
void manifest_clear(struct manifest *m);
#define auto_manifest __attribute__((cleanup(manifest_clear)))

/* ---- both: an image's configuration, of which only the layers' diff-ids matter here */

/* There must be n of them, one per layer of the manifest. Owned; NULL without layers. */
int diff_ids_read(const char *text, size_t len, size_t n, char ***ret, struct err *err);
