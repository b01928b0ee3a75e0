/* GET /images/json and what decides which images it shows. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/image_store.h"
#include "oci/doc.h"
#include "json/text.h"

#define MINOR_EMPTY_NAMES 43 /* before it, a dangling image was called <none>:<none> */

struct images {
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

/* "90s", "10m", "1h30m" before now, or a point in time. */
static int parse_until(const char *text, int64_t *ret, struct err *err)
{
	int64_t ago = 0;
	const char *p = text;

	if (time_parse(text, ret) == 0)
		return 0;
	while (*p) {
		char *end;
		long long n = strtoll(p, &end, 10);
		int64_t unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : *end == 's' ? 1 : 0;

		if (end == p || n < 0 || n > 1000000 || !unit)
			break;
		ago += n * unit * NSEC_PER_SEC;
		p = end + 1;
	}
	if (!*text || *p)
		return err_set(err, ERR_INVALID, EINVAL, "invalid filter 'until': %s", text);
	*ret = time_now() - ago;
	return 0;
}

/* label! : none of its values may hold. */
static bool has_refused_label(const struct image *i, const struct filters *f)
{
	for (char *const *v = filters_get(f, "label!"); v && *v; v++) {
		const char *eq = strchr(*v, '=');
		auto_free char *key = xstrndup(*v, eq ? (size_t)(eq - *v) : strlen(*v));
		const char *value = image_label((void *)(uintptr_t)i, key);

		if (value && (!eq || str_eq(eq + 1, value)))
			return true;
	}
	return false;
}

int image_matches(const struct image *i, const struct filters *f, bool *ret, struct err *err)
{
	char *const *until = filters_get(f, "until");

	*ret = false;
	for (; until && *until; until++) {
		int64_t limit;
		int r = parse_until(*until, &limit, err);

		if (r < 0)
			return r;
		if (image_created(i) >= limit)
			return 0;
	}
	*ret = filters_match_labels(f, "label", image_label, (void *)(uintptr_t)i) &&
		!has_refused_label(i, f);
	return 0;
}

/* since and before: the age of the images named there; given: whether there was any. */
struct span {
	bool has_since, has_before;
	int64_t since, before;
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
static int shown(struct image *i, const struct filters *f, const struct span *span, int dangling,
	bool *ret, struct err *err)
{
	char *const *patterns = filters_get(f, "reference");
	int r;

	r = image_matches(i, f, ret, err);
	if (r < 0 || !*ret)
		return r;
	*ret = in_span(span, i) && (dangling < 0 || (dangling == 1) == !i->repo_tags);
	if (!*ret || !patterns)
		return 0;
	keep_fitting(&i->repo_tags, patterns);
	keep_fitting(&i->repo_digests, patterns);
	*ret = i->repo_tags || i->repo_digests;
	return 0;
}

static void print_names(
	struct jsonw *w, const char *key, char *const *names, const char *none, unsigned api_minor)
{
	if (names || api_minor >= MINOR_EMPTY_NAMES) {
		jw_strv(w, key, names);
		return;
	}
	jw_array(w, key);
	jw_str(w, NULL, none);
	jw_array_end(w);
}

static void print_row(struct core *c, struct jsonw *w, const struct image *i, unsigned api_minor)
{
	json_object *labels = doc_object(i->config, "Labels");
	int64_t size = image_size(c, i);

	jw_object(w, NULL);
	jw_int(w, "Containers", -1);
	jw_int(w, "Created", image_created(i) / NSEC_PER_SEC);
	jw_str(w, "Id", i->id);
	if (labels)
		json_write(w, "Labels", labels);
	else
		jw_raw(w, "Labels", "{}");
	jw_str(w, "ParentId", "");
	print_names(w, "RepoDigests", i->repo_digests, "<none>@<none>", api_minor);
	print_names(w, "RepoTags", i->repo_tags, "<none>:<none>", api_minor);
	jw_int(w, "SharedSize", -1);
	jw_int(w, "Size", size);
	jw_int(w, "VirtualSize", size);
	jw_object_end(w);
}

int image_list(struct core *c, const struct filters *f, bool all, bool digests, unsigned api_minor,
	struct buf *out, struct err *err)
{
	__attribute__((cleanup(images_clear))) struct images list = { 0 };
	auto_index struct oci_index ix = { 0 };
	struct span span = { 0 };
	struct jsonw w = JSONW(out);
	int dangling, r;

	(void)all; /* there are no intermediate images to hide */
	(void)digests;
	r = filters_bool(f, "dangling", &dangling, err);
	if (r == 0)
		r = span_read(c, f, &span, err);
	if (r == 0)
		r = oci_index_read(&c->dirs, &ix, err);
	if (r == 0)
		load_all(c, &ix, &list);
	jw_array(&w, NULL);
	for (size_t n = 0; r == 0 && n < list.count; n++) {
		bool show;

		r = shown(list.v[n], f, &span, dangling, &show, err);
		if (r == 0 && show)
			print_row(c, &w, list.v[n], api_minor);
	}
	jw_array_end(&w);
	return r;
}
