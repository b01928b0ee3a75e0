#include "core/images.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/image_store.h"
#include "core/spawn.h"
#include "oci/doc.h"
#include "oci/layer.h"
#include "json/text.h"

struct image_names {
	struct oci_index ix;
};

void image_free(struct image *i)
{
	if (!i)
		return;
	free(i->id);
	free(i->manifest_digest);
	free(i->os);
	free(i->architecture);
	free(i->variant);
	strv_free(i->repo_tags);
	strv_free(i->repo_digests);
	strv_free(i->diff_ids);
	json_object_put(i->document);
	free(i);
}

/* ---- resolving */

int image_missing(const char *text, struct err *err)
{
	auto_ref struct image_ref r = { 0 };
	auto_free char *shown = NULL;

	if (image_ref_parse(text, &r, NULL) == 0)
		shown = image_ref_familiar(&r);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "No such image: %s", shown ? shown : text);
}

static const char *find_by_id(const struct oci_index *ix, const char *id)
{
	for (size_t i = 0; i < ix->count; i++)
		if (str_eq(ix->entries[i].config, id))
			return ix->entries[i].config;
	return "";
}

/* "" also when two images share the prefix: Docker calls that not found, too. */
static const char *find_by_prefix(const struct oci_index *ix, const char *hex)
{
	const char *found = "";

	for (size_t i = 0; i < ix->count; i++) {
		const char *id = ix->entries[i].config;

		if (!*id || !str_starts(digest_hex(id), hex))
			continue;
		if (*found && !str_eq(found, id))
			return "";
		found = id;
	}
	return found;
}

/* name@digest: as pulled, or the manifest of an image that has a tag in the same repository. */
static const char *find_by_digest(const struct oci_index *ix, const struct image_ref *r)
{
	size_t len = strlen(r->repository);

	for (size_t i = 0; i < ix->count; i++) {
		const struct oci_entry *e = &ix->entries[i];

		if (e->name && str_eq(e->manifest, r->digest) &&
			strncmp(e->name, r->repository, len) == 0 &&
			(e->name[len] == ':' || e->name[len] == '@'))
			return e->config;
	}
	return "";
}

static const char *find_by_name(const struct oci_index *ix, const struct image_ref *r)
{
	auto_free char *full = image_ref_full(r);
	ssize_t i = oci_index_find(ix, full);

	if (i >= 0)
		return ix->entries[i].config;
	return r->digest ? find_by_digest(ix, r) : "";
}

int image_resolve(const struct oci_index *ix, const char *text, const char **ret, bool *by_id,
	struct err *err)
{
	const char *hex = str_starts(text, "sha256:") ? digest_hex(text) : text;
	auto_ref struct image_ref r = { 0 };
	bool id = true;

	if (id_valid(hex)) {
		auto_free char *digest = xasprintf("sha256:%s", hex);

		*ret = find_by_id(ix, digest);
	} else {
		int n = image_ref_parse(text, &r, err);

		if (n < 0)
			return n;
		*ret = find_by_name(ix, &r);
		id = !**ret;
		if (id && id_prefix_valid(hex))
			*ret = find_by_prefix(ix, hex);
	}
	if (by_id)
		*by_id = id;
	return 0;
}

/* ---- loading */

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_strv(char **v)
{
	if (v)
		qsort(v, strv_len(v), sizeof(*v), compare_text);
}

static void load_names(struct image *i, const struct oci_index *ix)
{
	for (size_t n = 0; n < ix->count; n++) {
		const struct oci_entry *e = &ix->entries[n];
		auto_ref struct image_ref r = { 0 };

		if (!str_eq(e->config, i->id))
			continue;
		if (!i->manifest_digest)
			i->manifest_digest = xstrdup(e->manifest);
		if (!e->name || image_ref_parse(e->name, &r, NULL) < 0)
			continue;
		strv_add_take(r.digest ? &i->repo_digests : &i->repo_tags, image_ref_familiar(&r));
	}
	sort_strv(i->repo_tags);
	sort_strv(i->repo_digests);
}

static char *copy_member(json_object *doc, const char *key)
{
	const char *s = doc_str(doc, key);

	return xstrdup(s ? s : "");
}

int image_load(struct core *c, const struct oci_index *ix, const char *id, struct image **ret,
	struct err *err)
{
	auto_image struct image *i = xcalloc(1, sizeof(*i));
	json_object *diff_ids;
	int r;

