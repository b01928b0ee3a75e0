/* `docker save`: images as one tar, in which `docker load` of any version finds manifest.json and every
 * other tool an OCI layout; both name the same blobs, which are those of the store, byte for byte.
 *
 * Everything is opened before the answer begins: from then on nothing can be missing, whoever removes
 * the images meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/doc.h"
#include "oci/event.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "worker/documents.h"
#include "worker/jobs.h"
#include "worker/tar.h"
#include "json/text.h"

#define TYPE_TAR    "application/x-tar"
#define LAYOUT_TEXT "{\"imageLayoutVersion\": \"1.0.0\"}"
#define BLOBS       "blobs/sha256/"
#define NAME_NOTE   "io.containerd.image.name" /* the full one; OCI's own has the tag alone */

struct saved {
	char digest[DIGEST_SIZE]; /* of the manifest */
	struct manifest manifest;
	char *media_type;
	int64_t size;
	char **names; /* full references */
};

struct saved_blob {
	char digest[DIGEST_SIZE];
	int fd;
	int64_t size;
};

struct save {
	struct work *work;
	struct saved *images;
	size_t n_images;
	struct saved_blob *blobs;
	size_t n_blobs;
	struct tar tar;
};

static void save_clear(struct save *s)
{
	for (size_t i = 0; i < s->n_images; i++) {
		manifest_clear(&s->images[i].manifest);
		free(s->images[i].media_type);
		strv_free(s->images[i].names);
	}
	for (size_t i = 0; i < s->n_blobs; i++)
		(void)fd_close(s->blobs[i].fd);
	free(s->images);
	free(s->blobs);
	tar_clear(&s->tar);
}

/* ---- what goes in */

static int add_blob(struct save *s, const char *digest, struct err *err)
{
	struct saved_blob *b;
	int fd;

	for (size_t i = 0; i < s->n_blobs; i++)
		if (str_eq(s->blobs[i].digest, digest))
			return 0;
	fd = oci_blob_open(&s->work->dirs, digest);
	if (fd < 0)
		return err_sys(err, fd, "open blob %s", digest);
	s->blobs = xreallocarray(s->blobs, s->n_blobs + 1, sizeof(*s->blobs));
	b = &s->blobs[s->n_blobs++];
	(void)snprintf(b->digest, sizeof(b->digest), "%s", digest);
	b->fd = fd;
	b->size = lseek(fd, 0, SEEK_END);
	return b->size < 0 || lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, errno, "read blob") : 0;
}

static int add_blobs(struct save *s, const struct saved *image, struct err *err)
{
	int r = add_blob(s, image->manifest.config, err);

	for (char **l = image->manifest.layers; r == 0 && l && *l; l++)
		r = add_blob(s, *l, err);
	return r == 0 ? add_blob(s, image->digest, err) : r;
}

static int read_manifest(struct save *s, struct saved *image, struct err *err)
{
	auto_fd int fd = oci_blob_open(&s->work->dirs, image->digest);
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	size_t len;
	int r = fd < 0 ? fd : fd_read_text(fd, DOC_MAX, &text, &len);

	if (r < 0)
		return err_sys(err, r, "read blob %s", image->digest);
	image->size = (int64_t)len;
	r = manifest_read(text, len, &image->manifest, err);
	if (r == 0)
		r = doc_parse(text, len, json_type_object, &doc, err);
	if (r < 0)
		return err_prefix(err, "blob %s", image->digest);
	image->media_type = xstrdup(json_get_str(doc, "mediaType", OCI_MANIFEST));
	return 0;
}

/* "image=MANIFEST", then "name=REFERENCE" for each name it is saved under. */
static int read_words(struct save *s, struct err *err)
{
	for (const char *const *w = s->work->words; *w; w++) {
		struct saved *image;

		if (str_starts(*w, "name=") && s->n_images) {
			strv_add(&s->images[s->n_images - 1].names, *w + strlen("name="));
			continue;
		}
		if (!str_starts(*w, "image=") || !digest_valid(*w + strlen("image=")))
			return err_set(err, ERR_INVALID, EINVAL, "unknown word: %.100s", *w);
		s->images = xreallocarray(s->images, s->n_images + 1, sizeof(*s->images));
		image = &s->images[s->n_images++];
		*image = (struct saved){ 0 };
		(void)snprintf(image->digest, sizeof(image->digest), "%s", *w + strlen("image="));
	}
	return s->n_images ? 0 : err_set(err, ERR_INVALID, EINVAL, "no image was named");
}

static int open_all(struct save *s, struct err *err)
{
	int r = read_words(s, err);

	for (size_t i = 0; r == 0 && i < s->n_images; i++) {
		r = read_manifest(s, &s->images[i], err);
		if (r == 0)
			r = add_blobs(s, &s->images[i], err);
	}
	return r;
}

/* ---- the two tables of contents */

static void print_path(struct jsonw *w, const char *key, const char *digest)
{
	auto_free char *path = xasprintf(BLOBS "%s", digest_hex(digest));

	jw_str(w, key, path);
}

