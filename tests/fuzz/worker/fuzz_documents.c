/* The documents in an archive of images. Every reader gets every input: the corpus holds them as
 * programs wrote them, and what one reader makes of another's document counts as well. */
#include <assert.h>
#include <stdint.h>

#include "base/str.h"
#include "oci/reference.h"
#include "worker/documents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns whether it was read; every refusal explains itself. */
static bool done(int r, const struct err *err)
{
	assert(r == 0 || (r < 0 && err->sys > 0 && err->msg[0]));
	return r == 0;
}

static void check_name(const char *name)
{
	auto_ref struct image_ref ref = { 0 };

	assert(image_ref_parse(name, &ref, NULL) == 0);
}

static void read_docker_images(const char *text, size_t len)
{
	auto_docker_images struct docker_images d = { 0 };
	struct err err = { 0 };
	size_t names = 0;

	if (!done(docker_images_read(text, len, &d, &err), &err))
		return;
	assert(d.count > 0 && d.count <= IMAGES_MAX);
	for (size_t i = 0; i < d.count; i++) {
		assert(d.items[i].config && strv_len(d.items[i].layers) <= LAYERS_MAX);
		names += strv_len(d.items[i].names);
		for (char **n = d.items[i].names; n && *n; n++)
			check_name(*n);
	}
	assert(names <= NAMES_MAX);
}

static void read_index(const char *text, size_t len)
{
	auto_image_index struct image_index ix = { 0 };
	struct err err = { 0 };

	if (!done(image_index_read(text, len, &ix, &err), &err))
		return;
	assert(ix.count > 0 && ix.count <= IMAGES_MAX);
	for (size_t i = 0; i < ix.count; i++) {
		char digest[DIGEST_SIZE];

		if (done(index_entry_digest(&ix.items[i], digest, &err), &err))
			assert(digest_valid(digest));
		if (ix.items[i].name)
			check_name(ix.items[i].name);
	}
	(void)image_index_choose(&ix);
}

static void read_manifest(const char *text, size_t len)
{
	auto_manifest struct manifest m = { 0 };
	struct err err = { 0 };

	if (!done(manifest_read(text, len, &m, &err), &err))
		return;
	assert(digest_valid(m.config) && strv_len(m.layers) <= LAYERS_MAX);
	for (char **l = m.layers; l && *l; l++)
		assert(digest_valid(*l));
}

static void read_config(const char *text, size_t len)
{
	struct err err = { 0 };

	for (size_t n = 0; n < 3; n++) {
		auto_strv char **ids = NULL;

		if (done(diff_ids_read(text, len, n, &ids, &err), &err))
			assert(strv_len(ids) == n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data; /* without a NUL at its end */

	read_docker_images(text, size);
	read_index(text, size);
	read_manifest(text, size);
	read_config(text, size);
	return 0;
}
