/* oci-archive: index.json names manifests, or further indexes with one manifest per platform, of which
 * this machine's is taken. Manifests are kept as they are, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "worker/load.h"
#include "worker/platform.h"
#include "json/text.h"

#define DEPTH_MAX       4
#define IMAGES_MAX      1000
#define CONTAINERD_NAME "io.containerd.image.name"

/* A JSON blob of the archive. */
static int blob_doc(
	struct stage *s, const char *digest, json_object **ret, int64_t *ret_size, struct err *err)
{
	auto_fd int fd = stage_open(s, digest, ret_size);
	auto_free char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_set(
			err, ERR_INVALID, ENOENT, "blob %s is missing in the archive", digest);
	r = fd_read_text(fd, DOC_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read blob %s", digest);
	r = doc_parse(text, len, json_type_object, ret, err);
	return r < 0 ? err_prefix(err, "blob %s", digest) : 0;
}

static int digest_of(json_object *descriptor, const char **ret, struct err *err)
{
	const char *digest = doc_str(descriptor, "digest");

	if (!digest_valid(digest))
		return err_set(err, ERR_INVALID, EBADMSG, "invalid descriptor: digest %.80s",
			digest ? digest : "missing");
	*ret = digest;
	return 0;
}

static bool is_list(json_object *descriptor)
{
	const char *type = doc_str(descriptor, "mediaType");

	return type && (str_eq(type, OCI_INDEX) || str_eq(type, DOCKER_LIST));
}

static int want_layers(struct stage *s, json_object *manifest, json_object *config, struct err *err)
{
	json_object *layers = doc_array(manifest, "layers");
	json_object *diff_ids = doc_array(doc_object(config, "rootfs"), "diff_ids");

	if (doc_len(layers) != doc_len(diff_ids))
		return err_set(err, ERR_INVALID, EBADMSG,
			"invalid manifest, layers length mismatch: expected %zu, got %zu",
			doc_len(layers), doc_len(diff_ids));
	for (size_t i = 0; i < doc_len(layers); i++) {
		const char *digest = NULL, *diff_id = doc_str_at(diff_ids, i);
		int r = digest_of(doc_object_at(layers, i), &digest, err);

		if (r == 0 && !digest_valid(diff_id))
			r = err_set(err, ERR_INVALID, EBADMSG, "invalid diffID for layer %zu", i);
		if (r == 0)
			r = stage_want_layer(s, digest, diff_id, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_manifest(struct stage *s, json_object *descriptor, const char *name,
	struct loads *ret, struct err *err)
{
	auto_json json_object *manifest = NULL, *config = NULL;
	const char *digest = NULL, *config_digest = NULL, *type = doc_str(descriptor, "mediaType");
	int64_t size = 0, config_size;
	struct loaded *one;
	int r;

	r = digest_of(descriptor, &digest, err);
	if (r == 0)
		r = blob_doc(s, digest, &manifest, &size, err);
	if (r == 0)
		r = digest_of(doc_object(manifest, "config"), &config_digest, err);
	if (r == 0)
		r = blob_doc(s, config_digest, &config, &config_size, err);
	if (r == 0)
		r = want_layers(s, manifest, config, err);
	if (r == 0)
		r = stage_want(s, digest, err);
	if (r == 0)
		r = stage_want(s, config_digest, err);
	if (r < 0)
		return r;
	if (ret->count >= IMAGES_MAX)
		return err_set(
			err, ERR_INVALID, E2BIG, "archive has more than %d images", IMAGES_MAX);
	one = loads_add(ret);
	(void)snprintf(one->manifest, sizeof(one->manifest), "%s", digest);
	(void)snprintf(one->config, sizeof(one->config), "%s", config_digest);
	one->media_type = type ? xstrdup(type) : NULL;
	one->manifest_size = size;
	if (name)
		strv_add(&one->names, name);
	return 0;
}

static int load_list(struct stage *s, json_object *descriptor, const char *name, int depth,
	struct loads *ret, struct err *err);

static int load_descriptor(struct stage *s, json_object *descriptor, const char *name, int depth,
	struct loads *ret, struct err *err)
{
	return is_list(descriptor) ? load_list(s, descriptor, name, depth, ret, err)
				   : load_manifest(s, descriptor, name, ret, err);
}

/* Of an inner index, the one image for this machine; a lone one is taken whatever it is for. */
static int load_list(struct stage *s, json_object *descriptor, const char *name, int depth,
	struct loads *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	json_object *list, *chosen = NULL;
	const char *digest = NULL;
	int64_t size;
	int r;

	if (depth >= DEPTH_MAX)
		return err_set(err, ERR_INVALID, ELOOP, "indexes are nested too deeply");
	r = digest_of(descriptor, &digest, err);
	if (r == 0)
		r = blob_doc(s, digest, &doc, &size, err);
	if (r < 0)
		return r;
	list = doc_array(doc, "manifests");
	for (size_t i = 0; i < doc_len(list) && !chosen; i++)
		if (platform_fits(doc_object(doc_object_at(list, i), "platform")))
			chosen = doc_object_at(list, i);
	if (!chosen && doc_len(list) == 1)
		chosen = doc_object_at(list, 0);
	if (!chosen)
		return err_set(
			err, ERR_INVALID, ENOENT, "no image in %s is for this platform", digest);
	return load_descriptor(s, chosen, name, depth + 1, ret, err);
}

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

int load_oci(struct stage *s, const char *text, size_t len, struct loads *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	json_object *list;
	int r;

	r = doc_parse(text, len, json_type_object, &doc, err);
	if (r < 0)
		return err_prefix(err, "index.json");
	list = doc_array(doc, "manifests");
	if (doc_len(list) == 0)
		return err_set(err, ERR_INVALID, EINVAL, "index.json lists no images");
	for (size_t i = 0; i < doc_len(list); i++) {
		json_object *descriptor = doc_object_at(list, i);
		auto_free char *name = name_of(descriptor);

		r = load_descriptor(s, descriptor, name, 0, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}
