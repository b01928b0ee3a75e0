/* api/refused.c - operations of Docker's API that end in a clear answer instead of an effect. */
#include "api/handlers.h"

int api_not_supported(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const methods[METHOD_COUNT] = { "GET", "HEAD", "POST", "PUT", "DELETE",
		"OPTIONS" };
	const struct route *route = req_route(req);

	(void)rep;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "%s is not supported yet (%s %s)",
		route->operation, methods[route->method], route->path);
}

int api_swarm_refused(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "swarm mode is not supported");
}

int api_plugin_refused(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "plugins are not supported");
}

/* Docker's words for a node outside a swarm; the CLI shows them as they are. */
int api_swarm_inactive(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNAVAILABLE, ENOTSUP,
		"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" "
		"to connect this node to swarm and try again.");
}

int api_swarm_leave(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNAVAILABLE, ENOTSUP, "This node is not part of a swarm");
}

int api_plugin_list(struct request *req, struct reply *rep, struct err *err)
{
	struct buf out = { 0 };

	(void)req;
	(void)err;
	buf_adds(&out, "[]");
	return reply_json(rep, 200, &out);
}

/* Must be a 404: `docker inspect NAME` asks here last and takes anything else as a failure. */
int api_plugin_missing(struct request *req, struct reply *rep, struct err *err)
{
	(void)rep;
	return err_set(
		err, ERR_NOT_FOUND, ENOENT, "plugin \"%.200s\" not found", req_param(req, "name"));
}
