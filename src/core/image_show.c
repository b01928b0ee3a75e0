/* One image told in full: inspect and history. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/image_store.h"
#include "oci/doc.h"
#include "oci/layer.h"
#include "json/text.h"

/* What Docker shows in every image's Config, with the value for what the image leaves out. */
static const struct {
	const char *key, *missing;
} config_keys[] = {
	{ "Hostname", "\"\"" },
	{ "Domainname", "\"\"" },
	{ "User", "\"\"" },
	{ "AttachStdin", "false" },
	{ "AttachStdout", "false" },
	{ "AttachStderr", "false" },
	{ "ExposedPorts", NULL },
	{ "Tty", "false" },
	{ "OpenStdin", "false" },
	{ "StdinOnce", "false" },
	{ "Env", "null" },
	{ "Cmd", "null" },
	{ "Healthcheck", NULL },
	{ "ArgsEscaped", NULL },
	{ "Image", "\"\"" },
	{ "Volumes", "null" },
	{ "WorkingDir", "\"\"" },
	{ "Entrypoint", "null" },
	{ "OnBuild", "null" },
	{ "Labels", "null" },
	{ "StopSignal", NULL },
	{ "StopTimeout", NULL },
	{ "Shell", NULL },
};

static void print_config(struct jsonw *w, const char *key, json_object *config)
{
	jw_object(w, key);
	for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++) {
		json_object *v = json_get(config, config_keys[i].key);

		if (v)
			json_write(w, config_keys[i].key, v);
		else if (config_keys[i].missing)
			jw_raw(w, config_keys[i].key, config_keys[i].missing);
	}
	jw_object_end(w);
}

/* Upper layer first, as overlayfs takes them. */
static void print_driver(struct core *c, struct jsonw *w, const struct image *i)
{
	auto_buf struct buf lower = { 0 };
	size_t n = strv_len(i->diff_ids);

	jw_object(w, "GraphDriver");
	jw_object(w, "Data");
	for (size_t l = n; l-- > 0;) {
		auto_free char *path = layer_path(&c->dirs, i->diff_ids[l]);

		if (l == n - 1) {
			jw_str(w, "UpperDir", path);
			continue;
		}
		if (lower.len)
			buf_addc(&lower, ':');
		buf_adds(&lower, path);
	}
	if (lower.len)
		jw_str(w, "LowerDir", lower.data);
	jw_object_end(w);
	jw_str(w, "Name", "overlay2");
	jw_object_end(w);
}

static const char *comment(const struct image *i)
{
	json_object *history = doc_array(i->document, "history");
	const char *s = doc_str(i->document, "comment");
	size_t n = doc_len(history);

	if (!s && n)
		s = doc_str(doc_object_at(history, n - 1), "comment");
	return s ? s : "";
}

/* When any of its names was last given. */
static int64_t last_tagged(const struct oci_index *ix, const char *id)
{
	int64_t last = 0;

	for (size_t n = 0; n < ix->count; n++)
		if (str_eq(ix->entries[n].config, id) && ix->entries[n].tagged > last)
			last = ix->entries[n].tagged;
	return last;
}

static void print_rootfs(struct jsonw *w, const struct image *i)
{
	jw_object(w, "RootFS");
	jw_str(w, "Type", "layers");
	jw_strv(w, "Layers", i->diff_ids);
	jw_object_end(w);
}

/* Images that are made reproducible say they are of 1970; others may not say when they were made. */
static void print_created(struct jsonw *w, const struct image *i)
{
	int64_t at = image_created(i);

	if (doc_str(i->document, "created"))
		jw_time_known(w, "Created", at);
	else
		jw_time(w, "Created", at);
}

static void print_image(
	struct core *c, struct jsonw *w, const struct oci_index *ix, const struct image *i)
{
	int64_t size = image_size(c, i);

