/* api/handover.c - giving a client's connection to the process that owns its answer.
 *
 * Without an upgrade the descriptor simply travels and REPLY_GIVEN makes the server let go of its
 * copy. That works because of MHD_USE_TURBO: libmicrohttpd then closes a connection without
 * shutdown(), which would reach through to the new owner's copy. tests/api/handover.py fails should
 * a version ever do otherwise. */
#include "api/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/upload.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/log.h"

#define MULTIPLEXED_SINCE 42 /* API 1.42; older clients are told "raw" whatever comes */

static int given(struct reply *rep)
{
	rep->kind = REPLY_GIVEN;
	return 0;
}

int handover_monitor(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = monitor_send(c, container_id, op, words, req->client, NULL, 0, err);
	return r < 0 ? r : given(rep);
}

int handover_hijack(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, bool multiplexed, struct err *err)
{
	bool upgrade = req_wants_upgrade(req);
	bool frames = multiplexed && req->minor >= MULTIPLEXED_SINCE;
	struct hijack *h = rep->hijack = xcalloc(1, sizeof(*h));
	int r = req_core(req, &h->core, err);

	if (r < 0)
		return r;
	(void)snprintf(h->container, sizeof(h->container), "%s", container_id);
	h->op = xstrdup(op);
	h->words = strv_copy((char *const *)(void *)words);
	h->type = frames ? TYPE_MUX_STREAM : TYPE_RAW_STREAM;
	h->multiplexed = multiplexed;
	strv_add_take(&h->words, xasprintf("type=%s", h->type));
	strv_add(&h->words, upgrade ? "upgraded=1" : "upgraded=0");
	if (upgrade) {
		rep->kind = REPLY_UPGRADE;
		return 0;
	}
	r = monitor_send(h->core, h->container, h->op, (const char *const *)h->words, req->client,
		NULL, 0, err);
	return r < 0 ? r : given(rep);
}

void hijack_free(struct hijack *h)
{
	if (!h)
		return;
	free(h->op);
	strv_free(h->words);
	free(h);
}

void hijack_pass(const struct hijack *h, int fd, const void *early, size_t early_len)
{
	unsigned char head[FRAME_HEAD];
	struct err err = { 0 };

	if (monitor_send(h->core, h->container, h->op, (const char *const *)h->words, fd, early,
		    early_len, &err) >= 0)
		return;
	log_error("%s of container %s: %s", h->op, h->container, err.msg);
	if (h->multiplexed) {
		frame_head(head, STREAM_STDERR, (uint32_t)strlen(err.msg));
		(void)fd_write_all(fd, head, sizeof(head));
	}
	(void)fd_write_all(fd, err.msg, strlen(err.msg));
}

int handover_stream(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = stream_spawn(c, argv, req->client, err);
	return r < 0 ? r : given(rep);
}

int handover_upload(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	struct worker w;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = worker_spawn(c, argv, true, &w, err);
	if (r < 0)
		return r;
	rep->upload = upload_new(req->engine->loop, &w, req->client);
	rep->kind = REPLY_UPLOAD;
	return 0;
}

int handover_worker(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err)
{
	struct worker w;
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = worker_spawn(c, argv, false, &w, err);
	if (r < 0)
		return r;
	r = worker_hand_over(&w, req->client);
	worker_clear(&w);
	if (r < 0)
		return err_sys(err, r, "hand the connection to dayfly-worker");
	return given(rep);
}
