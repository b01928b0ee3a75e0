#include "worker/documents.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "worker/platform.h"
#include "json/text.h"

#define CONTAINERD_NAME "io.containerd.image.name"
/* on an entry that is no image: which image it is about */
#define ATTESTATION    "vnd.docker.reference.digest"
#define MEDIA_TYPE_MAX 255 /* RFC 6838: two times 127 and a slash */

static int check_layer_count(size_t n, struct err *err)
{
	return n <= LAYERS_MAX
		? 0
		: err_set(err, ERR_INVALID, E2BIG, "image has more than %d layers", LAYERS_MAX);
}

static int check_image_count(size_t n, struct err *err)
{
	return n <= IMAGES_MAX
		? 0
		: err_set(err, ERR_INVALID, E2BIG, "archive has more than %d images", IMAGES_MAX);
}

/* ---- docker-archive */

/* left: how many names this image and the following may have. */
static int read_names(json_object *tags, size_t *left, char ***ret, struct err *err)
{
	if (doc_len(tags) > *left)
		return err_set(err, ERR_INVALID, E2BIG, "images have more than %d names together",
			NAMES_MAX);
	*left -= doc_len(tags);
	for (size_t i = 0; i < doc_len(tags); i++) {
		auto_ref struct image_ref ref = { 0 };
		const char *tag = doc_str_at(tags, i);
		int r = image_ref_parse(tag ? tag : "", &ref, err);

		if (r < 0)
			return err_prefix(err, "name of an image");
		strv_add_take(ret, image_ref_full(&ref));
	}
	return 0;
}

static int read_docker_image(
	json_object *image, size_t *names_left, struct docker_image *ret, struct err *err)
{
	json_object *layers = doc_array(image, "Layers");
	const char *config = doc_str(image, "Config");
	int r;

	if (!config)
		return err_set(err, ERR_INVALID, EBADMSG, "an image without Config");
	ret->config = xstrdup(config);
	r = check_layer_count(doc_len(layers), err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < doc_len(layers); i++) {
		const char *name = doc_str_at(layers, i);

		if (!name)
			return err_set(err, ERR_INVALID, EBADMSG, "layer %zu is no name", i);
		strv_add(&ret->layers, name);
	}
	return read_names(doc_array(image, "RepoTags"), names_left, &ret->names, err);
}

int docker_images_read(const char *text, size_t len, struct docker_images *ret, struct err *err)
{
	auto_docker_images struct docker_images d = { 0 };
	auto_json json_object *list = NULL;
	size_t names_left = NAMES_MAX;
	int r;

	r = doc_parse(text, len, json_type_array, &list, err);
	if (r == 0)
		r = check_image_count(doc_len(list), err);
	if (r < 0)
		return r;
	if (doc_len(list) == 0)
		return err_set(err, ERR_INVALID, EBADMSG, "it lists no images");
	d.items = xcalloc(doc_len(list), sizeof(*d.items));
	for (size_t i = 0; i < doc_len(list); i++) {
		r = read_docker_image(
			doc_object_at(list, i), &names_left, &d.items[d.count++], err);
		if (r < 0)
			return r;
	}
	*ret = d;
	d = (struct docker_images){ 0 };
	return 0;
}

void docker_images_clear(struct docker_images *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->items[i].config);
		strv_free(d->items[i].layers);
		strv_free(d->items[i].names);
	}
	free(d->items);
	*d = (struct docker_images){ 0 };
}

/* ---- OCI */

/* The annotation is read as an image reference, as by `podman load`: "busybox" is
 * docker.io/library/busybox:latest. Whatever is none leaves the image without a name. */
static char *name_of(json_object *descriptor)
{
	json_object *notes = doc_object(descriptor, "annotations");
	const char *text = doc_str(notes, CONTAINERD_NAME);
	auto_ref struct image_ref ref = { 0 };

	if (!text)
		text = doc_str(notes, OCI_REF_NAME);
	return text && image_ref_parse(text, &ref, NULL) == 0 ? image_ref_full(&ref) : NULL;
}

static char *read_media_type(json_object *descriptor)
{
	const char *type = doc_str(descriptor, "mediaType");

	return type && strlen(type) <= MEDIA_TYPE_MAX ? xstrdup(type) : NULL;
}

static void read_entry(json_object *descriptor, struct index_entry *ret)
{
	const char *digest = doc_str(descriptor, "digest");
	const char *type = doc_str(descriptor, "mediaType");

	ret->digest = digest ? xstrdup(digest) : NULL;
	ret->media_type = read_media_type(descriptor);
	ret->name = name_of(descriptor);
	ret->nested = type && (str_eq(type, OCI_INDEX) || str_eq(type, DOCKER_LIST));
	ret->size = doc_int(descriptor, "size");
	ret->note = doc_str(doc_object(descriptor, "annotations"), ATTESTATION) != NULL;
	platform_from_doc(doc_object(descriptor, "platform"), &ret->platform);
}

