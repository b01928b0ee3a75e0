/* api/handover.c - giving a client's connection to the process that owns its answer.
 *
 * Without an upgrade the descriptor simply travels and REPLY_GIVEN makes the server let go of its
 * copy. That works because of MHD_USE_TURBO: libmicrohttpd then closes a connection without
 * shutdown(), which would reach through to the new owner's copy. tests/api/handover.py fails should
 * a version ever do otherwise. */
#include "api/exchange.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/upload.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/log.h"

#define WORKER_INPUT_MAX  ((size_t)32 << 10) /* half of what a pipe holds at least */
#define MULTIPLEXED_SINCE 42 /* API 1.42; older clients are told "raw" whatever comes */

static int given(struct reply *rep)
{
	rep->kind = REPLY_GIVEN;
	return 0;
}

/* In a copy of this process, which has no other business than this client's (FD_NONE: nobody's). */
static void be_copy(struct core *c, int client)
{
	const int own[] = { client, c->dirs.data, c->dirs.run };

	(void)setsid();
	/* the rest is another connection's or another process's business: a copy of a client's descriptor would
	 * keep the connection open after its owner has closed it */
	fd_close_all_but(own, ARRAY_SIZE(own));
	c->userns = c->userns_socket = FD_NONE;
	c->units = NULL;
	c->units_sought = false;
	c->copy = true;
	c->trashed = 0;
}

typedef void copy_fn(struct core *c, int client, const void *arg);

/* fn answers the client, however long that takes, in a copy of this process. */
static int answer_in_copy(
	struct request *req, struct reply *rep, copy_fn *fn, const void *arg, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "fork");
	if (pid == 0) {
		be_copy(c, req->client);
		fn(c, req->client, arg);
		_exit(EXIT_SUCCESS);
	}
	return given(rep);
}

struct message {
	const char *container_id, *op;
	const char *const *words;
};

static void send_patiently(struct core *c, int client, const void *arg)
{
	const struct message *msg = arg;
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	if (monitor_send(c, msg->container_id, msg->op, msg->words, client, &err) >= 0)
		return;
	http_answer_error(&text, &err);
	(void)fd_write_all(client, text.data, text.len);
}

int handover_monitor(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = monitor_send(c, container_id, op, words, req->client, err);
	if (r == -ETIMEDOUT) /* its queue is full: this client waits, and nobody else */
		return answer_in_copy(req, rep, send_patiently,
			&(struct message){ container_id, op, words }, err);
	return r < 0 ? r : given(rep);
}

int handover_if_live(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = monitor_send_if_live(c, container_id, op, words, req->client, err);
	if (r > 0)
		(void)given(rep);
	return r;
}

/* The connection goes to the monitor before the 101, and everything that can fail with it: errors are
 * HTTP statuses, and a client that has seen the 101 has lost nothing should we be killed. What it sent
 * early is in libmicrohttpd's hands until then and follows (docs/decisions/014). Without a protocol to upgrade to,
 * the monitor writes the head. */
static int hijack(struct request *req, struct reply *rep, struct hijack *h,
	const char *container_id, const char *op, const char *const *words, struct err *err)
{
	auto_strv char **all = strv_copy((char *const *)(void *)words);
	int r = req_core(req, &h->core, err);

	if (r < 0)
		return r;
	(void)snprintf(h->container, sizeof(h->container), "%s", container_id);
	(void)snprintf(
		h->hold, sizeof(h->hold), "hold=%ld.%u", (long)getpid(), ++req->engine->hijacks);
	if (h->type)
		strv_add_take(&all, xasprintf("type=%s", h->type));
	if (h->protocol)
		strv_add(&all, h->hold);
	r = monitor_send(h->core, h->container, op, (const char *const *)all, req->client, err);
	if (r < 0 || !h->protocol)
		return r < 0 ? r : given(rep);
	rep->hijack = xmemdup(h, sizeof(*h));
	rep->kind = REPLY_UPGRADE;
	return 0;
}

int handover_hijack(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, bool multiplexed, struct err *err)
{
	bool frames = multiplexed && req->minor >= MULTIPLEXED_SINCE;
	struct hijack h = {
		.protocol = req_wants_upgrade(req, "tcp") ? "tcp" : NULL,
		.type = frames ? TYPE_MUX_STREAM : TYPE_RAW_STREAM,
	};

	return hijack(req, rep, &h, container_id, op, words, err);
}

int handover_websocket(struct request *req, struct reply *rep, const char *container_id,
	const char *const *words, struct err *err)
{
	struct hijack h = { .protocol = "websocket" };

	return hijack(req, rep, &h, container_id, "attach", words, err);
}

