/* api/execs.c - handlers of exec sessions. The container's monitor starts them and holds their streams. */
#include "api/handlers.h"
#include "api/resize.h"

#include "base/alloc.h"
#include "core/containers.h"
#include "core/execs.h"
#include "json/field.h"
#include "json/text.h"

int api_exec_create(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = exec_create(c, req_param(req, "id"), req_body(req), &out, err);
	return r < 0 ? r : reply_json(rep, 201, &out);
}

int api_exec_inspect(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = exec_inspect(c, req_param(req, "id"), &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

/* Finds the session, and its container running. */
static int find(struct request *req, struct exec *ret, struct err *err)
{
	auto_container struct container *ct = NULL;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = exec_find(c, req_param(req, "id"), ret, err);
	if (r == 0)
		r = container_find(c, ret->container, &ct, err);
	if (r < 0)
		return r;
	if (ct->status.state == RUN_PAUSED)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"Container %s is paused, unpause the container before exec", ct->id);
	if (ct->status.state != RUN_RUNNING)
		return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", ct->id);
	return 0;
}

/* ---- start */

struct start_request {
	bool detach, tty;
	json_object *console_size;
};

/* clang-format off */
static const struct jfield start_fields[] = {
	JBOOL("Detach", struct start_request, detach),
	JBOOL("Tty", struct start_request, tty),
	JARRAY("ConsoleSize", struct start_request, console_size, NULL),
	JEND,
};
/* clang-format on */

static int console_cells(json_object *size, size_t at, int *ret, struct err *err)
{
	json_object *n =
		json_object_array_length(size) == 2 ? json_object_array_get_idx(size, at) : NULL;

	if (!json_object_is_type(n, json_type_int) || json_object_get_int64(n) < 0 ||
		json_object_get_int64(n) > UINT16_MAX)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid JSON: ConsoleSize must be [height, width]");
	*ret = json_object_get_int(n);
	return 0;
}

static int start_words(const char *id, const struct start_request *q, char ***ret, struct err *err)
{
	int height = 0, width = 0, r = 0;

	if (q->console_size && json_object_array_length(q->console_size) > 0) {
		r = console_cells(q->console_size, 0, &height, err);
		if (r == 0)
			r = console_cells(q->console_size, 1, &width, err);
	}
	if (r < 0)
		return r;
	strv_add_take(ret, xasprintf("id=%s", id));
	strv_add_take(ret, xasprintf("detach=%d", q->detach));
	strv_add_take(ret, xasprintf("tty=%d", q->tty));
	if (height && width) {
		strv_add_take(ret, xasprintf("height=%d", height));
		strv_add_take(ret, xasprintf("width=%d", width));
	}
	return 0;
}

static int read_start(const struct request *req, struct start_request *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	int r;

	*ret = (struct start_request){ 0 };
	if (req_body_len(req) == 0)
		return 0;
	r = json_parse(req_body(req), req_body_len(req), &doc, err);
	return r < 0 || !doc ? r : jfields_read(start_fields, doc, "", ret, err);
}

/* Frames follow the Tty of this request, the terminal itself that of create. */
int api_exec_start(struct request *req, struct reply *rep, struct err *err)
{
	struct start_request q;
	struct exec exec;
	auto_strv char **words = NULL;
	int r;

	r = read_start(req, &q, err);
	if (r < 0)
		return r;
	r = find(req, &exec, err);
	if (r == 0)
		r = start_words(exec.id, &q, &words, err);
	if (r == 0 && q.detach)
		r = handover_monitor(
			req, rep, exec.container, "exec-start", (const char *const *)words, err);
	else if (r == 0)
		r = handover_hijack(req, rep, exec.container, "exec-start",
			(const char *const *)words, !q.tty, err);
	jfields_clear(start_fields, &q);
	return r;
}

int api_exec_resize(struct request *req, struct reply *rep, struct err *err)
{
	auto_free char *id = NULL;
	char height[32], width[32];
	struct exec exec;
	int r;

	r = resize_words(req, height, width, err);
	if (r == 0)
		r = find(req, &exec, err);
	if (r < 0)
		return r;
	id = xasprintf("id=%s", exec.id);
	return handover_monitor(req, rep, exec.container, "exec-resize",
		(const char *const[]){ id, height, width, NULL }, err);
}
