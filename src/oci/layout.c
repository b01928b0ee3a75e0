#include "oci/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "oci/doc.h"
#include "oci/reference.h"
#include "json/text.h"

#define NOTE_CONFIG "dayfly.config"
#define NOTE_TAGGED "dayfly.tagged"
#define NOTE_DOCKER "dayfly.manifest"
#define LAYOUT      "{\"imageLayoutVersion\":\"1.0.0\"}"

static void entry_clear(struct oci_entry *e)
{
	json_object_put(e->descriptor);
	*e = (struct oci_entry){ 0 };
}

void oci_index_clear(struct oci_index *ix)
{
	for (size_t i = 0; i < ix->count; i++)
		entry_clear(&ix->entries[i]);
	free(take_ptr(&ix->entries));
	ix->count = 0;
}

/* Points the entry's fields into its descriptor. */
static void entry_refresh(struct oci_entry *e)
{
	json_object *notes = doc_object(e->descriptor, "annotations");
	const char *tagged = doc_str(notes, NOTE_TAGGED);
	const char *config = doc_str(notes, NOTE_CONFIG);
	const char *docker = doc_str(notes, NOTE_DOCKER);

	e->manifest = doc_str(e->descriptor, "digest");
	e->twin = NULL;
	if (docker && digest_valid(docker)) {
		e->twin = e->manifest;
		e->manifest = docker;
	}
	e->name = doc_str(notes, OCI_REF_NAME);
	e->tagged = 0;
	if (tagged)
		(void)time_parse(tagged, &e->tagged);
	if (config && digest_valid(config))
		(void)snprintf(e->config, sizeof(e->config), "%s", config);
}

/* Entries of other tools: the manifest knows the configuration. */
static void entry_read_config(const struct dirs *d, struct oci_entry *e)
{
	auto_json json_object *manifest = NULL;
	const char *digest;

	if (e->config[0] || oci_blob_doc(d, e->manifest, &manifest, NULL) < 0)
		return;
	digest = doc_str(doc_object(manifest, "config"), "digest");
	if (digest && digest_valid(digest))
		(void)snprintf(e->config, sizeof(e->config), "%s", digest);
}

static bool is_index(json_object *descriptor)
{
	const char *type = doc_str(descriptor, "mediaType");

	return type && (str_eq(type, OCI_INDEX) || str_eq(type, DOCKER_LIST));
}

static struct oci_entry *append(struct oci_index *ix, json_object *take_descriptor)
{
	struct oci_entry *e;

	ix->entries = xreallocarray(ix->entries, ix->count + 1, sizeof(*ix->entries));
	e = &ix->entries[ix->count++];
	*e = (struct oci_entry){ .descriptor = take_descriptor };
	entry_refresh(e);
	return e;
}

int oci_index_read(const struct dirs *d, struct oci_index *ret, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	json_object *list;
	size_t len;
	int r;

	r = file_read_at(d->data, "oci/index.json", DOC_MAX, &text, &len);
	if (r == -ENOENT) {
		*ret = (struct oci_index){ 0 };
		return 0;
	}
	if (r < 0)
		return err_sys(err, r, "read oci/index.json");
	r = doc_parse(text, len, json_type_object, &doc, err);
	if (r < 0) {
		if (err)
			err->kind = ERR_SYSTEM; /* our file, not the request */
		return err_prefix(err, "read oci/index.json");
	}
	list = doc_array(doc, "manifests");
	for (size_t i = 0; i < doc_len(list); i++) {
		json_object *descriptor = doc_object_at(list, i);
		const char *digest = doc_str(descriptor, "digest");

		if (digest && digest_valid(digest) && !is_index(descriptor))
			entry_read_config(d, append(&ix, json_object_get(descriptor)));
	}
	*ret = ix;
	ix = (struct oci_index){ 0 };
	return 0;
}