	r = oci_blob_doc(&c->dirs, id, &i->document, err);
	if (r < 0)
		return err_prefix(err, "configuration of image %.19s", id);
	i->id = xstrdup(id);
	i->config = doc_object(i->document, "config");
	i->os = copy_member(i->document, "os");
	i->architecture = copy_member(i->document, "architecture");
	i->variant = copy_member(i->document, "variant");
	diff_ids = doc_array(doc_object(i->document, "rootfs"), "diff_ids");
	for (size_t n = 0; n < doc_len(diff_ids); n++) {
		const char *d = doc_str_at(diff_ids, n);

		if (!digest_valid(d))
			return err_set(err, ERR_SYSTEM, EBADMSG,
				"configuration of image %.19s: invalid diff-id", id);
		strv_add(&i->diff_ids, d);
	}
	load_names(i, ix);
	*ret = take_ptr(&i);
	return 0;
}

char **image_ids(const struct oci_index *ix)
{
	char **ids = NULL;

	for (size_t i = 0; i < ix->count; i++)
		if (*ix->entries[i].config && !strv_has(ids, ix->entries[i].config))
			strv_add(&ids, ix->entries[i].config);
	return ids;
}

int image_find(struct core *c, const char *ref, struct image **ret, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	const char *id;
	int r;

	r = oci_index_read(&c->dirs, &ix, err);
	if (r == 0)
		r = image_resolve(&ix, ref, &id, NULL, err);
	if (r < 0)
		return r;
	if (!*id)
		return image_missing(ref, err);
	return image_load(c, &ix, id, ret, err);
}

int image_names_open(struct core *c, struct image_names **ret, struct err *err)
{
	struct image_names *n = xcalloc(1, sizeof(*n));
	int r = oci_index_read(&c->dirs, &n->ix, err);

	if (r < 0) {
		free(n);
		return r;
	}
	*ret = n;
	return 0;
}

const char *image_names_lookup(const struct image_names *n, const char *ref)
{
	const char *id;

	return image_resolve(&n->ix, ref, &id, NULL, NULL) < 0 ? "" : id;
}

void image_names_free(struct image_names *n)
{
	if (!n)
		return;
	oci_index_clear(&n->ix);
	free(n);
}

size_t image_count(struct core *c)
{
	auto_index struct oci_index ix = { 0 };
	auto_strv char **ids = NULL;

	if (oci_index_read(&c->dirs, &ix, NULL) < 0)
		return 0;
	ids = image_ids(&ix);
	return strv_len(ids);
}

/* ---- what an image says about itself */

int64_t image_size(struct core *c, const struct image *i)
{
	int64_t size = 0;

	for (char **d = i->diff_ids; d && *d; d++)
		size += layer_size(&c->dirs, *d);
	return size;
}

int64_t image_created(const struct image *i)
{
	const char *text = doc_str(i->document, "created");
	int64_t ns = 0;

	if (text)
		(void)time_parse(text, &ns);
	return ns;
}

const char *image_parent(const struct oci_index *ix, const struct image *i)
{
	const char *parent = doc_str(i->document, "parent");

	for (size_t n = 0; parent && n < ix->count; n++)
		if (str_eq(ix->entries[n].config, parent))
			return parent;
	return "";
}

const char *image_label(void *arg, const char *label)
{
	const struct image *i = arg;

	return doc_str(doc_object(i->config, "Labels"), label);
}

/* Starts the repair that fsck is, without waiting for it. */
static void begin_repair(struct core *c)
{
	static const char *const argv[] = { "fsck", NULL };
	struct worker w;

	if (worker_spawn(c, argv, false, &w, NULL) == 0)
		worker_clear(&w);
}

int image_layer_path(struct core *c, const char *diff_id, char **ret, struct err *err)
{
	switch (layer_state(&c->dirs, diff_id)) {
	case LAYER_READY: *ret = layer_path(&c->dirs, diff_id); return 0;
	case LAYER_SUSPECT:
		begin_repair(c);
		return err_set(err, ERR_UNAVAILABLE, EAGAIN,
			"layer %.19s was being written when the machine went down; it is being "
			"unpacked again, try again shortly",
			diff_id);
	case LAYER_MISSING: break;
	}
	begin_repair(c);
	return err_set(err, ERR_SYSTEM, ENOENT,
		"layer %.19s is missing; it is unpacked again if its image is still here", diff_id);
}
