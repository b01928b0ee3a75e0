/* api/containers_run.c - handlers of a container's life: start, stop, kill, wait, attach, resize. What
 * depends on its monitor is given to it; what cannot (it is not running, and that is the answer) is
 * answered here, without starting one. */
#include "api/handlers.h"
#include "api/resize.h"
#include "api/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "core/detach_keys.h"
#include "core/removed.h"
#include "core/signals.h"
#include "json/text.h"

#define REPLAY_LABEL   "dayfly.attach.tail"
#define START_BODY_MAX 7 /* what Docker still takes for an empty body: "null" and the like */

/* What the websocket of an attach is like, by API version */
#define BINARY_SINCE         28 /* messages were text before, whatever was in them */
#define STREAMS_CHOSEN_SINCE 42 /* it had all three before */

static int find(struct request *req, struct core **c, struct container **ct, struct err *err)
{
	int r = req_core(req, c, err);

	return r < 0 ? r : container_find(*c, req_param(req, "id"), ct, err);
}

static bool is_up(const struct container *ct)
{
	return ct->status.state == RUN_RUNNING || ct->status.state == RUN_RESTARTING ||
		ct->status.state == RUN_PAUSED;
}

/* Whoever asks for a monitor before the start may cause it to be spawned, and it reads the plan then.
 * What is wrong with the configuration is the start's to tell. */
static void prepare_monitor(struct core *c, const struct container *ct)
{
	if (!is_up(ct) && !container_monitor_lives(c, ct->id))
		(void)container_compile(c, ct, NULL);
}

static int check_startable(const struct container *ct, struct err *err)
{
	switch (ct->status.state) {
	case RUN_PAUSED:
		return err_set(err, ERR_CONFLICT, EBUSY,
			"cannot start a paused container, try unpause instead");
	case RUN_REMOVING:
	case RUN_DEAD:
		return err_set(err, ERR_CONFLICT, EBUSY,
			"container is marked for removal and cannot be started");
	case RUN_CREATED:
	case RUN_RUNNING:
	case RUN_RESTARTING:
	case RUN_EXITED:
	case RUN_STATE_COUNT: break;
	}
	return 0;
}

int api_container_start(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_free char *keys = NULL;
	const char *typed_keys = req_query(req, "detachKeys");
	struct core *c;
	int r;

	if (req_body_len(req) > START_BODY_MAX)
		return err_set(err, ERR_INVALID, EINVAL,
			"starting container with non-empty request body was deprecated since API v1.22 "
			"and removed in v1.24");
	if (!str_empty(req_query(req, "checkpoint")))
		return err_set(err, ERR_INVALID, EINVAL,
			"checkpoint is only supported in experimental mode");
	r = typed_keys ? detach_keys_check(typed_keys, err) : 0;
	if (r == 0)
		r = find(req, &c, &ct, err);
	if (r == 0)
		r = check_startable(ct, err);
	if (r < 0)
		return r;
	if (ct->status.state == RUN_RUNNING || ct->status.state == RUN_RESTARTING)
		return reply_empty(rep, 304);
	r = container_compile(c, ct, err);
	if (r < 0)
		return r;
	/* also when it cannot be started: to record that is the monitor's */
	keys = xasprintf("detach-keys=%s", typed_keys ? typed_keys : "");
	return handover_monitor(
		req, rep, ct->id, "start", (const char *const[]){ keys, NULL }, err);
}

/* signal and t of stop and restart: the words for the monitor; absent ones are its plan's to know. */
static int stop_words(struct request *req, char ***ret, struct err *err)
{
	const char *typed = req_query(req, "signal"), *seconds = req_query(req, "t");
	int sig, t, r;

	if (!str_empty(typed)) {
		r = signal_parse(typed, &sig, err);
		if (r < 0)
			return r;
		strv_add_take(ret, xasprintf("signal=%d", sig));
	}
	r = req_query_int(req, "t", 0, &t, err);
	if (r < 0)
		return r;
	if (!str_empty(seconds))
		strv_add_take(ret, xasprintf("timeout=%d", t < 0 ? -1 : t));
	return 0;
}

