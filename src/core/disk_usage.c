#include "core/disk_usage.h"

#include "base/jsonw.h"
#include "base/str.h"
#include "core/build_cache.h"
#include "core/containers.h"
#include "core/images.h"
#include "core/volumes.h"

static bool wanted(char *const *types, const char *type)
{
	return !types || strv_has(types, type);
}

int disk_usage_check(char *const *types, struct err *err)
{
	static char container[] = "container", image[] = "image", volume[] = "volume",
		    build_cache[] = "build-cache";
	static char *const known[] = { container, image, volume, build_cache, NULL };

	for (; types && *types; types++)
		if (!strv_has(known, *types))
			return err_set(
				err, ERR_INVALID, EINVAL, "unknown object type: %.64s", *types);
	return 0;
}

static int print_images(struct core *c, unsigned api_minor, struct jsonw *w, struct err *err)
{
	const struct image_list_how how = { .usage = true, .api_minor = api_minor };
	auto_buf struct buf rows = { 0 };
	int64_t size;
	int r = image_layers_size(c, &size, err);

	if (r == 0)
		r = image_list(c, NULL, &how, &rows, err);
	if (r < 0)
		return r;
	jw_int(w, "LayersSize", size);
	jw_raw(w, "Images", rows.data);
	return 0;
}

static int print_containers(struct core *c, struct jsonw *w, struct err *err)
{
	auto_buf struct buf rows = { 0 };
	int r = container_list(c, NULL, true, 0, true, &rows, err);

	if (r == 0)
		jw_raw(w, "Containers", rows.data);
	return r;
}

static int print_build_cache(struct core *c, struct jsonw *w, struct err *err)
{
	auto_buf struct buf rows = { 0 };
	int r = build_cache_list(c, &rows, err);

	if (r == 0)
		jw_raw(w, "BuildCache", rows.data);
	return r;
}

int disk_usage(
	struct core *c, char *const *types, unsigned api_minor, struct buf *out, struct err *err)
{
	struct jsonw w = JSONW(out);
	int r = 0;

	jw_object(&w, NULL);
	if (wanted(types, "image")) {
		r = print_images(c, api_minor, &w, err);
	} else {
		jw_int(&w, "LayersSize", 0);
		jw_null(&w, "Images");
	}
	if (r == 0 && wanted(types, "container"))
		r = print_containers(c, &w, err);
	else
		jw_null(&w, "Containers");
	if (wanted(types, "volume"))
		volume_usage(c, &w, "Volumes");
	else
		jw_null(&w, "Volumes");
	if (r == 0 && wanted(types, "build-cache"))
		r = print_build_cache(c, &w, err);
	else
		jw_null(&w, "BuildCache");
	jw_object_end(&w);
	return r;
}
