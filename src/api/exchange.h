/* api/exchange.h - one request and its answer as the machinery sees them: server, router, reply,
 * handover, upload. Handlers see request.h only. */
#pragma once

#include "api/request.h"
#include "base/loop.h"

#define BODY_MAX    ((size_t)16 << 20) /* of a JSON body; uploads have no limit here */
#define PATH_LIMIT  4096
#define PARAMS_MAX  4    /* placeholders in one route */
#define QUERY_LIMIT 1024 /* parameters in one query */

struct upload;

/* What all requests of the process share. */
struct engine {
	struct loop *loop;
	struct core *core; /* NULL until a request needs the stores: a ping never does */
	unsigned hijacks;  /* so far: makes their tokens differ */
};

struct pair {
	char *name;
	char *value;
};

struct request {
	struct engine *engine;
	enum http_method method;
	const struct route *route;
	unsigned minor; /* of the API version asked for */
	struct pair params[PARAMS_MAX];
	size_t param_count;
	struct pair *query;
	size_t query_count;
	struct buf body; /* kept for BODY_JSON only */
	size_t body_len; /* received, kept or not */
	int client;      /* the connection; borrowed from libmicrohttpd */
	bool http_1_0;   /* cannot be upgraded */
	/* looks a header up; arg is server.c's */
	const char *(*header)(void *arg, const char *name);
	void *header_arg;
};

void request_clear(struct request *req);
/* A body of type application/json, present unless it is optional, within BODY_MAX. */
int request_check_body(const struct request *req, struct err *err);

enum reply_kind {
	REPLY_NONE,
	REPLY_BODY,
	REPLY_UPGRADE, /* 101, then hijack_begin() */
	REPLY_UPLOAD,  /* the body goes to upload first */
	REPLY_GIVEN,   /* another process answers */
};

struct reply {
	enum reply_kind kind;
	int status;
	const char *type; /* literal, NULL without a body */
	struct buf body;
	char **headers; /* name, value, name, value, … */
	struct hijack *hijack;
	struct upload *upload;
};

void reply_clear(struct reply *rep);
/* Drops what a handler had prepared and tells the error instead. */
void reply_error(struct reply *rep, const struct err *err);

/* ---- router.c */
/* Reads method and raw URI into req: route, API version, parameters, query. ERR_NOT_FOUND "page not
 * found" for unknown paths and methods alike. A version nobody offers is settled in rep: the request
 * is complete then, though it has no handler to run. */
int request_route(struct request *req, struct reply *rep, const char *method, const char *uri,
	struct err *err);
/* Matches a raw path against a route's template; fills req->params. */
bool route_match(struct request *req, const char *template, const char *path, size_t len);
/* Percent-decoding; plus: '+' is a space. NULL for a broken escape or an encoded NUL. */
char *url_decode(const char *s, size_t len, bool plus);

/* ---- handover.c */
/* In a copy of this process, while requests are answered. */
void run_aside(struct core *c, int (*fn)(struct core *c, struct err *err));
/* A stream whose connection the monitor has, and which begins once the 101 head is out. */
struct hijack {
	struct core *core;
	char container[ID_SIZE];
	char hold[48];        /* the word for the monitor */
	const char *protocol; /* literal: what the connection is upgraded to */
	const char *type;     /* literal; NULL: none is told */
};

/* The head is out: tells the monitor, with what the client sent early. */
void hijack_begin(const struct hijack *h, const void *early, size_t early_len);