static int find_for_stop(
	struct request *req, struct core **c, struct container **ct, char ***words, struct err *err)
{
	int r = stop_words(req, words, err);

	return r < 0 ? r : find(req, c, ct, err);
}

int api_container_stop(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **words = NULL;
	struct core *c;
	int r = find_for_stop(req, &c, &ct, &words, err);

	if (r < 0)
		return r;
	if (!is_up(ct))
		return reply_empty(rep, 304);
	return handover_monitor(req, rep, ct->id, "stop", (const char *const *)words, err);
}

int api_container_restart(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **words = NULL;
	struct core *c;
	int r = find_for_stop(req, &c, &ct, &words, err);

	if (r == 0 && ct->status.state != RUN_PAUSED) /* that is stopped first, as any other */
		r = check_startable(ct, err);
	if (r == 0)
		r = container_compile(c, ct, err);
	if (r > 0 && is_up(ct)) /* it need not be stopped to find out */
		r = -err->sys;
	if (r < 0)
		return r;
	return handover_monitor(req, rep, ct->id, "restart", (const char *const *)words, err);
}

int api_container_kill(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	const char *typed = req_query(req, "signal");
	char word[24];
	struct core *c;
	int sig, r;

	r = signal_parse(str_empty(typed) ? "KILL" : typed, &sig, err);
	if (r == 0)
		r = find(req, &c, &ct, err);
	if (r < 0)
		return r;
	if (!is_up(ct))
		return err_set(err, ERR_CONFLICT, ESRCH,
			"cannot kill container: %s: container %s is not running",
			req_param(req, "id"), ct->id);
	(void)snprintf(word, sizeof(word), "signal=%d", sig);
	return handover_monitor(req, rep, ct->id, "kill", (const char *const[]){ word, NULL }, err);
}

/* ---- wait */

static int answer_wait(struct reply *rep, const struct status *st)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);

	jw_object(&w, NULL);
	jw_int(&w, "StatusCode", st->exit_code);
	if (*st->error) {
		jw_object(&w, "Error");
		jw_str(&w, "Message", st->error);
		jw_object_end(&w);
	}
	jw_object_end(&w);
	return reply_json(rep, 200, &out);
}

int api_container_wait(struct request *req, struct reply *rep, struct err *err)
{
	static char until_stopped[] = "not-running", next[] = "next-exit", removed[] = "removed";
	static char *const conditions[] = { until_stopped, next, removed, NULL };
	auto_container struct container *ct = NULL;
	const char *condition = req_query(req, "condition");
	auto_free char *word = NULL;
	struct core *c;
	int r;

	if (str_empty(condition))
		condition = until_stopped;
	if (!strv_has(conditions, condition))
		return err_set(err, ERR_INVALID, EINVAL, "invalid condition: \"%.64s\"", condition);
	r = find(req, &c, &ct, err);
	if (r == -ENOENT && removed_find(c, req_param(req, "id"), &ct, err) == 0)
		return answer_wait(
			rep, &ct->status); /* whatever the condition: there is no more to come */
	if (r < 0)
		return r;
	if (str_eq(condition, until_stopped) && !is_up(ct))
		return answer_wait(rep, &ct->status);
	prepare_monitor(c, ct);
	word = xasprintf("condition=%s", condition);
	return handover_monitor(req, rep, ct->id, "wait", (const char *const[]){ word, NULL }, err);
}

/* ---- terminals */

static int check_attachable(const struct container *ct, struct err *err)
{
	if (ct->status.state == RUN_PAUSED)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"container %s is paused, unpause the container before attach", ct->id);
	if (ct->status.state == RUN_RESTARTING)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"container %s is restarting, wait until the container is running", ct->id);
	return 0;
}

/* What was said before is replayed from the log's files; a label asks for the end of it where a client
 * cannot: the docker CLI knows neither logs nor tail. */
