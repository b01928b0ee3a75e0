/* api/images.c - handlers of the image operations. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/images.h"

#define FILTER_UNTIL 41 /* API 1.41 knows `filters` only; before, `filter` was a pattern of names */

int api_image_list(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "before", "dangling", "label", "label!", "reference",
		"since", "until", NULL };
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };
	struct core *c;
	const struct image_list_how how = { .usage = req_query_bool(req, "shared-size", false),
		.api_minor = req_api_minor(req) };
	const char *pattern = how.api_minor < FILTER_UNTIL ? req_query(req, "filter") : NULL;
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r == 0 && !str_empty(pattern))
		filters_add(f, "reference", pattern);
	/* all: there are no intermediate images to hide; digests: they are always told */
	if (r == 0)
		r = req_core(req, &c, err);
	if (r == 0)
		r = image_list(c, f, &how, &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

typedef int image_fn(struct core *c, const char *name, struct buf *out, struct err *err);

static int show(struct request *req, struct reply *rep, image_fn *fn, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = fn(c, req_param(req, "name"), &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

int api_image_inspect(struct request *req, struct reply *rep, struct err *err)
{
	return show(req, rep, image_inspect, err);
}

/* The words are Docker's for a store that keeps none, as ours. */
int api_image_attestations(struct request *req, struct reply *rep, struct err *err)
{
	auto_image struct image *image = NULL;
	struct core *c;
	int r = req_core(req, &c, err);

	(void)rep;
	if (r == 0)
		r = image_find(c, req_param(req, "name"), &image, err);
	return r < 0 ? r
		     : err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			       "attestations are not supported by this image store");
}

int api_image_history(struct request *req, struct reply *rep, struct err *err)
{
	return show(req, rep, image_history, err);
}

int api_image_tag(struct request *req, struct reply *rep, struct err *err)
{
	const char *repo = req_query(req, "repo");
	struct core *c;
	int r;

	if (str_empty(repo))
		return err_set(err, ERR_INVALID, EINVAL, "invalid reference format");
	r = req_core(req, &c, err);
	if (r == 0)
		r = image_tag(c, req_param(req, "name"), repo, req_query(req, "tag"), err);
	return r < 0 ? r : reply_empty(rep, 201);
}

int api_image_remove(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = image_remove(c, req_param(req, "name"), req_query_bool(req, "force", false),
			!req_query_bool(req, "noprune", false), &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

int api_image_prune(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "dangling", "label", "label!", "until", NULL };

	return handover_prune(req, rep, keys, image_prune, err);
}

/* POST /images/load: the archive flows to the worker, which tells what it found. */
int api_image_load(struct request *req, struct reply *rep, struct err *err)
{
	bool quiet = req_query_bool(req, "quiet", true);

	return handover_upload(req, rep,
		(const char *const[]){ "load", quiet ? "quiet=1" : "quiet=0", NULL }, err);
}

static void add_option(char ***argv, const char *name, const char *value)
{
	strv_add_take(argv, xasprintf("%s=%s", name, value ? value : ""));
}

/* source: "-" or a URL; one without a scheme means http, as in Docker. */
static int import(struct request *req, struct reply *rep, const char *source, struct err *err)
{
	static const char *const options[] = { "repo", "tag", "message", "platform" };
	auto_strv char **argv = NULL;
	auto_strv char **changes = req_query_all(req, "changes");

	if (strstr(source, "://") && !str_starts(source, "http://") &&
		!str_starts(source, "https://"))
		return err_set(err, ERR_INVALID, EINVAL,
			"fromSrc=%.128s: files are imported from http and https only", source);
	strv_add(&argv, "import");
	if (!str_eq(source, "-"))
		strv_add_take(&argv,
			xasprintf("source=%s%s", strstr(source, "://") ? "" : "http://", source));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		add_option(&argv, options[i], req_query(req, options[i]));
	for (char **change = changes; change && *change; change++)
		add_option(&argv, "changes", *change);
	return handover_upload(req, rep, (const char *const *)argv, err);
}

static int pull(struct request *req, struct reply *rep, const char *image, struct err *err)
{
	auto_strv char **argv = NULL;

	strv_add(&argv, "pull");
	add_option(&argv, "from", image);
	add_option(&argv, "tag", req_query(req, "tag"));
	add_option(&argv, "platform", req_query(req, "platform"));
	return handover_credentials(
		req, rep, (const char *const *)argv, req_header(req, "X-Registry-Auth"), err);
}

/* What goes to a registry is checked here already: nothing was begun then. */
static int read_reference(const char *name, const char *tag, struct image_ref *ret, struct err *err)
{
	int r = str_empty(tag) ? image_ref_parse(name, ret, err)
			       : image_ref_make(name, tag, ret, err);

	if (r < 0)
		return r;
	if (str_eq(ret->familiar, "scratch"))
		return err_set(err, ERR_DENIED, EPERM, "'scratch' is a reserved name");
	return 0;
}

static int check_push_platform(struct request *req, const struct image_ref *ref, struct err *err)
{
	const char *platform = req_query(req, "platform");
	struct core *c;
	int r;

	if (str_empty(platform))
		return 0;
	if (str_empty(req_query(req, "tag")) && !image_ref_complete(req_param(req, "name")))
		return err_set(err, ERR_INVALID, EINVAL,
			"platform is for the push of one tag, not of all of a repository");
	r = req_core(req, &c, err);
	return r < 0 ? r : image_check_platform(c, ref, platform, err);
}

int api_image_push(struct request *req, struct reply *rep, struct err *err)
{
	const char *name = req_param(req, "name"), *tag = req_query(req, "tag");
	auto_ref struct image_ref ref = { 0 };
	auto_strv char **argv = NULL;
	int r = strchr(name, '@') || (tag && strchr(tag, ':'))
		? err_set(err, ERR_INVALID, EINVAL, "cannot push a digest reference")
		: read_reference(name, tag, &ref, err);

	if (r == 0)
		r = check_push_platform(req, &ref, err);
	if (r < 0)
		return r;
	strv_add(&argv, "push");
	add_option(&argv, "name", name);
	add_option(&argv, "tag", tag);
	return handover_credentials(
		req, rep, (const char *const *)argv, req_header(req, "X-Registry-Auth"), err);
}

int api_distribution_inspect(struct request *req, struct reply *rep, struct err *err)
{
	const char *name = req_param(req, "name");
	auto_ref struct image_ref ref = { 0 };
	auto_strv char **argv = NULL;
	int r = read_reference(name, NULL, &ref, err);

	if (r < 0)
		return r;
	strv_add(&argv, "distribution");
	add_option(&argv, "name", name);
	return handover_credentials(
		req, rep, (const char *const *)argv, req_header(req, "X-Registry-Auth"), err);
}

/* ---- search */

#define SEARCH_DEFAULT 25
#define SEARCH_MAX     100

/* The largest of the values counts. */
static int min_stars(const struct filters *f, int64_t *ret, struct err *err)
{
	*ret = 0;
	for (char *const *v = filters_get(f, "stars"); v && *v; v++) {
		int64_t n;

		if (str_to_i64(*v, &n) < 0)
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid filter 'stars=%.64s'", *v);
		if (n > *ret)
			*ret = n;
	}
	return 0;
}

static int search_words(struct request *req, char ***argv, bool *ret_none, struct err *err)
{
	static const char *const keys[] = { "is-automated", "is-official", "stars", NULL };
	auto_filters struct filters *f = NULL;
	const char *term = req_query(req, "term");
	int limit, automated, official, r;
	int64_t stars = 0;

	r = filters_parse(req_query(req, "filters"), keys, &f, err);
	if (r == 0)
		r = filters_bool(f, "is-automated", &automated, err);
	if (r == 0)
		r = filters_bool(f, "is-official", &official, err);
	if (r == 0)
		r = min_stars(f, &stars, err);
	if (r == 0)
		r = req_query_int(req, "limit", SEARCH_DEFAULT, &limit, err);
	if (r < 0)
		return r;
	if (limit < 1 || limit > SEARCH_MAX)
		return err_set(err, ERR_INVALID, ERANGE, "limit %d is outside the range of [1, %d]",
			limit, SEARCH_MAX);
	if (str_empty(term) || strstr(term, "://"))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid repository name: '%.128s' is nothing to search for",
			term ? term : "");
	*ret_none = automated == 1; /* as Docker: nothing is, any more */
	strv_add(argv, "search");
	add_option(argv, "term", term);
	strv_add_take(argv, xasprintf("limit=%d", limit));
	strv_add_take(argv, xasprintf("stars=%lld", (long long)stars));
	if (official >= 0)
		strv_add(argv, official ? "official=1" : "official=0");
	return 0;
}

int api_image_search(struct request *req, struct reply *rep, struct err *err)
{
	auto_strv char **argv = NULL;
	auto_buf struct buf none = { 0 };
	bool nothing = false;
	int r = search_words(req, &argv, &nothing, err);

	if (r < 0)
		return r;
	if (nothing) {
		buf_adds(&none, "[]");
		return reply_json(rep, 200, &none);
	}
	return handover_credentials(
		req, rep, (const char *const *)argv, req_header(req, "X-Registry-Auth"), err);
}

/* POST /images/create: a pull with fromImage, an import with fromSrc. */
int api_image_create(struct request *req, struct reply *rep, struct err *err)
{
	const char *image = req_query(req, "fromImage");
	const char *source = req_query(req, "fromSrc");

	if (!str_empty(image))
		return pull(req, rep, image, err);
	if (str_empty(source))
		return err_set(err, ERR_INVALID, EINVAL, "neither fromImage nor fromSrc is given");
	return import(req, rep, source, err);
}
