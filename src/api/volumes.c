/* api/volumes.c - named volumes do not exist yet: lists are empty, names are unknown. */
#include "api/handlers.h"

#include "base/jsonw.h"
#include "core/filters.h"

int api_volume_list(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "dangling", "driver", "label", "label!", "name", NULL };
	auto_filters struct filters *f = NULL;
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r < 0)
		return r;
	jw_object(&w, NULL);
	jw_array(&w, "Volumes");
	jw_array_end(&w);
	jw_null(&w, "Warnings");
	jw_object_end(&w);
	return reply_json(rep, 200, &out);
}

/* Inspect, and remove: which forgives a missing volume when forced. */
int api_volume_missing(struct request *req, struct reply *rep, struct err *err)
{
	if (req_method(req) == DELETE && req_query_bool(req, "force", false))
		return reply_empty(rep, 204);
	return err_set(
		err, ERR_NOT_FOUND, ENOENT, "get %.200s: no such volume", req_param(req, "name"));
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
	static const char *const keys[] = { "all", "label", "label!", NULL };
	auto_filters struct filters *f = NULL;
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r < 0)
		return r;
	jw_object(&w, NULL);
	jw_array(&w, "VolumesDeleted");
	jw_array_end(&w);
	jw_int(&w, "SpaceReclaimed", 0);
	jw_object_end(&w);
	return reply_json(rep, 200, &out);
}
