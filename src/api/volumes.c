/* api/volumes.c - named volumes do not exist yet: lists are empty, names are unknown. */
#include "api/handlers.h"

int api_volume_list(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "dangling", "driver", "label", "label!", "name", NULL };

	return reply_empty_list(req, rep, keys, "{\"Volumes\":[],\"Warnings\":null}", err);
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

	return reply_empty_list(
		req, rep, keys, "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}", err);
}
