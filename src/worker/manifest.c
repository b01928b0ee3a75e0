#include "worker/manifest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/layout.h"

static const char *layer_type(struct stage *s, const char *digest)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *type;
	} types[] = {
		{ "\x1f\x8b", 2, OCI_LAYER "+gzip" },
		{ "\x28\xb5\x2f\xfd", 4, OCI_LAYER "+zstd" },
		{ "BZh", 3, OCI_LAYER "+bzip2" }, /* this and the next are in no standard */
		{ "\xfd\x37zXZ", 5, OCI_LAYER "+xz" },
	};
	char head[8] = { 0 };
	int64_t size;
	auto_fd int fd = stage_open(s, digest, &size);
	ssize_t n = fd < 0 ? 0 : fd_read_upto(fd, head, sizeof(head));

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (n >= (ssize_t)types[i].len && memcmp(head, types[i].magic, types[i].len) == 0)
			return types[i].type;
	return OCI_LAYER;
}

static void print_descriptor(
	struct jsonw *w, const char *key, const char *type, const struct stage_blob *blob)
{
	jw_object(w, key);
	jw_str(w, "mediaType", type);
	jw_str(w, "digest", blob->digest);
	jw_int(w, "size", blob->size);
	jw_object_end(w);
}

int manifest_stage(struct stage *s, const struct stage_blob *config,
	const struct stage_blob *const *layers, size_t n_layers, struct stage_blob **ret,
	struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int r;

	jw_object(&w, NULL);
	jw_int(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_MANIFEST);
	print_descriptor(&w, "config", OCI_CONFIG, config);
	jw_array(&w, "layers");
	for (size_t i = 0; i < n_layers; i++)
		print_descriptor(&w, NULL, layer_type(s, layers[i]->digest), layers[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	r = stage_bytes(s, out.data, out.len, ret, err);
	if (r == 0)
		(*ret)->wanted = true;
	return r;
}
