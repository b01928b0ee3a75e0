/* oci/layout.h - the OCI image layout data/oci: index.json and blobs/sha256/HEX, readable by any OCI
 * tool (`skopeo inspect oci:…/oci:docker.io/library/busybox:latest`).
 *
 * Each entry of index.json is the descriptor of one manifest. Its annotation
 * org.opencontainers.image.ref.name is the full reference; one manifest has an entry per name, or a
 * single one without name (a dangling image). Two annotations of our own save reading the manifest:
 * dayfly.config (digest of the configuration: the image id) and dayfly.tagged (when the name was
 * given). Docker's manifests stay as they came, byte for byte; as other readers of an OCI layout know
 * OCI's only, the entry then describes a twin of the manifest in that format, and dayfly.manifest has the
 * digest of Docker's (docs/decisions/020-docker-manifests.md). Entries written by other tools lack them and are read all the same; members we do not know
 * are kept.
 *
 * Readers take no lock: index.json is replaced as a whole. Whoever changes it holds dirs_lock(). */
#pragma once

#include <json-c/json_object.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "state/dirs.h"

#define OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

#define OCI_REF_NAME "org.opencontainers.image.ref.name"

struct oci_entry {
	json_object *descriptor; /* owned; the strings below are its */
	const char *manifest;    /* digest: as the image came */
	const char *twin;        /* of the same as an OCI manifest; NULL: it is one */
	const char *name;        /* full reference, or NULL */
	int64_t tagged;          /* ns, 0: unknown */
	char config[sizeof("sha256:") + ID_LEN]; /* image id; "" if the manifest cannot be read */
};

struct oci_index {
	struct oci_entry *entries;
	size_t count;
};

/* A missing index.json is an empty index. Entries that are no image manifests are left out. */
int oci_index_read(const struct dirs *d, struct oci_index *ret, struct err *err);
void oci_index_clear(struct oci_index *ix);
#define auto_index __attribute__((cleanup(oci_index_clear)))

/* Makes the layout if it is missing and replaces index.json, durably. The caller holds dirs_lock(). */
int oci_index_write(const struct dirs *d, const struct oci_index *ix, struct err *err);

/* What a new entry says. media_type (NULL: OCI_MANIFEST) and size are those of the twin if there is one. */
struct oci_new_entry {
	const char *manifest, *twin, *media_type, *config, *name; /* twin, name: may be NULL */
	int64_t size;
};
/* The same as another entry says, with another name; borrowed from it. */
struct oci_new_entry oci_entry_renamed(const struct oci_entry *e, const char *name);
/* Gives name to the manifest: the entry that had the name loses it (and stays, dangling, if it was the
 * image's last), a dangling entry of this manifest is used up. A nameless addition changes nothing if
 * the manifest has an entry. */
void oci_index_add(struct oci_index *ix, const struct oci_new_entry *n);
/* Gives a further name to the image with this id, as oci_index_add() does. */
void oci_index_add_name(struct oci_index *ix, const char *config, const char *name);
/* Takes the entry's name away: the entry stays, nameless, if it was the image's last. */
void oci_index_untag(struct oci_index *ix, size_t i);
void oci_index_drop(struct oci_index *ix, size_t i);
/* The entry of a full reference, or -1. */
ssize_t oci_index_find(const struct oci_index *ix, const char *name);

/* ---- blobs. Digests must be valid (oci/reference.h). */
/* blobs/sha256 as a descriptor, made if missing; or -errno. */
int oci_blobs_open(const struct dirs *d);
/* A blob for reading, or -errno. */
int oci_blob_open(const struct dirs *d, const char *digest);
/* A JSON blob (an object), parsed. ERR_SYSTEM if it is missing or damaged: the store refers to it. */
int oci_blob_doc(const struct dirs *d, const char *digest, json_object **ret, struct err *err);
