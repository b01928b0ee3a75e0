/* api/volumes.c - handlers of volumes. */
#include "core/volumes.h"
#include "api/handlers.h"

#define PRUNE_ANONYMOUS_SINCE 42 /* API 1.42 spares named ones unless told otherwise */

int api_volume_list(struct request *req, struct reply *rep, struct err *err)
{
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = filters_parse(req_query(req, "filters"), volume_list_filters, &f, err);

	if (r == 0)
		r = req_core(req, &c, err);
	if (r == 0)
		r = volume_list(c, f, &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

int api_volume_create(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = volume_create(c, req_body(req), &out, err);
	return r < 0 ? r : reply_json(rep, 201, &out);
}

int api_volume_inspect(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = volume_inspect(c, req_param(req, "name"), &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

int api_volume_remove(struct request *req, struct reply *rep, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = volume_remove(
			c, req_param(req, "name"), req_query_bool(req, "force", false), err);
	return r < 0 ? r : reply_empty(rep, 204);
}

int api_volume_update(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNAVAILABLE, ENOTSUP,
		"volume update only valid for cluster volumes, but swarm is unavailable");
}

int api_volume_prune(struct request *req, struct reply *rep, struct err *err)
{
	bool spare = req_api_minor(req) >= PRUNE_ANONYMOUS_SINCE;

	return handover_prune(
		req, rep, volume_prune_filters, spare ? volume_prune : volume_prune_all, err);
}