	jw_object(w, NULL);
	jw_str(w, "Id", i->id);
	jw_strv(w, "RepoTags", i->repo_tags);
	jw_strv(w, "RepoDigests", i->repo_digests);
	jw_str(w, "Parent", image_parent(ix, i));
	jw_str(w, "Comment", comment(i));
	print_created(w, i);
	jw_str(w, "Container", json_get_str(i->document, "container", ""));
	/* compose v1 reads its Volumes without asking whether it is there */
	print_config(w, "ContainerConfig", doc_object(i->document, "container_config"));
	jw_str(w, "DockerVersion", json_get_str(i->document, "docker_version", ""));
	jw_str(w, "Author", json_get_str(i->document, "author", ""));
	print_config(w, "Config", i->config);
	jw_str(w, "Architecture", i->architecture);
	if (*i->variant)
		jw_str(w, "Variant", i->variant);
	jw_str(w, "Os", i->os);
	jw_int(w, "Size", size);
	jw_int(w, "VirtualSize", size);
	print_driver(c, w, i);
	print_rootfs(w, i);
	jw_object(w, "Metadata");
	jw_time(w, "LastTagTime", last_tagged(ix, i->id));
	jw_object_end(w);
	jw_object_end(w);
}

static int find_with_index(struct core *c, const char *ref, struct oci_index *ret_ix,
	struct image **ret, struct err *err)
{
	const char *id;
	int r;

	r = oci_index_read(&c->dirs, ret_ix, err);
	if (r == 0)
		r = image_resolve(ret_ix, ref, &id, NULL, err);
	if (r < 0)
		return r;
	return *id ? image_load(c, ret_ix, id, ret, err) : image_missing(ref, err);
}

int image_inspect(struct core *c, const char *ref, struct buf *out, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	auto_image struct image *i = NULL;
	struct jsonw w = JSONW(out);
	int r = find_with_index(c, ref, &ix, &i, err);

	if (r < 0)
		return r;
	print_image(c, &w, &ix, i);
	return 0;
}

/* One step of the image's making; size is that of the layer it made, 0 for none. i: the image it ended
 * in, NULL if none is known. */
static void print_step(struct jsonw *w, const struct image *i, json_object *step, int64_t size)
{
	int64_t created = 0;

	(void)time_parse(json_get_str(step, "created", ""), &created);
	jw_object(w, NULL);
	jw_str(w, "Comment", json_get_str(step, "comment", ""));
	jw_int(w, "Created", created / NSEC_PER_SEC);
	jw_str(w, "CreatedBy", json_get_str(step, "created_by", ""));
	jw_str(w, "Id", i ? i->id : "<missing>");
	jw_int(w, "Size", size);
	if (i && i->repo_tags)
		jw_strv(w, "Tags", i->repo_tags);
	else
		jw_null(w, "Tags");
	jw_object_end(w);
}

/* The image that i was committed on, held by *hold; NULL if there is none. Each commit is one step. */
static const struct image *go_down(
	struct core *c, const struct oci_index *ix, const struct image *i, struct image **hold)
{
	const char *id = image_parent(ix, i);
	struct image *below = NULL;

	if (*id && image_load(c, ix, id, &below, NULL) < 0)
		below = NULL;
	image_free(*hold);
	*hold = below;
	return below;
}

int image_history(struct core *c, const char *ref, struct buf *out, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	auto_image struct image *i = NULL, *hold = NULL;
	const struct image *at;
	struct jsonw w = JSONW(out);
	json_object *history;
	size_t layer;
	int r;

	r = find_with_index(c, ref, &ix, &i, err);
	if (r < 0)
		return r;
	at = i;
	history = doc_array(i->document, "history");
	layer = strv_len(i->diff_ids);
	jw_array(&w, NULL);
	for (size_t n = doc_len(history); n-- > 0;) {
		json_object *step = doc_object_at(history, n);
		int64_t size = 0;

		if (!json_get_bool(step, "empty_layer") && layer > 0)
			size = layer_size(&c->dirs, i->diff_ids[--layer]);
		print_step(&w, at, step, size);
		at = at ? go_down(c, &ix, at, &hold) : NULL;
	}
	jw_array_end(&w);
	return 0;
}