static int replay_words(
	struct request *req, const struct container *ct, char ***words, struct err *err)
{
	const char *tail = req_query(req, "tail"), *driver = container_log_driver(ct);
	bool logs = req_query_bool(req, "logs", false), readable;
	uint64_t n;

	readable = str_eq(driver, "json-file") || str_eq(driver, "local");
	if (logs && str_eq(driver, "none"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"configured logging driver does not support reading");
	if (logs && !readable)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"attach with logs=1 is not supported with the log driver %s: see the logs "
			"instead",
			driver);
	if (!req_query(req, "logs") && readable && is_up(ct) &&
		req_query_bool(req, "stream", false)) {
		tail = json_get_str(json_get(ct->config, "Labels"), REPLAY_LABEL, NULL);
		logs = tail != NULL;
	}
	if (tail && str_to_u64(tail, &n) == 0)
		strv_add_take(words, xasprintf("tail=%llu", (unsigned long long)n));
	strv_add_take(words, xasprintf("logs=%d", logs));
	return 0;
}

/* Up to the handing over: the container, and the words for its monitor. all: every stream is wanted, whatever the
 * query says. */
static int find_for_attach(struct request *req, bool all, struct core **c, struct container **ct,
	char ***words, struct err *err)
{
	static const char *const streams[] = { "stdin", "stdout", "stderr" };
	const char *keys = req_query(req, "detachKeys");
	int r = keys ? detach_keys_check(keys, err) : 0;

	if (r == 0)
		r = find(req, c, ct, err);
	if (r == 0)
		r = check_attachable(*ct, err);
	if (r == 0)
		r = replay_words(req, *ct, words, err);
	if (r < 0)
		return r;
	strv_add_take(words, xasprintf("stream=%d", req_query_bool(req, "stream", false)));
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		strv_add_take(words,
			xasprintf("%s=%d", streams[i],
				all || req_query_bool(req, streams[i], false)));
	strv_add_take(words, xasprintf("keys=%s", keys ? keys : ""));
	return 0;
}

int api_container_attach(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **words = NULL;
	struct core *c;
	int r = find_for_attach(req, false, &c, &ct, &words, err);

	if (r < 0)
		return r;
	prepare_monitor(c, ct);
	return handover_hijack(req, rep, ct->id, "attach", (const char *const *)words,
		!json_get_bool(ct->config, "Tty"), err);
}

int api_container_attach_websocket(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **words = NULL;
	unsigned minor = req_api_minor(req);
	struct core *c;
	int r = find_for_attach(req, minor < STREAMS_CHOSEN_SINCE, &c, &ct, &words, err);

	if (r == 0)
		r = websocket_accept(req, rep, err);
	if (r != 0)
		return r < 0 ? r : 0;
	strv_add(&words, minor < BINARY_SINCE ? "websocket=text" : "websocket=binary");
	prepare_monitor(c, ct);
	return handover_websocket(req, rep, ct->id, (const char *const *)words, err);
}

int api_container_resize(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	char height[32], width[32];
	struct core *c;
	int r;

	r = resize_words(req, height, width, err);
	if (r == 0)
		r = find(req, &c, &ct, err);
	if (r < 0)
		return r;
	if (!is_up(ct) && !container_monitor_lives(c, ct->id))
		return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", ct->id);
	return handover_monitor(
		req, rep, ct->id, "resize", (const char *const[]){ height, width, NULL }, err);
}

/* ---- top */

int api_container_top(struct request *req, struct reply *rep, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_strv char **argv = NULL;
	const char *args = req_query(req, "ps_args");
	struct core *c;
	int r = find(req, &c, &ct, err);

	if (r < 0)
		return r;
	if (ct->status.state == RUN_RESTARTING)
		return err_set(err, ERR_CONFLICT, ESRCH,
			"Container %s is restarting, wait until the container is running", ct->id);
	if (!is_up(ct))
		return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", ct->id);
	strv_add(&argv, "top");
	container_words(&argv, ct);
	strv_add_take(&argv, xasprintf("args=%s", str_empty(args) ? "-ef" : args));
	return handover_worker(req, rep, (const char *const *)argv, err);
}
