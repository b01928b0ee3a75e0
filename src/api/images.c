/* api/images.c - handlers of the image operations. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/images.h"

int api_image_list(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "before", "dangling", "label", "label!", "reference",
		"since", "until", NULL };
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r == 0)
		r = req_core(req, &c, err);
	if (r == 0)
		r = image_list(c, f, req_query_bool(req, "all", false),
			req_query_bool(req, "digests", false), req_api_minor(req), &out, err);
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

static int import(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const options[] = { "repo", "tag", "message", "platform" };
	auto_strv char **argv = NULL;
	auto_strv char **changes = req_query_all(req, "changes");

	strv_add(&argv, "import");
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

/* POST /images/create: a pull with fromImage, an import with fromSrc. */
int api_image_create(struct request *req, struct reply *rep, struct err *err)
{
	const char *image = req_query(req, "fromImage");
	const char *source = req_query(req, "fromSrc");

	if (!str_empty(image))
		return pull(req, rep, image, err);
	if (str_empty(source))
		return err_set(err, ERR_INVALID, EINVAL, "neither fromImage nor fromSrc is given");
	if (!str_eq(source, "-"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"fromSrc=%.128s: importing from a URL is not supported yet; send the archive as "
			"the request's body (docker import -)",
			source);
	return import(req, rep, err);
}