int image_index_read(const char *text, size_t len, struct image_index *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	json_object *list;
	int r;

	r = doc_parse(text, len, json_type_object, &doc, err);
	if (r < 0)
		return r;
	list = doc_array(doc, "manifests");
	r = check_image_count(doc_len(list), err);
	if (r < 0)
		return r;
	if (doc_len(list) == 0)
		return err_set(err, ERR_INVALID, EBADMSG, "it lists no images");
	*ret = (struct image_index){ .items = xcalloc(doc_len(list), sizeof(*ret->items)) };
	for (; ret->count < doc_len(list); ret->count++)
		read_entry(doc_object_at(list, ret->count), &ret->items[ret->count]);
	return 0;
}

void image_index_clear(struct image_index *ix)
{
	for (size_t i = 0; i < ix->count; i++) {
		free(ix->items[i].digest);
		free(ix->items[i].media_type);
		free(ix->items[i].name);
	}
	free(ix->items);
	*ix = (struct image_index){ 0 };
}

static int copy_digest(const char *digest, char ret[DIGEST_SIZE], struct err *err)
{
	if (!digest_valid(digest))
		return err_set(err, ERR_INVALID, EBADMSG, "invalid descriptor: digest %.80s",
			digest ? digest : "missing");
	(void)snprintf(ret, DIGEST_SIZE, "%s", digest);
	return 0;
}

int index_entry_digest(const struct index_entry *e, char ret[DIGEST_SIZE], struct err *err)
{
	return copy_digest(e->digest, ret, err);
}

const struct index_entry *image_index_match(
	const struct image_index *ix, const struct platform *want)
{
	const struct index_entry *best = NULL;
	int best_match = 0;

	for (size_t i = 0; i < ix->count; i++) {
		int match = ix->items[i].note ? 0 : platform_match(want, &ix->items[i].platform);

		if (match > best_match) {
			best = &ix->items[i];
			best_match = match;
		}
	}
	return best;
}

const struct index_entry *image_index_choose(const struct image_index *ix)
{
	const struct index_entry *best;
	struct platform host;

	platform_host(&host);
	best = image_index_match(ix, &host);
	return best || ix->count > 1 ? best : ix->items;
}

static int read_part(json_object *descriptor, char ret_digest[DIGEST_SIZE],
	struct manifest_part *ret, struct err *err)
{
	int r = copy_digest(doc_str(descriptor, "digest"), ret_digest, err);

	if (r < 0)
		return r;
	*ret = (struct manifest_part){
		.size = json_object_is_type(json_get(descriptor, "size"), json_type_int)
			? doc_int(descriptor, "size")
			: -1,
		.media_type = read_media_type(descriptor),
	};
	return 0;
}

int manifest_read(const char *text, size_t len, struct manifest *ret, struct err *err)
{
	auto_manifest struct manifest m = { 0 };
	auto_json json_object *doc = NULL;
	json_object *layers;
	int r;

	r = doc_parse(text, len, json_type_object, &doc, err);
	if (r < 0)
		return r;
	layers = doc_array(doc, "layers");
	r = read_part(doc_object(doc, "config"), m.config, &m.config_part, err);
	if (r == 0)
		r = check_layer_count(doc_len(layers), err);
	if (r < 0)
		return r;
	m.parts = xcalloc(doc_len(layers) + 1, sizeof(*m.parts));
	for (size_t i = 0; r == 0 && i < doc_len(layers); i++) {
		char digest[DIGEST_SIZE];

		r = read_part(doc_object_at(layers, i), digest, &m.parts[i], err);
		if (r == 0)
			strv_add(&m.layers, digest);
	}
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manifest){ 0 };
	return 0;
}

void manifest_clear(struct manifest *m)
{
	free(m->config_part.media_type);
	for (size_t i = 0; m->layers && m->layers[i]; i++)
		free(m->parts[i].media_type);
	free(m->parts);
	strv_free(m->layers);
	*m = (struct manifest){ 0 };
}

/* ---- both */

int diff_ids_read(const char *text, size_t len, size_t n, char ***ret, struct err *err)
{
	auto_json json_object *config = NULL;
	auto_strv char **ids = NULL;
	json_object *list;
	int r;

	r = doc_parse(text, len, json_type_object, &config, err);
	if (r < 0)
		return r;
	list = doc_array(doc_object(config, "rootfs"), "diff_ids");
	if (doc_len(list) != n)
		return err_set(err, ERR_INVALID, EBADMSG,
			"invalid manifest, layers length mismatch: expected %zu, got %zu", n,
			doc_len(list));
	for (size_t i = 0; i < n; i++) {
		const char *id = doc_str_at(list, i);

		if (!digest_valid(id))
			return err_set(
				err, ERR_INVALID, EBADMSG, "invalid diffID for layer %zu", i);
		strv_add(&ids, id);
	}
	*ret = take_ptr(&ids);
	return 0;
}
