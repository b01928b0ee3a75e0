#include "build/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/timefmt.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "worker/platform.h"
#include "json/text.h"

void draft_clear(struct draft *d)
{
	(void)json_object_put(d->doc);
	(void)json_object_put(d->layers);
	strv_free(d->diff_ids);
	*d = (struct draft){ 0 };
}

static void set_str(json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

/* The member of this type, made if it is missing or something else. */
static json_object *need(
	json_object *o, const char *key, enum json_type type, json_object *(*make)(void))
{
	json_object *v = json_get(o, key);

	if (!v || !json_object_is_type(v, type)) {
		v = make();
		(void)json_object_object_add(o, key, v);
	}
	return v;
}

static json_object *need_object(json_object *o, const char *key)
{
	return need(o, key, json_type_object, json_object_new_object);
}

static json_object *need_array(json_object *o, const char *key)
{
	return need(o, key, json_type_array, json_object_new_array);
}

int draft_scratch(struct draft *ret, const char *platform, struct err *err)
{
	auto_draft struct draft new = { .layers = json_object_new_array(), .from_scratch = true };
	auto_free char *members = NULL, *text = NULL;
	int r;

	r = platform_parse(platform, &members, err);
	if (r < 0)
		return r;
	text = xasprintf("{%s}", members);
	r = json_parse(text, strlen(text), &new.doc, err);
	if (r < 0)
		return r;
	set_str(need_object(new.doc, "rootfs"), "type", "layers");
	(void)need_array(need_object(new.doc, "rootfs"), "diff_ids");
	(void)need_array(new.doc, "history");
	new.config = need_object(new.doc, "config");
	*ret = new;
	new = (struct draft){ 0 };
	return 0;
}

/* ---- FROM an image */

/* A manifest of ours is one of OCI's, and its layers are called as there. */
static const char *layer_type(const char *type)
{
	if (!type || str_eq(type, "application/vnd.docker.image.rootfs.diff.tar"))
		return OCI_LAYER;
	if (str_eq(type, "application/vnd.docker.image.rootfs.diff.tar.gzip"))
		return OCI_LAYER "+gzip";
	return type;
}

static void add_descriptor(json_object *layers, const char *type, const char *digest, int64_t size)
{
	json_object *layer = json_object_new_object();

	set_str(layer, "mediaType", type);
	set_str(layer, "digest", digest);
	(void)json_object_object_add(layer, "size", json_object_new_int64(size));
	(void)json_object_array_add(layers, layer);
}

static int read_layers(
	const struct dirs *d, const struct image *image, struct draft *ret, struct err *err)
{
	auto_json json_object *manifest = NULL;
	json_object *list;
	int r;

	r = oci_blob_doc(d, image->manifest_digest, &manifest, err);
	if (r < 0)
		return err_prefix(err, "manifest of %.19s", image->id);
	list = doc_array(manifest, "layers");
	if (doc_len(list) != strv_len(image->diff_ids))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"image %.19s: manifest and configuration do not have the same layers",
			image->id);
	for (size_t i = 0; i < doc_len(list); i++) {
		json_object *layer = doc_object_at(list, i);
		const char *digest = doc_str(layer, "digest");

		if (!digest_valid(digest))
			return err_set(err, ERR_SYSTEM, EBADMSG, "image %.19s: invalid manifest",
				image->id);
		add_descriptor(ret->layers, layer_type(doc_str(layer, "mediaType")), digest,
			doc_int(layer, "size"));
	}
	return 0;
}

int draft_from_image(
	const struct dirs *d, const struct image *image, struct draft *ret, struct err *err)
{
	/* what older engines left in the document about the container it was made of */
	static const char *const legacy[] = { "container", "container_config", "id", "parent",
		"parent_id", "Size", "docker_version", "comment", "throwaway" };
	auto_draft struct draft new = { .layers = json_object_new_array() };
	int r;

	if (json_object_deep_copy(image->document, &new.doc, NULL) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++)
		json_object_object_del(new.doc, legacy[i]);
	new.config = need_object(new.doc, "config");
	(void)need_array(new.doc, "history");
	set_str(need_object(new.doc, "rootfs"), "type", "layers");
	(void)need_array(need_object(new.doc, "rootfs"), "diff_ids");
	new.diff_ids = strv_copy(image->diff_ids);
	r = read_layers(d, image, &new, err);
	if (r < 0)
		return r;
	*ret = new;
	new = (struct draft){ 0 };
	return 0;
}

void draft_copy(const struct draft *from, struct draft *ret)
{
	*ret = (struct draft){ .from_scratch = from->from_scratch };
	if (json_object_deep_copy(from->doc, &ret->doc, NULL) < 0 ||
		json_object_deep_copy(from->layers, &ret->layers, NULL) < 0)
		abort();
	ret->config = need_object(ret->doc, "config");
	ret->diff_ids = strv_copy(from->diff_ids);
	memcpy(ret->key, from->key, sizeof(ret->key));
}

/* ---- changes */

void draft_add_layer(struct draft *d, const char *digest, int64_t size)
{
	add_descriptor(d->layers, OCI_LAYER, digest, size);
	(void)json_object_array_add(need_array(need_object(d->doc, "rootfs"), "diff_ids"),
		json_object_new_string(digest));
	strv_add(&d->diff_ids, digest);
	d->from_scratch = false;
}

void draft_add_history(struct draft *d, int64_t created, const char *created_by, bool empty_layer)
{
	json_object *entry = json_object_new_object();
	char text[TIME_TEXT];

	set_str(entry, "created", time_rfc3339_known(created, text));
	set_str(entry, "created_by", created_by);
	if (empty_layer)
		(void)json_object_object_add(entry, "empty_layer", json_object_new_boolean(true));
	(void)json_object_array_add(need_array(d->doc, "history"), entry);
	set_str(d->doc, "created", text);
}

/* ---- looking at it */

void draft_print(const struct draft *d, struct buf *out)
{
	struct jsonw w = JSONW(out);

	json_write(&w, NULL, d->doc);
}

void draft_id(const struct draft *d, char ret[DIGEST_SIZE])
{
	auto_buf struct buf text = { 0 };

	draft_print(d, &text);
	hash_bytes(text.data, text.len, ret);
}

struct image draft_view(const struct draft *d)
{
	return (struct image){
		.os = (char *)(uintptr_t)json_get_str(d->doc, "os", "linux"),
		.architecture = (char *)(uintptr_t)json_get_str(d->doc, "architecture", ""),
		.variant = (char *)(uintptr_t)json_get_str(d->doc, "variant", ""),
		.diff_ids = d->diff_ids,
		.document = d->doc,
	};
}
