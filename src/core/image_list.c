/* GET /images/json and what decides which images it shows. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/image_store.h"
#include "core/scan.h"
#include "oci/doc.h"
#include "oci/layer.h"
#include "json/text.h"

#define MINOR_EMPTY_NAMES 43 /* before it, a dangling image was called <none>:<none> */

struct images {
	const struct oci_index *ix; /* they are of; borrowed */
	struct image **v;
	size_t count;
};

static void images_clear(struct images *l)
{
	for (size_t n = 0; n < l->count; n++)
		image_free(l->v[n]);
	free(l->v);
}

static int compare_age(const void *a, const void *b)
{
	int64_t x = image_created(*(struct image *const *)a);
	int64_t y = image_created(*(struct image *const *)b);

	return (x < y) - (x > y); /* newest first */
}

static void load_all(struct core *c, const struct oci_index *ix, struct images *ret)
{
	auto_strv char **ids = image_ids(ix);

	ret->ix = ix;
	ret->v = xcalloc(strv_len(ids) + 1, sizeof(*ret->v));
	for (char **id = ids; id && *id; id++) {
		struct err err;

		/* one damaged image must not hide the others */
		if (image_load(c, ix, *id, &ret->v[ret->count], &err) < 0)
			log_warning("%s; dayfly-worker fsck looks into it", err.msg);
		else
			ret->count++;
	}
	qsort(ret->v, ret->count, sizeof(*ret->v), compare_age);
}

/* ---- who shares what */

/* A layer and how many images have it; a container's image. */
struct layer_use {
	const char *diff_id; /* an image's */
	unsigned images;
	int64_t size;
};

struct usage {
	struct layer_use *layers; /* sorted, each once */
	size_t n_layers;
	char **containers; /* the image id of each */
};

static void usage_clear(struct usage *u)
{
	free(u->layers);
	strv_free(u->containers);
}

static int compare_layer(const void *a, const void *b)
{
	return strcmp(
		((const struct layer_use *)a)->diff_id, ((const struct layer_use *)b)->diff_id);
}

static bool has_before(char *const *v, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return false;
}

static void count_layers(struct core *c, const struct images *l, struct usage *u)
{
	size_t n = 0, all = 0;

	for (size_t i = 0; i < l->count; i++)
		all += strv_len(l->v[i]->diff_ids);
	u->layers = xcalloc(all + 1, sizeof(*u->layers));
	for (size_t i = 0; i < l->count; i++) {
		char **ids = l->v[i]->diff_ids;

		for (size_t k = 0; ids && ids[k]; k++)
			if (!has_before(ids, k, ids[k]))
				u->layers[n++] = (struct layer_use){ ids[k], 1, 0 };
	}
	qsort(u->layers, n, sizeof(*u->layers), compare_layer);
	for (size_t i = 0; i < n; i++) {
		struct layer_use *last = u->n_layers ? &u->layers[u->n_layers - 1] : NULL;

		if (last && str_eq(last->diff_id, u->layers[i].diff_id)) {
			last->images++;
			continue;
		}
		u->layers[u->n_layers] = u->layers[i];
		u->layers[u->n_layers++].size = layer_size(&c->dirs, u->layers[i].diff_id);
	}
}

static int count_containers(struct core *c, struct usage *u, struct err *err)
{
	auto_scan struct scan scan = { .data = FD_NONE, .run = FD_NONE };
	const struct known *known;
	struct status st;
	int r = scan_open(c, &scan, err);

	while (r == 0 && scan_next(&scan, &known, &st))
		strv_add(&u->containers, known->summary.image_id);
	return r;
}

static int64_t shared_size(const struct usage *u, const struct image *i)
{
	int64_t sum = 0;

	for (char **d = i->diff_ids; d && *d; d++) {
		const struct layer_use key = { .diff_id = *d };
		const struct layer_use *l =
			bsearch(&key, u->layers, u->n_layers, sizeof(*u->layers), compare_layer);

		if (l && l->images > 1)
			sum += l->size;
	}
	return sum;
}

static int64_t container_uses(const struct usage *u, const struct image *i)
{
	int64_t n = 0;

	for (char **id = u->containers; id && *id; id++)
		n += str_eq(*id, i->id);
	return n;
}

int image_layers_size(struct core *c, int64_t *ret, struct err *err)
{
	__attribute__((cleanup(images_clear))) struct images list = { 0 };
	__attribute__((cleanup(usage_clear))) struct usage u = { 0 };
	auto_index struct oci_index ix = { 0 };
	int r = oci_index_read(&c->dirs, &ix, err);

	if (r < 0)
		return r;
	load_all(c, &ix, &list);
	count_layers(c, &list, &u);
	*ret = 0;
	for (size_t i = 0; i < u.n_layers; i++)
		*ret += u.layers[i].size;
	return 0;
}

/* ---- filters */

bool image_matches(const struct image *i, const struct filters *f, int64_t until)
{
	return (!until || image_created(i) < until) &&
		filters_match_labels(f, image_label, (void *)(uintptr_t)i);
}

/* since and before: the age of the images named there; has: whether there was any. until: 0 if not given. */
struct span {
	bool has_since, has_before;
	int64_t since, before, until;
};

static int span_read(struct core *c, const struct filters *f, struct span *ret, struct err *err)
{
	char *const *since = filters_get(f, "since"), *const *before = filters_get(f, "before");

	for (; since && *since; since++) {
		auto_image struct image *i = NULL;
		int r = image_find(c, *since, &i, err);

		if (r < 0)
			return r;
		ret->has_since = true;
		ret->since = image_created(i);
	}
	for (; before && *before; before++) {
		auto_image struct image *i = NULL;
		int r = image_find(c, *before, &i, err);

		if (r < 0)
			return r;
		ret->has_before = true;
		ret->before = image_created(i);
	}
	return filters_time(f, "until", &ret->until, err);
}

