/* oci-archive: index.json names manifests, or further indexes with one manifest per platform, of which
 * this machine's is taken. Manifests are kept as they are, byte for byte. */
#include <string.h>

#include "base/alloc.h"
#include "worker/load.h"
#include "worker/manifest.h"

#define DEPTH_MAX 4

static int want_layers(
	struct stage *s, const struct manifest *m, char *const *diff_ids, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && diff_ids && diff_ids[i]; i++)
		r = stage_want_layer(s, m->layers[i], diff_ids[i], i, err);
	return r;
}

static int read_diff_ids(
	struct stage *s, const char *config, size_t n, char ***ret, struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	int r = stage_read(s, config, &text, &len, err);

	if (r < 0)
		return r;
	r = diff_ids_read(text, len, n, ret, err);
	return r < 0 ? err_prefix(err, "blob %s", config) : 0;
}

/* What *m says is in the archive, and of the image. */
static int want_parts(
	struct stage *s, const char *digest, const struct manifest *m, struct err *err)
{
	auto_strv char **diff_ids = NULL;
	int r;

	r = read_diff_ids(s, m->config, strv_len(m->layers), &diff_ids, err);
	if (r == 0)
		r = want_layers(s, m, diff_ids, err);
	if (r == 0)
		r = stage_want(s, digest, err);
	return r == 0 ? stage_want(s, m->config, err) : r;
}

static int load_manifest(struct stage *s, const struct index_entry *e, const char *name,
	struct loads *ret, struct err *err)
{
	auto_manifest struct manifest m = { 0 };
	auto_free char *text = NULL;
	char digest[DIGEST_SIZE];
	struct stage_blob *twin = NULL;
	struct loaded *one;
	size_t len;
	int r;

	r = index_entry_digest(e, digest, err);
	if (r == 0)
		r = stage_read(s, digest, &text, &len, err);
	if (r < 0)
		return r;
	r = manifest_read(text, len, &m, err);
	if (r < 0)
		return err_prefix(err, "blob %s", digest);
	r = want_parts(s, digest, &m, err);
	if (r == 0)
		r = manifest_twin(s, e->media_type, m.config, m.layers, &twin, err);
	if (r < 0)
		return r;
	one = loads_add(ret);
	one->twin = twin;
	memcpy(one->manifest, digest, sizeof(one->manifest));
	memcpy(one->config, m.config, sizeof(one->config));
	one->media_type = e->media_type ? xstrdup(e->media_type) : NULL;
	one->manifest_size = (int64_t)len;
	if (name)
		strv_add(&one->names, name);
	return 0;
}

/* name: that of the entry in index.json, however deep e lies. */
static int load_entry(struct stage *s, const struct index_entry *e, const char *name, int depth,
	struct loads *ret, struct err *err)
{
	auto_image_index struct image_index ix = { 0 };
	auto_free char *text = NULL;
	const struct index_entry *chosen;
	char digest[DIGEST_SIZE];
	size_t len;
	int r;

	if (!e->nested)
		return load_manifest(s, e, name, ret, err);
	if (depth >= DEPTH_MAX)
		return err_set(err, ERR_INVALID, ELOOP, "indexes are nested too deeply");
	r = index_entry_digest(e, digest, err);
	if (r == 0)
		r = stage_read(s, digest, &text, &len, err);
	if (r < 0)
		return r;
	r = image_index_read(text, len, &ix, err);
	if (r < 0)
		return err_prefix(err, "blob %s", digest);
	chosen = image_index_choose(&ix);
	if (!chosen)
		return err_set(
			err, ERR_INVALID, ENOENT, "no image in %s is for this platform", digest);
	return load_entry(s, chosen, name, depth + 1, ret, err);
}

int load_oci(struct stage *s, const char *text, size_t len, struct loads *ret, struct err *err)
{
	auto_image_index struct image_index ix = { 0 };
	int r;

	r = image_index_read(text, len, &ix, err);
	if (r < 0)
		return err_prefix(err, "invalid index.json");
	for (size_t i = 0; r == 0 && i < ix.count; i++)
		r = load_entry(s, &ix.items[i], ix.items[i].name, 0, ret, err);
	return r;
}