void hijack_begin(const struct hijack *h, const void *early, size_t early_len)
{
	struct err err = { 0 };

	if (monitor_send_early(h->core, h->container, h->hold, early, early_len, &err) < 0)
		log_error("early input of container %s: %s", h->container, err.msg);
}

typedef int spawn_fn(struct core *c, const char *const *argv, int fd, struct err *err);

static int hand_to_program(struct request *req, struct reply *rep, spawn_fn *spawn,
	const char *const *argv, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = spawn(c, argv, req->client, err);
	return r < 0 ? r : given(rep);
}

int handover_stream(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	return hand_to_program(req, rep, stream_spawn, argv, err);
}

int handover_journald(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	return hand_to_program(req, rep, journald_spawn, argv, err);
}

/* first: what the worker reads before the body; it waits for that, so writing it blocks nobody. */
static int begin_upload(struct request *req, struct reply *rep, const char *const *argv,
	const char *first, struct err *err)
{
	struct worker w;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = worker_spawn(c, argv, true, &w, err);
	if (r < 0)
		return r;
	r = fd_write_all(w.input, first, strlen(first));
	if (r < 0) {
		worker_clear(&w);
		return err_sys(err, r, "write to dayfly-worker");
	}
	rep->upload = upload_new(req->engine->loop, &w, req->client);
	rep->kind = REPLY_UPLOAD;
	return 0;
}

int handover_upload(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	return begin_upload(req, rep, argv, "", err);
}

int handover_credentials(struct request *req, struct reply *rep, const char *const *argv,
	const char *credentials, struct err *err)
{
	auto_free char *line = xasprintf("%s\n", credentials ? credentials : "");

	return begin_upload(req, rep, argv, line, err);
}

/* A pipe holds that much without anybody reading, which this process must not wait for. */
static int feed(struct worker *w, const char *input, size_t len, struct err *err)
{
	if (len > WORKER_INPUT_MAX)
		return err_set(err, ERR_TOO_LARGE, EFBIG, "the request's body is too large");
	if (write(w->input, input, len) != (ssize_t)len)
		return err_set(err, ERR_SYSTEM, EPIPE, "dayfly-worker does not take the request");
	w->input = fd_close(w->input);
	return 0;
}

static int hand_to_worker(struct request *req, struct reply *rep, const char *const *argv,
	const char *input, struct err *err)
{
	struct worker w;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = worker_spawn(c, argv, input, &w, err);
	if (r < 0)
		return r;
	r = input ? feed(&w, input, strlen(input), err) : 0;
	if (r == 0 && worker_hand_over(&w, req->client) < 0)
		r = err_set(
			err, ERR_SYSTEM, EPIPE, "the worker for this request ended unexpectedly");
	worker_clear(&w);
	return r < 0 ? r : given(rep);
}

int handover_worker(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	return hand_to_worker(req, rep, argv, NULL, err);
}

int handover_worker_body(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	return hand_to_worker(req, rep, argv, req_body(req), err);
}

/* ---- what takes long and is ours */

struct slow {
	slow_fn *fn;
	const void *arg;
};

static void run_and_answer(struct core *c, int client, const void *arg)
{
	const struct slow *slow = arg;
	auto_buf struct buf out = { 0 }, text = { 0 };
	struct err err = { 0 };

	if (slow->fn(c, slow->arg, &out, &err) < 0) {
		http_answer_error(&text, &err);
	} else {
		buf_addc(&out, '\n');
		http_answer(&text, 200, out.data);
	}
	(void)fd_write_all(client, text.data, text.len);
	(void)fd_close(client);
	if (c->trashed)
		worker_sweep(c);
}

void run_aside(struct core *c, int (*fn)(struct core *c, struct err *err))
{
	struct err err = { 0 };
	pid_t pid = fork();

	if (pid < 0)
		log_error("fork: %s", strerror(errno));
	if (pid != 0)
		return;
	be_copy(c, FD_NONE);
	if (fn(c, &err) < 0)
		log_error("%s", err.msg);
	_exit(EXIT_SUCCESS);
}

int handover_slow(
	struct request *req, struct reply *rep, slow_fn *fn, const void *arg, struct err *err)
{
	return answer_in_copy(req, rep, run_and_answer, &(struct slow){ fn, arg }, err);
}

struct pruning {
	prune_fn *prune;
	const struct filters *filters;
};

static int run_prune(struct core *c, const void *arg, struct buf *out, struct err *err)
{
	const struct pruning *p = arg;

	return p->prune(c, p->filters, out, err);
}

int handover_prune(struct request *req, struct reply *rep, const char *const *keys, prune_fn *prune,
	struct err *err)
{
	auto_filters struct filters *f = NULL;
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	return r < 0 ? r : handover_slow(req, rep, run_prune, &(struct pruning){ prune, f }, err);
}
