/* api/archives.c - images and containers as archives, and images from containers. All of it is
 * dayfly-worker's work; here names are resolved, and what is wrong with them is told. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "core/images.h"
#include "core/removed.h"

/* of_removed: one that was removed will do, too, if its files were kept. */
static int read_container(
	struct request *req, struct reply *rep, const char *job, bool of_removed, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **argv = NULL;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = container_find(c, req_param(req, "id"), &ct, err);
	of_removed = of_removed && r == -ENOENT;
	if (of_removed)
		r = removed_find(c, req_param(req, "id"), &ct, err);
	if (r < 0)
		return r;
	strv_add(&argv, job);
	container_words(&argv, ct);
	if (of_removed)
		strv_add(&argv, "removed=1");
	return handover_worker(req, rep, (const char *const *)argv, err);
}

int api_container_export(struct request *req, struct reply *rep, struct err *err)
{
	return read_container(req, rep, "export", false, err);
}

int api_container_changes(struct request *req, struct reply *rep, struct err *err)
{
	return read_container(req, rep, "diff", true, err);
}

/* ---- commit */

static int check_committable(const struct container *ct, struct err *err)
{
	if (ct->status.state == RUN_DEAD)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"You cannot commit container %s which is Dead", ct->id);
	if (ct->status.state == RUN_REMOVING)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"You cannot commit container %s which is being removed", ct->id);
	return 0;
}

static int check_name(const struct request *req, struct err *err)
{
	auto_ref struct image_ref ref = { 0 };
	const char *repo = req_query(req, "repo");

	return str_empty(repo) ? 0 : image_ref_make(repo, req_query(req, "tag"), &ref, err);
}

int api_image_commit(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const options[] = { "repo", "tag", "comment", "author" };
	auto_strv char **argv = NULL, **changes = req_query_all(req, "changes");
	auto_container struct container *ct = NULL;
	const char *typed = req_query(req, "container");
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = container_find(c, typed ? typed : "", &ct, err);
	if (r == 0)
		r = check_committable(ct, err);
	if (r == 0)
		r = check_name(req, err);
	if (r < 0)
		return r;
	strv_add(&argv, "commit");
	strv_add(&argv, req_query_bool(req, "pause", true) ? "pause=1" : "pause=0");
	container_words(&argv, ct);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *value = req_query(req, options[i]);

		strv_add_take(&argv, xasprintf("%s=%s", options[i], value ? value : ""));
	}
	for (char **change = changes; change && *change; change++)
		strv_add_take(&argv, xasprintf("changes=%s", *change));
	return handover_worker_body(req, rep, (const char *const *)argv, err);
}

/* ---- save */

static int save(struct request *req, struct reply *rep, char *const *names, struct err *err)
{
	auto_strv char **argv = NULL;
	struct core *c;
	int r = req_core(req, &c, err);

	strv_add(&argv, "save");
	if (r == 0)
		r = image_save_words(c, names, req_query(req, "platform"), &argv, err);
	return r < 0 ? r : handover_worker(req, rep, (const char *const *)argv, err);
}

int api_image_get(struct request *req, struct reply *rep, struct err *err)
{
	auto_strv char **names = NULL;

	strv_add(&names, req_param(req, "name"));
	return save(req, rep, names, err);
}

int api_image_get_all(struct request *req, struct reply *rep, struct err *err)
{
	auto_strv char **names = req_query_all(req, "names");

	return save(req, rep, names, err);
}
