/* api/containers_resources.c - handlers of what a running container uses: stats, limits, pausing. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "state/usage.h"

static int find(struct request *req, struct core **c, struct container **ct, struct err *err)
{
	int r = req_core(req, c, err);

	return r < 0 ? r : container_find(*c, req_param(req, "id"), ct, err);
}

/* ---- pause */

static int check_pausable(const struct container *ct, struct err *err)
{
	switch (ct->status.state) {
	case RUN_RUNNING: return 0;
	case RUN_PAUSED:
		return err_set(
			err, ERR_CONFLICT, EALREADY, "Container %s is already paused", ct->id);
	case RUN_RESTARTING:
		return err_set(err, ERR_CONFLICT, EBUSY,
			"Container %s is restarting, wait until the container is running", ct->id);
	case RUN_CREATED:
	case RUN_REMOVING:
	case RUN_EXITED:
	case RUN_DEAD:
	case RUN_STATE_COUNT: break;
	}
	return err_set(err, ERR_CONFLICT, ESRCH, "Container %s is not running", ct->id);
}

int api_container_pause(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	struct core *c;
	int r = find(req, &c, &ct, err);

	if (r == 0)
		r = check_pausable(ct, err);
	return r < 0 ? r : handover_monitor(req, rep, ct->id, "pause", NULL, err);
}

int api_container_unpause(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	struct core *c;
	int r = find(req, &c, &ct, err);

	if (r < 0)
		return r;
	if (ct->status.state != RUN_PAUSED) /* a 500, as Docker's own */
		return err_set(err, ERR_SYSTEM, EINVAL, "Container %s is not paused", ct->id);
	return handover_monitor(req, rep, ct->id, "unpause", NULL, err);
}

/* ---- stats */

/* Of a container that does not run: zeros, and nobody has to be started to say so. */
static int answer_nothing(struct reply *rep, const struct container *ct)
{
	auto_free char *name = xasprintf("/%s", ct->name);
	const struct usage none = { 0 };
	auto_buf struct buf out = { 0 };

	usage_print(&out, ct->id, name, &none, &none);
	return reply_json(rep, 200, &out);
}

int api_container_stats(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	bool stream = req_query_bool(req, "stream", true);
	bool one_shot = req_api_minor(req) >= 41 && req_query_bool(req, "one-shot", false);
	struct core *c;
	int r;

	if (stream && one_shot)
		return err_set(
			err, ERR_INVALID, EINVAL, "cannot have stream=true and one-shot=true");
	r = find(req, &c, &ct, err);
	if (r < 0)
		return r;
	if (ct->status.state != RUN_RUNNING && ct->status.state != RUN_PAUSED) {
		if (!stream)
			return answer_nothing(rep, ct);
		if (!container_monitor_lives(c, ct->id)) /* it will read the plan */
			(void)container_compile(c, ct, NULL);
	}
	return handover_monitor(req, rep, ct->id, "stats",
		(const char *const[]){
			stream ? "stream=1" : "stream=0", one_shot ? "one-shot=1" : NULL, NULL },
		err);
}

/* ---- update */

int api_container_update(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_buf struct buf out = { 0 };
	auto_free char *answer = NULL;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = container_update(c, req_param(req, "id"), req_body(req), &out, &ct, err);
	if (r < 0)
		return r;
	if (!container_monitor_lives(c, ct->id))
		return reply_json(rep, 200, &out);
	answer = xasprintf("answer=%s", out.data);
	return handover_monitor(
		req, rep, ct->id, "update", (const char *const[]){ answer, NULL }, err);
}