/* One character of a class, which may be escaped; NULL: there is none. */
static const char *class_item(const char *p)
{
	if (*p == '\\')
		p++;
	else if (*p == '-' || *p == ']')
		return NULL;
	return *p ? p + 1 : NULL;
}

/* Behind the class that p is in; NULL if it is none, as Go's path.Match has it. */
static const char *class_end(const char *p)
{
	p += *p == '^';
	do {
		p = class_item(p);
		if (p && *p == '-')
			p = class_item(p + 1);
	} while (p && *p != ']');
	return p ? p + 1 : NULL;
}

static bool pattern_valid(const char *p)
{
	while (p && *p) {
		char c = *p++;

		if (c == '\\' && !*p++)
			return false;
		if (c == '[')
			p = class_end(p);
	}
	return p != NULL;
}

static int check_patterns(const struct filters *f, struct err *err)
{
	char *const *v = filters_get(f, "reference");

	for (; v && *v; v++)
		if (!pattern_valid(*v))
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid filter 'reference=%.128s': syntax error in pattern", *v);
	return 0;
}

static bool in_span(const struct span *s, const struct image *i)
{
	int64_t t = image_created(i);

	return (!s->has_since || t > s->since) && (!s->has_before || t < s->before);
}

/* A pattern fits the name with or without its tag or digest. */
static bool pattern_fits(const char *pattern, const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t n = strcspn(slash ? slash : name, ":@") + (slash ? (size_t)(slash - name) : 0);
	auto_free char *bare = xstrndup(name, n);

	return fnmatch(pattern, name, FNM_PATHNAME) == 0 ||
		fnmatch(pattern, bare, FNM_PATHNAME) == 0;
}

static void keep_fitting(char ***names, char *const *patterns)
{
	char **kept = NULL;

	for (char **n = *names; n && *n; n++) {
		char *const *p = patterns;

		while (*p && !pattern_fits(*p, *n))
			p++;
		if (*p)
			strv_add(&kept, *n);
	}
	strv_free(*names);
	*names = kept;
}

/* Whether the list shows i; names that `reference` does not ask for are taken away. */
static bool shown(struct image *i, const struct filters *f, const struct span *span, int dangling)
{
	char *const *patterns = filters_get(f, "reference");

	if (!image_matches(i, f, span->until) || !in_span(span, i) ||
		(dangling >= 0 && (dangling == 1) != image_dangling(i)))
		return false;
	if (!patterns)
		return true;
	keep_fitting(&i->repo_tags, patterns);
	keep_fitting(&i->repo_digests, patterns);
	return i->repo_tags || i->repo_digests;
}

/* Old clients are told of one that has no name at all as having names that say so. */
static void print_names(struct jsonw *w, const struct image *i, unsigned api_minor)
{
	if (image_dangling(i) && api_minor < MINOR_EMPTY_NAMES) {
		jw_raw(w, "RepoDigests", "[\"<none>@<none>\"]");
		jw_raw(w, "RepoTags", "[\"<none>:<none>\"]");
		return;
	}
	jw_strv(w, "RepoDigests", i->repo_digests);
	jw_strv(w, "RepoTags", i->repo_tags);
}

/* usage: NULL if nobody asked. */
static void print_row(struct core *c, struct jsonw *w, const struct images *list,
	const struct image *i, const struct usage *usage, unsigned api_minor)
{
	json_object *labels = doc_object(i->config, "Labels");
	int64_t size = image_size(c, i);

	jw_object(w, NULL);
	jw_int(w, "Containers", usage ? container_uses(usage, i) : -1);
	jw_int(w, "Created", image_created(i) / NSEC_PER_SEC);
	jw_str(w, "Id", i->id);
	if (labels)
		json_write(w, "Labels", labels);
	else
		jw_raw(w, "Labels", "{}");
	jw_str(w, "ParentId", image_parent(list->ix, i));
	print_names(w, i, api_minor);
	jw_int(w, "SharedSize", usage ? shared_size(usage, i) : -1);
	jw_int(w, "Size", size);
	jw_int(w, "VirtualSize", size);
	jw_object_end(w);
}

static int print_rows(struct core *c, struct images *list, const struct filters *f,
	const struct image_list_how *how, struct jsonw *w, struct err *err)
{
	__attribute__((cleanup(usage_clear))) struct usage usage = { 0 };
	struct span span = { 0 };
	int dangling, r;

	r = filters_bool(f, "dangling", &dangling, err);
	if (r == 0)
		r = check_patterns(f, err);
	if (r == 0)
		r = span_read(c, f, &span, err);
	if (r == 0 && how->usage) {
		count_layers(c, list, &usage);
		r = count_containers(c, &usage, err);
	}
	for (size_t n = 0; r == 0 && n < list->count; n++)
		if (shown(list->v[n], f, &span, dangling))
			print_row(
				c, w, list, list->v[n], how->usage ? &usage : NULL, how->api_minor);
	return r;
}

int image_list(struct core *c, const struct filters *f, const struct image_list_how *how,
	struct buf *out, struct err *err)
{
	__attribute__((cleanup(images_clear))) struct images list = { 0 };
	auto_index struct oci_index ix = { 0 };
	struct jsonw w = JSONW(out);
	int r;

	r = oci_index_read(&c->dirs, &ix, err);
	if (r < 0)
		return r;
	load_all(c, &ix, &list);
	jw_array(&w, NULL);
	r = print_rows(c, &list, f, how, &w, err);
	jw_array_end(&w);
	return r;
}
