/* api/request.h - what a handler sees of one request, and the answer it gives. Nothing here knows
 * libmicrohttpd; server.c and handover.c do. Everything a request holds lives until it is answered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"
#include "core/spawn.h"

enum http_method { GET, HEAD, POST, PUT, DELETE, OPTIONS, METHOD_COUNT };

enum route_traits {
	BODY_JSON = 1,     /* a JSON body is required or allowed: read whole, type checked */
	BODY_UPLOAD = 2,   /* the body flows to a worker (reply_upload) */
	BODY_OPTIONAL = 4, /* with BODY_JSON: an empty body is fine */
};

struct request;
struct reply;
typedef int handler_fn(struct request *req, struct reply *rep, struct err *err);

struct route {
	enum http_method method;
	const char *path; /* "/containers/{id}/start"; {name...} matches slashes too */
	handler_fn *handler;
	unsigned traits;
	const char *operation; /* operationId in api/openapi.yaml */
};

extern const struct route routes[]; /* routes.c; ends with path NULL */

/* ---- reading */
unsigned req_api_minor(
	const struct request *req); /* 24…47; the newest if the path has no version */
enum http_method req_method(const struct request *req);
const struct route *req_route(const struct request *req);
const char *req_param(
	const struct request *req, const char *name); /* {name} of the path, decoded; never NULL */
const char *req_query(const struct request *req, const char *name); /* decoded; NULL if missing */
bool req_query_bool(const struct request *req, const char *name,
	bool missing); /* "", 0, no, false, none: false */
/* missing or empty: the default; ERR_INVALID if it is no number */
int req_query_int(
	const struct request *req, const char *name, int missing, int *ret, struct err *err);
char **req_query_all(const struct request *req, const char *name); /* owned; NULL if none */
const char *req_header(const struct request *req, const char *name);
const char *req_body(const struct request *req); /* NUL-terminated, "" if empty */
size_t req_body_len(const struct request *req);
bool req_wants_upgrade(const struct request *req,
	const char *protocol); /* Connection: Upgrade, Upgrade: protocol */
/* The stores, opened on first use. */
int req_core(struct request *req, struct core **ret, struct err *err);

/* ---- answering: exactly one of these; a handler that fails returns < 0 with err instead */
int reply_empty(struct reply *rep, int status); /* no body */
int reply_json(struct reply *rep, int status,
	struct buf *take_body); /* a newline is added as Docker does */
int reply_text(struct reply *rep, int status, const char *text);           /* text/plain */
void reply_header(struct reply *rep, const char *name, const char *value); /* copied */

/* ---- giving the connection away (handover.c); each also settles the reply */
/* The monitor answers: op and words as in state/wire.h. */
int handover_monitor(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err);
/* Only if a monitor listens: 1 handed over, 0 none does. */
int handover_if_live(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, struct err *err);
/* The same for attach and exec-start: upgrades to 101 if the client asked for it, and passes on bytes
 * it sent early; adds type= and hold=. multiplexed: the stream has frames (no terminal). */
int handover_hijack(struct request *req, struct reply *rep, const char *container_id,
	const char *op, const char *const *words, bool multiplexed, struct err *err);
/* attach as a websocket, whose handshake is done: upgrades to it. Its output is never multiplexed. */
int handover_websocket(struct request *req, struct reply *rep, const char *container_id,
	const char *const *words, struct err *err);
/* dayfly-stream answers. argv as in core/spawn.h, NULL-ended. */
int handover_stream(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err);
/* The same by dayfly-journald. */
int handover_journald(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err);
/* The request's body goes to a worker's standard input, then the worker gets the connection and
 * answers. For routes with BODY_UPLOAD: the handler runs before the body. */
int handover_upload(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err);
/* The same for a job that talks to registries: credentials, the value of X-Registry-Auth (NULL: none),
 * are the first line of its input, what a command line would show to everybody. */
int handover_credentials(struct request *req, struct reply *rep, const char *const *argv,
	const char *credentials, struct err *err);
/* A copy of this process runs fn and answers: for what takes long enough to hold up other clients and
 * needs nothing a worker has. out becomes the 200's JSON. */
typedef int slow_fn(struct core *c, const void *arg, struct buf *out, struct err *err);
int handover_slow(
	struct request *req, struct reply *rep, slow_fn *fn, const void *arg, struct err *err);
/* Pruning is of that kind. keys: of the filters parameter. */
typedef int prune_fn(struct core *c, const struct filters *f, struct buf *out, struct err *err);
int handover_prune(struct request *req, struct reply *rep, const char *const *keys, prune_fn *prune,
	struct err *err);
/* A worker without input answers. */
int handover_worker(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err);
/* One whose input is the request's JSON, some 32 KiB at most: for what must not be seen in a list of
 * processes. */
int handover_worker_body(
	struct request *req, struct reply *rep, const char *const *argv, struct err *err);