static void print_docker_image(struct jsonw *w, const struct saved *image)
{
	jw_object(w, NULL);
	print_path(w, "Config", image->manifest.config);
	if (image->names)
		jw_array(w, "RepoTags");
	else
		jw_null(w, "RepoTags");
	for (char **n = image->names; n && *n; n++) {
		auto_ref struct image_ref ref = { 0 };
		auto_free char *shown = NULL;

		if (image_ref_parse(*n, &ref, NULL) == 0)
			shown = image_ref_familiar(&ref);
		jw_str(w, NULL, shown ? shown : *n);
	}
	if (image->names)
		jw_array_end(w);
	jw_array(w, "Layers");
	for (char **l = image->manifest.layers; l && *l; l++)
		print_path(w, NULL, *l);
	jw_array_end(w);
	jw_object_end(w);
}

static void print_docker(const struct save *s, struct buf *out)
{
	struct jsonw w = JSONW(out);

	jw_array(&w, NULL);
	for (size_t i = 0; i < s->n_images; i++)
		print_docker_image(&w, &s->images[i]);
	jw_array_end(&w);
}

static void print_descriptor(struct jsonw *w, const struct saved *image, const char *name)
{
	auto_ref struct image_ref ref = { 0 };

	jw_object(w, NULL);
	jw_str(w, "mediaType", image->media_type);
	jw_str(w, "digest", image->digest);
	jw_int(w, "size", image->size);
	if (name && image_ref_parse(name, &ref, NULL) == 0 && ref.tag) {
		jw_object(w, "annotations");
		jw_str(w, NAME_NOTE, name);
		jw_str(w, OCI_REF_NAME, ref.tag);
		jw_object_end(w);
	}
	jw_object_end(w);
}

static void print_index(const struct save *s, struct buf *out)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_int(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_INDEX);
	jw_array(&w, "manifests");
	for (size_t i = 0; i < s->n_images; i++) {
		const struct saved *image = &s->images[i];

		if (!image->names)
			print_descriptor(&w, image, NULL);
		for (char **n = image->names; n && *n; n++)
			print_descriptor(&w, image, *n);
	}
	jw_array_end(&w);
	jw_object_end(&w);
}

/* ---- the tar */

static int send(void *arg, const void *data, size_t len, struct err *err)
{
	return answer_data(arg, TYPE_TAR, data, len, err);
}

static int put_folder(struct save *s, const char *path, struct err *err)
{
	return tar_head(&s->tar, &(struct tar_entry){ .path = path, .type = TAR_DIR, .mode = 0755 },
		NULL, err);
}

static int put_file_head(struct save *s, const char *path, int64_t size, struct err *err)
{
	return tar_head(&s->tar,
		&(struct tar_entry){ .path = path, .type = TAR_FILE, .mode = 0644, .size = size },
		NULL, err);
}

static int put_text(struct save *s, const char *path, const char *text, size_t len, struct err *err)
{
	int r = put_file_head(s, path, (int64_t)len, err);

	return r < 0 ? r : tar_bytes(&s->tar, text, len, err);
}

static int put_blob(struct save *s, const struct saved_blob *b, struct err *err)
{
	auto_free char *path = xasprintf(BLOBS "%s", digest_hex(b->digest));
	int r = put_file_head(s, path, b->size, err);

	return r < 0 ? r : tar_file(&s->tar, b->fd, b->size, err);
}

static int send_all(struct save *s, struct err *err)
{
	auto_buf struct buf index = { 0 }, docker = { 0 };
	int r;

	print_index(s, &index);
	print_docker(s, &docker);
	tar_init(&s->tar, send, &s->work->answer);
	r = put_folder(s, "blobs/", err);
	if (r == 0)
		r = put_folder(s, BLOBS, err);
	for (size_t i = 0; r == 0 && i < s->n_blobs; i++)
		r = put_blob(s, &s->blobs[i], err);
	if (r == 0)
		r = put_text(s, "index.json", index.data, index.len, err);
	if (r == 0)
		r = put_text(s, "manifest.json", docker.data, docker.len, err);
	if (r == 0)
		r = put_text(s, "oci-layout", LAYOUT_TEXT, strlen(LAYOUT_TEXT), err);
	return r == 0 ? tar_end(&s->tar, err) : r;
}

static void tell(const struct save *s)
{
	for (size_t i = 0; i < s->n_images; i++) {
		const char *id = s->images[i].manifest.config;

		image_event(&s->work->dirs, "save", id, id);
	}
}

int job_save(struct work *w, struct err *err)
{
	__attribute__((cleanup(save_clear))) struct save s = { .work = w };
	struct answer *a = &w->answer;
	int r = open_all(&s, err);

	if (answer_wait(a, NULL) < 0)
		return r;
	if (r < 0) {
		answer_error(a, err);
		return r;
	}
	tell(&s);
	r = send_all(&s, err);
	if (r < 0)
		answer_cut(a);
	else
		answer_end(a);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r; /* a client may go away */
}
