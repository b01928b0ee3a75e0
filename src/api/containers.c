/* api/containers.c - handlers of what needs no running container: create, look, name, remove, logs. */
#include "api/handlers.h"

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/http_out.h"
#include "base/timefmt.h"
#include "core/container_filter.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "core/removed.h"
#include "json/text.h"

#define LEAVING_PATIENCE NSEC_PER_SEC
#define LEAVING_STEP_US  200

#define MULTIPLEXED_SINCE 42 /* API 1.42 names the framed type; older ones call both raw */

/* Filling takes the user namespace: a worker does it, and answers. */
static int fill_volumes(struct request *req, struct reply *rep, const struct container *ct,
	const struct buf *answer, struct err *err)
{
	auto_buf struct buf attrs = { 0 };
	auto_strv char **argv = NULL;

	container_attrs(&attrs, ct);
	strv_add(&argv, "fill");
	strv_add_take(&argv, xasprintf("id=%s", ct->id));
	strv_add_take(&argv, xasprintf("attrs=%s", attrs.data));
	strv_add_take(&argv, xasprintf("from=%s", ct->image));
	strv_add_take(&argv, xasprintf("name=%s", ct->name));
	strv_add_take(&argv, xasprintf("answer=%s", answer->data));
	return handover_worker(req, rep, (const char *const *)argv, err);
}

int api_container_create(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *unfilled = NULL;
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = container_create(c, req_body(req), req_query(req, "name"),
			req_query(req, "platform"), req_api_minor(req), &out, &unfilled, err);
	if (r == 0 && unfilled)
		return fill_volumes(req, rep, unfilled, &out, err);
	return r < 0 ? r : reply_json(rep, 201, &out);
}

struct list_question {
	const struct filters *filters;
	bool all, size;
	int limit;
};

static int list(struct core *c, const void *arg, struct buf *out, struct err *err)
{
	const struct list_question *q = arg;

	return container_list(c, q->filters, q->all, q->limit, q->size, out, err);
}

