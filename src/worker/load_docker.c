/* docker-archive, as `docker save` and others write it: manifest.json lists images with the names of
 * their configuration's and layers' files. The manifest that an OCI layout wants is made here; the
 * configuration stays as it is, and with it the image's id. */
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/reference.h"
#include "worker/load.h"
#include "worker/manifest.h"
#include "json/text.h"

#define IMAGES_MAX 1000
#define LAYERS_MAX 1000

struct parts {
	const struct stage_blob *config;
	const struct stage_blob *layers[LAYERS_MAX];
	size_t n_layers;
};

/* The files an element of manifest.json names. */
static int find_parts(
	const struct members *m, json_object *image, struct parts *ret, struct err *err)
{
	const char *config = doc_str(image, "Config");
	json_object *layers = doc_array(image, "Layers");

	if (!config)
		return err_set(err, ERR_INVALID, EBADMSG,
			"invalid manifest.json: an image without Config");
	ret->config = members_find(m, config);
	if (!ret->config)
		return err_set(
			err, ERR_INVALID, ENOENT, "invalid archive: %.200s is missing", config);
	if (doc_len(layers) > LAYERS_MAX)
		return err_set(
			err, ERR_INVALID, E2BIG, "image has more than %d layers", LAYERS_MAX);
	for (size_t i = 0; i < doc_len(layers); i++) {
		const char *name = doc_str_at(layers, i);
		const struct stage_blob *b = name ? members_find(m, name) : NULL;

		if (!b)
			return err_set(err, ERR_INVALID, ENOENT,
				"invalid archive: %.200s is missing", name ? name : "a layer");
		ret->layers[ret->n_layers++] = b;
	}
	return 0;
}

/* Compares the configuration's diff-ids with the layers. */
static int check_layers(struct stage *s, const struct parts *p, struct err *err)
{
	auto_json json_object *config = NULL;
	auto_fd int fd = FD_NONE;
	auto_free char *text = NULL;
	json_object *diff_ids;
	int64_t size;
	size_t len;
	int r;

	fd = stage_open(s, p->config->digest, &size);
	r = fd < 0 ? fd : fd_read_text(fd, DOC_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read the image's configuration");
	r = doc_parse(text, len, json_type_object, &config, err);
	if (r < 0)
		return err_prefix(err, "configuration of the image");
	diff_ids = doc_array(doc_object(config, "rootfs"), "diff_ids");
	if (doc_len(diff_ids) != p->n_layers)
		return err_set(err, ERR_INVALID, EBADMSG,
			"invalid manifest, layers length mismatch: expected %zu, got %zu",
			p->n_layers, doc_len(diff_ids));
	for (size_t i = 0; i < p->n_layers; i++) {
		const char *diff_id = doc_str_at(diff_ids, i);

		if (!digest_valid(diff_id))
			return err_set(
				err, ERR_INVALID, EBADMSG, "invalid diffID for layer %zu", i);
		r = stage_want_layer(s, p->layers[i]->digest, diff_id, i, err);
		if (r < 0)
			return r;
	}
	return stage_want(s, p->config->digest, err);
}

static int read_names(json_object *tags, struct loaded *ret, struct err *err)
{
	for (size_t i = 0; i < doc_len(tags); i++) {
		auto_ref struct image_ref ref = { 0 };
		const char *tag = doc_str_at(tags, i);
		int r = image_ref_parse(tag ? tag : "", &ref, err);

		if (r < 0)
			return err_prefix(err, "name of an image");
		strv_add_take(&ret->names, image_ref_full(&ref));
	}
	return 0;
}

static int load_one(struct stage *s, const struct members *m, json_object *image,
	struct loaded *ret, struct err *err)
{
	struct stage_blob *manifest = NULL;
	struct parts p = { 0 };
	int r;

	r = find_parts(m, image, &p, err);
	if (r == 0)
		r = check_layers(s, &p, err);
	if (r == 0)
		r = manifest_stage(s, p.config, p.layers, p.n_layers, &manifest, err);
	if (r < 0)
		return r;
	memcpy(ret->manifest, manifest->digest, sizeof(ret->manifest));
	ret->manifest_size = manifest->size;
	memcpy(ret->config, p.config->digest, sizeof(ret->config));
	return read_names(doc_array(image, "RepoTags"), ret, err);
}

int load_docker(struct stage *s, const struct members *m, const char *text, size_t len,
	struct loads *ret, struct err *err)
{
	auto_json json_object *list = NULL;
	int r;

	r = doc_parse(text, len, json_type_array, &list, err);
	if (r < 0)
		return err_prefix(err, "manifest.json");
	if (doc_len(list) == 0 || doc_len(list) > IMAGES_MAX)
		return err_set(
			err, ERR_INVALID, EINVAL, "manifest.json lists %zu images", doc_len(list));
	for (size_t i = 0; i < doc_len(list); i++) {
		r = load_one(s, m, doc_object_at(list, i), loads_add(ret), err);
		if (r < 0)
			return r;
	}
	return 0;
}