/* blobs/sha256, durably, and then the file that says what this folder is. */
static int layout_make(const struct dirs *d)
{
	auto_fd int oci = FD_NONE, blobs = FD_NONE;
	int r;

	if (faccessat(d->data, "oci/oci-layout", F_OK, 0) == 0)
		return 0;
	r = dir_make_at(d->data, "oci/blobs/sha256", 0700);
	if (r < 0)
		return r;
	oci = openat(d->data, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	blobs = openat(d->data, "oci/blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (oci < 0 || blobs < 0 || fsync(d->data) < 0 || fsync(blobs) < 0)
		return -errno;
	return file_replace_at(oci, "oci-layout", LAYOUT, strlen(LAYOUT), 0600, FILE_DURABLE);
}

/* Whoever reads it has limits, and without index.json there are no images at all. */
static int check_readable(const struct buf *out, struct err *err)
{
	auto_json json_object *doc = NULL;

	if (doc_parse(out->data, out->len, json_type_object, &doc, NULL) == 0)
		return 0;
	return err_set(err, ERR_INVALID, E2BIG, "too many images, or too many names of images");
}

int oci_index_write(const struct dirs *d, const struct oci_index *ix, struct err *err)
{
	auto_buf struct buf out = { 0 };
	auto_fd int oci = FD_NONE;
	struct jsonw w = JSONW(&out);
	int r = layout_make(d);

	if (r < 0)
		return err_sys(err, r, "make the image layout");
	jw_object(&w, NULL);
	jw_int(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_INDEX);
	jw_array(&w, "manifests");
	for (size_t i = 0; i < ix->count; i++)
		json_write(&w, NULL, ix->entries[i].descriptor);
	jw_array_end(&w);
	jw_object_end(&w);
	r = check_readable(&out, err);
	if (r < 0)
		return r;
	oci = openat(d->data, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (oci < 0)
		return err_sys(err, errno, "open oci");
	r = file_replace_at(oci, "index.json", out.data, out.len, 0600, FILE_DURABLE);
	return r < 0 ? err_sys(err, r, "write oci/index.json") : 0;
}

ssize_t oci_index_find(const struct oci_index *ix, const char *name)
{
	for (size_t i = 0; i < ix->count; i++)
		if (ix->entries[i].name && str_eq(ix->entries[i].name, name))
			return (ssize_t)i;
	return -1;
}

void oci_index_drop(struct oci_index *ix, size_t i)
{
	entry_clear(&ix->entries[i]);
	memmove(&ix->entries[i], &ix->entries[i + 1], (ix->count - i - 1) * sizeof(*ix->entries));
	ix->count--;
}

/* Whether the image has an entry besides this one. */
static bool has_other(const struct oci_index *ix, const struct oci_entry *e)
{
	for (size_t i = 0; i < ix->count; i++)
		if (&ix->entries[i] != e && str_eq(ix->entries[i].config, e->config))
			return true;
	return false;
}

static bool has_manifest(const struct oci_index *ix, const char *manifest)
{
	for (size_t i = 0; i < ix->count; i++)
		if (str_eq(ix->entries[i].manifest, manifest))
			return true;
	return false;
}

void oci_index_untag(struct oci_index *ix, size_t i)
{
	struct oci_entry *e = &ix->entries[i];
	json_object *notes = doc_object(e->descriptor, "annotations");

	if (has_other(ix, e)) {
		oci_index_drop(ix, i);
		return;
	}
	if (notes) {
		json_object_object_del(notes, OCI_REF_NAME);
		json_object_object_del(notes, NOTE_TAGGED);
	}
	entry_refresh(e);
}

static json_object *descriptor_new(const struct oci_new_entry *n)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	json_object *ret = NULL;

	jw_object(&w, NULL);
	jw_str(&w, "mediaType", n->media_type ? n->media_type : OCI_MANIFEST);
	jw_str(&w, "digest", n->twin ? n->twin : n->manifest);
	jw_int(&w, "size", n->size);
	jw_object(&w, "annotations");
	if (n->name) {
		jw_str(&w, OCI_REF_NAME, n->name);
		jw_time(&w, NOTE_TAGGED, time_now());
	}
	jw_str(&w, NOTE_CONFIG, n->config);
	if (n->twin)
		jw_str(&w, NOTE_DOCKER, n->manifest);
	jw_object_end(&w);
	jw_object_end(&w);
	(void)doc_parse(out.data, out.len, json_type_object, &ret, NULL);
	return ret;
}

/* A nameless entry of this manifest, or -1. */
static ssize_t find_nameless(const struct oci_index *ix, const char *manifest)
{
	for (size_t i = 0; i < ix->count; i++)
		if (!ix->entries[i].name && str_eq(ix->entries[i].manifest, manifest))
			return (ssize_t)i;
	return -1;
}

/* What n says may be that of an entry which goes on the way. */
void oci_index_add(struct oci_index *ix, const struct oci_new_entry *n)
{
	auto_free char *manifest = xstrdup(n->manifest);
	json_object *descriptor;
	ssize_t old;

	if (!n->name && has_manifest(ix, manifest))
		return;
	descriptor = descriptor_new(n);
	old = n->name ? oci_index_find(ix, n->name) : -1;
	if (old >= 0 && str_eq(ix->entries[old].manifest, manifest))
		oci_index_drop(ix, (size_t)old);
	else if (old >= 0)
		oci_index_untag(ix, (size_t)old);
	old = find_nameless(ix, manifest);
	if (old >= 0)
		oci_index_drop(ix, (size_t)old);
	if (descriptor)
		append(ix, descriptor);
}

struct oci_new_entry oci_entry_renamed(const struct oci_entry *e, const char *name)
{
	return (struct oci_new_entry){ .manifest = e->manifest,
		.twin = e->twin,
		.media_type = doc_str(e->descriptor, "mediaType"),
		.config = e->config,
		.name = name,
		.size = doc_int(e->descriptor, "size") };
}

void oci_index_add_name(struct oci_index *ix, const char *config, const char *name)
{
	for (size_t i = 0; i < ix->count; i++)
		if (str_eq(ix->entries[i].config, config)) {
			const struct oci_new_entry n = oci_entry_renamed(&ix->entries[i], name);

			oci_index_add(ix, &n);
			return;
		}
}

int oci_blobs_open(const struct dirs *d)
{
	return dir_open_make_at(d->data, "oci/blobs/sha256", 0700);
}

int oci_blob_open(const struct dirs *d, const char *digest)
{
	char path[24 + ID_SIZE];
	int fd;

	(void)snprintf(path, sizeof(path), "oci/blobs/sha256/%.64s", digest_hex(digest));
	fd = openat(d->data, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int oci_blob_doc(const struct dirs *d, const char *digest, json_object **ret, struct err *err)
{
	auto_fd int fd = oci_blob_open(d, digest);
	auto_free char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_sys(err, fd, "open blob %s", digest);
	r = fd_read_text(fd, DOC_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read blob %s", digest);
	r = doc_parse(text, len, json_type_object, ret, err);
	if (r < 0) {
		if (err)
			err->kind = ERR_SYSTEM;
		return err_prefix(err, "blob %s", digest);
	}
	return 0;
}
