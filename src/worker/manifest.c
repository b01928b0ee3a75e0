#include "worker/manifest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/layout.h"

static const char *layer_type(int fd)
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
	ssize_t n = fd_read_upto(fd, head, sizeof(head));

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (n >= (ssize_t)types[i].len && memcmp(head, types[i].magic, types[i].len) == 0)
			return types[i].type;
	return OCI_LAYER;
}

/* type: NULL for a layer. */
static int print_descriptor(struct stage *s, struct jsonw *w, const char *key, const char *type,
	const char *digest, struct err *err)
{
	int64_t size;
	auto_fd int fd = stage_open(s, digest, &size);

	if (fd < 0)
		return err_sys(err, fd, "open blob %s", digest);
	jw_object(w, key);
	jw_str(w, "mediaType", type ? type : layer_type(fd));
	jw_str(w, "digest", digest);
	jw_int(w, "size", size);
	jw_object_end(w);
	return 0;
}

int manifest_stage(struct stage *s, const char *config, char *const *layers,
	struct stage_blob **ret, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int r;

	jw_object(&w, NULL);
	jw_int(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_MANIFEST);
	r = print_descriptor(s, &w, "config", OCI_CONFIG, config, err);
	jw_array(&w, "layers");
	for (char *const *l = layers; r == 0 && l && *l; l++)
		r = print_descriptor(s, &w, NULL, NULL, *l, err);
	jw_array_end(&w);
	jw_object_end(&w);
	if (r == 0)
		r = stage_bytes(s, out.data, out.len, ret, err);
	if (r == 0)
		(*ret)->wanted = true;
	return r;
}

int manifest_twin(struct stage *s, const char *media_type, const char *config, char *const *layers,
	struct stage_blob **ret, struct err *err)
{
	*ret = NULL;
	if (!media_type || !str_eq(media_type, DOCKER_MANIFEST))
		return 0;
	return manifest_stage(s, config, layers, ret, err);
}