int api_container_list(struct request *req, struct reply *rep, struct err *err)
{
	struct list_question q = { .all = req_query_bool(req, "all", false),
		.size = req_query_bool(req, "size", false) };
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r;

	r = filters_parse(req_query(req, "filters"), container_list_filters, &f, err);
	if (r == 0)
		r = req_query_int(req, "limit", 0, &q.limit, err);
	if (r < 0)
		return r;
	q.filters = f;
	if (q.size) /* that means a look at all their files */
		return handover_slow(req, rep, list, &q, err);
	r = req_core(req, &c, err);
	if (r == 0)
		r = list(c, &q, &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

static int inspect_size(struct core *c, const void *arg, struct buf *out, struct err *err)
{
	return container_inspect(c, arg, true, out, err);
}

int api_container_inspect(struct request *req, struct reply *rep, struct err *err)
{
	const char *id = req_param(req, "id");
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r;

	if (req_query_bool(req, "size", false))
		return handover_slow(req, rep, inspect_size, id, err);
	r = req_core(req, &c, err);
	if (r == 0)
		r = container_inspect(c, id, false, &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

int api_container_rename(struct request *req, struct reply *rep, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = container_rename(c, req_param(req, "id"), req_query(req, "name"), err);
	return r < 0 ? r : reply_empty(rep, 204);
}

/* ---- removing */

static int check_removable(
	const struct container *ct, const char *typed, bool force, struct err *err)
{
	switch (ct->status.state) {
	case RUN_PAUSED:
		if (force)
			return 0;
		return err_set(err, ERR_CONFLICT, EBUSY,
			"cannot remove container \"/%s\": container is paused and must be unpaused "
			"first",
			ct->name);
	case RUN_RUNNING:
	case RUN_RESTARTING:
		if (force)
			return 0;
		return err_set(err, ERR_CONFLICT, EBUSY,
			"cannot remove container \"/%s\": container is %s: stop the container before "
			"removing or force remove",
			ct->name, run_state_name(ct->status.state));
	case RUN_REMOVING:
		return err_set(err, ERR_CONFLICT, EALREADY,
			"removal of container %s is already in progress", typed);
	case RUN_CREATED:
	case RUN_EXITED:
	case RUN_DEAD:
	case RUN_STATE_COUNT: break;
	}
	return 0;
}

static bool is_up(const struct container *ct)
{
	return ct->status.state == RUN_RUNNING || ct->status.state == RUN_RESTARTING ||
		ct->status.state == RUN_PAUSED;
}

typedef int handover_fn(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err);

static int remove_by_monitor(struct request *req, struct reply *rep, const char *id,
	handover_fn *hand_over, struct err *err)
{
	const char *words[] = { req_query_bool(req, "force", false) ? "force=1" : "force=0",
		req_query_bool(req, "v", false) ? "volumes=1" : "volumes=0", NULL };

	return hand_over(req, rep, id, "remove", words, err);
}

/* Its monitor may hold clients that still want something of it, and removes it then; or it is about to
 * end, having just told of the container's end. */
static int remove_stopped(struct request *req, struct reply *rep, struct core *c,
	struct container *ct, struct err *err)
{
	const int64_t give_up = time_monotonic() + LEAVING_PATIENCE;
	const bool volumes = req_query_bool(req, "v", false);
	int r;

	while ((r = container_remove_stopped(c, ct, volumes, err)) == -EBUSY) {
		r = remove_by_monitor(req, rep, ct->id, handover_if_live, err);
		if (r > 0)
			return 0;
		if (r < 0 || time_monotonic() > give_up)
			return remove_by_monitor(req, rep, ct->id, handover_monitor, err);
		(void)usleep(LEAVING_STEP_US);
	}
	if (r < 0)
		return r;
	core_trashed(c);
	return reply_empty(rep, 204);
}

int api_container_remove(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	const char *typed = req_param(req, "id");
	bool force = req_query_bool(req, "force", false);
	struct core *c;
	int r;

	if (req_query_bool(req, "link", false))
		return err_set(err, ERR_INVALID, EINVAL,
			"links between containers are not supported: there is none to remove");
	r = req_core(req, &c, err);
	if (r == 0)
		r = container_find(c, typed, &ct, err);
	if (r == 0)
		r = check_removable(ct, typed, force, err);
	if (r < 0)
		return r;
	if (is_up(ct))
		return remove_by_monitor(req, rep, ct->id, handover_monitor, err);
	return remove_stopped(req, rep, c, ct, err);
}

int api_container_prune(struct request *req, struct reply *rep, struct err *err)
{
	return handover_prune(req, rep, container_prune_filters, container_prune, err);
}

/* ---- logs */

static int check_logs(const struct container *ct, bool removed, struct err *err)
{
	if (!removed && (ct->status.state == RUN_DEAD || ct->status.state == RUN_REMOVING))
		return err_set(err, ERR_CONFLICT, EBUSY,
			"can not get logs from container which is dead or marked for removal");
	if (str_eq(container_log_driver(ct), "none"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"configured logging driver does not support reading");
	return 0;
}

static void add_flag(char ***argv, const char *name, bool on)
{
	strv_add_take(argv, xasprintf("%s=%d", name, on));
}

static int add_logs_query(char ***argv, const struct request *req, struct err *err)
{
	static const char *const times[] = { "since", "until" };
	static const char *const flags[] = { "follow", "stdout", "stderr", "timestamps",
		"details" };
	const char *tail = req_query(req, "tail");
	int64_t ignored;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		add_flag(argv, flags[i], req_query_bool(req, flags[i], false));
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const char *v = req_query(req, times[i]);

		if (str_empty(v))
			continue;
		if (time_parse(v, &ignored) < 0)
			return err_set(err, ERR_INVALID, EINVAL, "invalid value for \"%s\": %.64s",
				times[i], v);
		strv_add_take(argv, xasprintf("%s=%s", times[i], v));
	}
	if (!str_empty(tail))
		strv_add_take(argv, xasprintf("tail=%.32s", tail));
	return 0;
}

int api_container_logs(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **argv = NULL;
	struct core *c;
	bool tty, frames, removed = false;
	int r;

	if (!req_query_bool(req, "stdout", false) && !req_query_bool(req, "stderr", false))
		return err_set(err, ERR_INVALID, EINVAL, "You must choose at least one stream");
	r = req_core(req, &c, err);
	if (r == 0)
		r = container_find(c, req_param(req, "id"), &ct, err);
	removed = r == -ENOENT && removed_find(c, req_param(req, "id"), &ct, err) == 0;
	if (r == 0 || removed)
		r = check_logs(ct, removed, err);
	if (r < 0)
		return r;
	tty = json_get_bool(ct->config, "Tty");
	frames = !tty && req_api_minor(req) >= MULTIPLEXED_SINCE;
	strv_add(&argv, "logs");
	strv_add_take(&argv, xasprintf("id=%s", ct->id));
	add_flag(&argv, "tty", tty);
	add_flag(&argv, "removed", removed);
	strv_add_take(&argv, xasprintf("type=%s", frames ? TYPE_MUX_STREAM : TYPE_RAW_STREAM));
	r = add_logs_query(&argv, req, err);
	if (r < 0)
		return r;
	return str_eq(container_log_driver(ct), "journald")
		? handover_journald(req, rep, (const char *const *)argv, err)
		: handover_stream(req, rep, (const char *const *)argv, err);
}
