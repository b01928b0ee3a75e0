/* api/copies.c - `docker cp`: the files of one container at one path. dayfly-worker's work; here the
 * container is found, and for one that does not run the plan is written by which its files are put
 * together. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "json/text.h"

static bool runs(const struct container *ct)
{
	return ct->status.state == RUN_RUNNING || ct->status.state == RUN_PAUSED;
}

/* While a monitor lives there is one, and it may be about to read it. */
static int write_plan(struct core *c, const struct container *ct, struct err *err)
{
	int r = 0;

	if (!runs(ct) && !container_monitor_lives(c, ct->id))
		r = container_compile(c, ct, err);
	return r > 0 ? -err->sys : r;
}

static int find(
	struct request *req, const char *job, struct container **ct, char ***argv, struct err *err)
{
	const char *path = req_query(req, "path"), *typed = req_param(req, "id");
	struct core *c;
	int r;

	if (str_empty(path))
		return err_set(err, ERR_INVALID, EINVAL, "bad parameter: path cannot be empty");
	r = req_core(req, &c, err);
	if (r == 0)
		r = container_find(c, typed, ct, err);
	if (r == 0)
		r = write_plan(c, *ct, err);
	if (r < 0)
		return r;
	strv_add(argv, job);
	container_words(argv, *ct);
	strv_add_take(argv, xasprintf("typed=%s", typed));
	strv_add_take(argv, xasprintf("path=%s", path));
	return 0;
}

static int read_files(struct request *req, struct reply *rep, const char *job, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **argv = NULL;
	int r = find(req, job, &ct, &argv, err);

	return r < 0 ? r : handover_worker(req, rep, (const char *const *)argv, err);
}

int api_container_archive_info(struct request *req, struct reply *rep, struct err *err)
{
	return read_files(req, rep, "archive-stat", err);
}

int api_container_archive(struct request *req, struct reply *rep, struct err *err)
{
	return read_files(req, rep, "archive-get", err);
}

/* copyUIDGID gives everything to the container's user. Where it has none, and without the wish, the
 * archive's owners stay, as in Docker. */
int api_container_archive_put(struct request *req, struct reply *rep, struct err *err)
{
	bool keep_kinds = req_query_bool(req, "noOverwriteDirNonDir", false);
	auto_container struct container *ct = NULL;
	auto_strv char **argv = NULL;
	int r = find(req, "archive-put", &ct, &argv, err);

	if (r < 0)
		return r;
	strv_add(&argv, keep_kinds ? "keep-kinds=1" : "keep-kinds=0");
	if (req_query_bool(req, "copyUIDGID", false))
		strv_add_take(&argv, xasprintf("user=%s", json_get_str(ct->config, "User", "")));
	return handover_upload(req, rep, (const char *const *)argv, err);
}
