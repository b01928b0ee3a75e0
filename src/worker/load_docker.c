/* docker-archive, as `docker save` and others write it: manifest.json lists images with the names of
 * their configuration's and layers' files. The manifest that an OCI layout wants is made here; the
 * configuration stays as it is, and with it the image's id. */
#include <string.h>

#include "base/alloc.h"
#include "worker/load.h"
#include "worker/manifest.h"

/* Digests. */
struct parts {
	const char *config;
	char **layers;
};

static void parts_clear(struct parts *p)
{
	strv_free(p->layers);
}

/* The digest of a file's blob. */
static int find_part(const struct members *m, const char *name, const char **ret, struct err *err)
{
	const struct stage_blob *b = members_find(m, name);

	if (!b)
		return err_set(
			err, ERR_INVALID, ENOENT, "invalid archive: %.200s is missing", name);
	*ret = b->digest;
	return 0;
}

static int find_parts(const struct members *m, const struct docker_image *image, struct parts *ret,
	struct err *err)
{
	int r = find_part(m, image->config, &ret->config, err);

	for (char *const *l = image->layers; r == 0 && l && *l; l++) {
		const char *digest = NULL;

		r = find_part(m, *l, &digest, err);
		if (r == 0)
			strv_add(&ret->layers, digest);
	}
	return r;
}

/* Compares the configuration's diff-ids with the layers. */
static int check_layers(struct stage *s, const struct parts *p, struct err *err)
{
	auto_strv char **diff_ids = NULL;
	auto_free char *text = NULL;
	size_t len;
	int r;

	r = stage_read(s, p->config, &text, &len, err);
	if (r == 0)
		r = diff_ids_read(text, len, strv_len(p->layers), &diff_ids, err);
	if (r < 0)
		return err_prefix(err, "configuration of the image");
	for (size_t i = 0; r == 0 && diff_ids && diff_ids[i]; i++)
		r = stage_want_layer(s, p->layers[i], diff_ids[i], i, err);
	return r < 0 ? r : stage_want(s, p->config, err);
}

static int load_one(struct stage *s, const struct members *m, struct docker_image *image,
	struct loaded *ret, struct err *err)
{
	struct stage_blob *manifest = NULL;
	__attribute__((cleanup(parts_clear))) struct parts p = { 0 };
	int r;

	r = find_parts(m, image, &p, err);
	if (r == 0)
		r = check_layers(s, &p, err);
	if (r == 0)
		r = manifest_stage(s, p.config, p.layers, &manifest, err);
	if (r < 0)
		return r;
	memcpy(ret->manifest, manifest->digest, sizeof(ret->manifest));
	ret->manifest_size = manifest->size;
	memcpy(ret->config, p.config, sizeof(ret->config));
	ret->names = take_ptr(&image->names);
	return 0;
}

int load_docker(struct stage *s, const struct members *m, const char *text, size_t len,
	struct loads *ret, struct err *err)
{
	auto_docker_images struct docker_images list = { 0 };
	int r;

	r = docker_images_read(text, len, &list, err);
	if (r < 0)
		return err_prefix(err, "invalid manifest.json");
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = load_one(s, m, &list.items[i], loads_add(ret), err);
	return r;
}
