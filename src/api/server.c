#include "api/server.h"

#include <limits.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/exchange.h"
#include "api/upload.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/log.h"
#include "base/timefmt.h"

#define CONNECTIONS_MAX      300                    /* each may need three descriptors of 1024 */
#define SMALL_BODY           ((uint64_t)256 * 1024) /* as much as Go reads, for the same reason */
#define CONNECTION_MEMORY    ((size_t)64 * 1024)    /* request line and headers must fit */
#define SWEEP_PAUSE_NS       (300 * NSEC_PER_MSEC)
#define SWEEP_MANY           200u
#define CONNECTION_TIMEOUT_S 15u /* a kept-alive connection nobody uses must not stop us ending */

struct listener {
	struct server *server;
	struct MHD_Daemon *daemon;
	struct watch watch;
	bool ready;
};

struct server {
	struct engine engine;
	struct listener *listeners;
	size_t listener_count;
	struct watch signals;
	int64_t idle_ns;
	int64_t idle_since;   /* monotonic; valid while connections is 0 */
	unsigned connections; /* open ones, handed-over ones not among them */
	unsigned requests;    /* under way: begun and not yet answered */
	int64_t quiet_since;  /* monotonic: when the last one ended */
	bool stopping;
	bool giving_away; /* a connection: what libmicrohttpd logs about it is no error */
};

/* One request, from its first line until libmicrohttpd is done with it. */
struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	struct request req;
	struct reply rep;
	char *uri; /* raw: libmicrohttpd's own decoding loses the difference of "/" and "%2F" */
	bool begun;
};

static const char *header_find(void *arg, const char *name)
{
	struct exchange *x = arg;

	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct server *s = cls;
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->server = s;
	x->connection = connection;
	x->uri = xstrdup(uri);
	x->req.engine = &s->engine;
	x->req.header = header_find;
	x->req.header_arg = x;
	s->requests++;
	return x;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
	enum MHD_RequestTerminationCode how)
{
	struct server *s = cls;
	struct exchange *x = *req_cls;

	(void)connection;
	(void)how; /* an upload that did not get to its end aborts its worker by being freed */
	if (!x)
		return;
	request_clear(&x->req);
	reply_clear(&x->rep);
	free(x->uri);
	free(x);
	*req_cls = NULL;
	s->requests--;
	s->quiet_since = time_monotonic();
}

/* What is asked of libmicrohttpd from outside happens in its next run, and in this mode it does not
 * say that one is due. */
static void run_again(struct server *s)
{
	for (size_t i = 0; i < s->listener_count; i++)
		s->listeners[i].ready = true;
}

/* ---- answering */

static void headers_add(struct MHD_Response *response, const struct reply *rep)
{
	for (const char *const *h = http_common_headers; *h; h++) {
		char name[64];
		const char *colon = strchr(*h, ':');

		(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - *h), *h);
		(void)MHD_add_response_header(response, name, colon + 2);
	}
	if (rep->type)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, rep->type);
	for (char **h = rep->headers; h && *h; h += 2)
		(void)MHD_add_response_header(response, h[0], h[1]);
}

static enum MHD_Result queue(struct exchange *x, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	headers_add(response, &x->rep);
	r = MHD_queue_response(x->connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result answer_body(struct exchange *x)
{
	size_t len = x->rep.body.len;

	return queue(x, (unsigned)x->rep.status,
		MHD_create_response_from_buffer(
			len, buf_steal(&x->rep.body), MHD_RESPMEM_MUST_FREE));
}

/* The 101 is out: the connection is a plain socket now, and the monitor's; our copy goes. */
static void on_upgraded(void *cls, struct MHD_Connection *connection, void *req_cls,
	const char *extra_in, size_t extra_in_size, MHD_socket sock,
	struct MHD_UpgradeResponseHandle *urh)
{
	struct exchange *x = req_cls;

	(void)cls;
	(void)connection;
	(void)sock;
	hijack_begin(x->rep.hijack, extra_in, extra_in_size);
	(void)MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
	run_again(x->server); /* to clean up */
}

static enum MHD_Result answer_upgrade(struct exchange *x)
{
	x->rep.type = x->rep.hijack->type;
	reply_header(&x->rep, MHD_HTTP_HEADER_UPGRADE, x->rep.hijack->protocol);
	return queue(x, MHD_HTTP_SWITCHING_PROTOCOLS,
		MHD_create_response_for_upgrade(on_upgraded, NULL));
}

static enum MHD_Result answer(struct exchange *x)
{
	switch (x->rep.kind) {
	case REPLY_NONE: /* a handler that said nothing */
	case REPLY_BODY: break;
	case REPLY_UPGRADE: return answer_upgrade(x);
	case REPLY_UPLOAD: return MHD_YES; /* its body first */
	case REPLY_GIVEN:
		/* Making libmicrohttpd drop the connection is an error in its eyes. */
		x->server->giving_away = true;
		return MHD_NO;
	}
	if (x->rep.kind == REPLY_NONE)
		(void)reply_empty(&x->rep, MHD_HTTP_INTERNAL_SERVER_ERROR);
	return answer_body(x);
}

static void refuse(struct exchange *x, const struct err *err)
{
	if (err->kind == ERR_SYSTEM)
		log_error("%s: %s", x->req.route ? x->req.route->operation : x->uri, err->msg);
	reply_error(&x->rep, err);
}

static void run_handler(struct exchange *x)
{
	struct err err = { 0 };

	if (x->req.route->handler(&x->req, &x->rep, &err) < 0)
		refuse(x, &err);
}

/* ---- reading */

static bool is_owner(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == geteuid() || cred.uid == 0;
}

static bool has_small_body(struct exchange *x)
{
	const char *length = MHD_lookup_connection_value(
		x->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n;

	return length && str_to_u64(length, &n) == 0 && n <= SMALL_BODY;
}

/* All headers are here, nothing of the body. Errors wait for its end, since few clients read an
 * answer before they have sent everything; only an upload that may be long is refused at once. */
static enum MHD_Result exchange_begin(struct exchange *x, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct err err = { 0 };
	int r;

	x->req.client = info->connect_fd;
	x->req.http_1_0 = !str_eq(version, MHD_HTTP_VERSION_1_1);
	if (is_owner(x->req.client))
		r = request_route(&x->req, &x->rep, method, x->uri, &err);
	else
		r = err_set(&err, ERR_DENIED, EACCES, "this socket serves its owner only");
	if (r < 0)
		refuse(x, &err);
	if (x->rep.kind != REPLY_NONE || !(x->req.route->traits & BODY_UPLOAD))
		return MHD_YES;
	/* A slow source is no reason to cut an upload off. */
	(void)MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	run_handler(x);
	return x->rep.kind == REPLY_BODY && has_small_body(x) ? MHD_YES : answer(x);
}

static void upload_ready(void *arg)
{
	struct exchange *x = arg;

	MHD_resume_connection(x->connection);
	run_again(x->server);
}

static enum MHD_Result upload_data(struct exchange *x, const char *data, size_t *size)
{
	size_t taken = upload_write(x->rep.upload, data, *size);
	struct err err = { 0 };

	*size -= taken;
	if (*size == 0)
		return MHD_YES;
	if (upload_wait(x->rep.upload, upload_ready, x, &err) < 0) {
		log_error("upload: %s", err.msg);
		return MHD_NO;
	}
	MHD_suspend_connection(x->connection);
	return MHD_YES;
}

static void body_data(struct request *req, const char *data, size_t *size)
{
	req->body_len += *size;
	if (req->route && req->route->traits & BODY_JSON) {
		if (req->body_len <= BODY_MAX)
			buf_add(&req->body, data, *size);
		else
			buf_free(&req->body);
	}
	*size = 0;
}

static enum MHD_Result exchange_end(struct exchange *x)
{
	struct err err = { 0 };

	if (x->rep.kind == REPLY_UPLOAD) {
		if (upload_finish(x->rep.upload, &err) == 0)
			x->rep.kind = REPLY_GIVEN;
		else
			refuse(x, &err);
	} else if (x->rep.kind == REPLY_NONE) {
		if (request_check_body(&x->req, &err) < 0)
			refuse(x, &err);
		else
			run_handler(x);
	}
	return answer(x);
}

/* libmicrohttpd calls this once with the headers, with each piece of the body, and at the end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **req_cls)
{
	struct exchange *x = *req_cls;

	(void)cls;
	(void)connection;
	(void)url;
	if (!x->begun) {
		x->begun = true;
		return exchange_begin(x, method, version);
	}
	if (*size == 0)
		return exchange_end(x);
	if (x->rep.kind == REPLY_UPLOAD)
		return upload_data(x, data, size);
	body_data(&x->req, data, size);
	return MHD_YES;
}

/* ---- connections and the loop */

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct server *s = cls;

	(void)connection;
	(void)context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		s->connections++;
	else if (--s->connections == 0)
		s->idle_since = time_monotonic();
}

static void on_log(void *cls, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list args)
{
	struct server *s = cls;
	char text[512];

	if (s->giving_away) {
		s->giving_away = false;
		return;
	}
	(void)vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_info("libmicrohttpd: %s", text);
}

static void on_daemon(struct watch *w, uint32_t events)
{
	(void)events;
	container_of(w, struct listener, watch)->ready = true;
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, signals);
	struct signalfd_siginfo si;

	(void)events;
	(void)!read(w->fd, &si, sizeof(si));
	s->stopping = true;
	for (size_t i = 0; i < s->listener_count; i++)
		(void)fd_close(MHD_quiesce_daemon(s->listeners[i].daemon));
}

static int listener_open(struct server *s, struct listener *l, int sock, struct err *err)
{
	const union MHD_DaemonInfo *info;
	int r;

	l->server = s;
	/* The logger comes first: options are read in order. */
	l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME |
			MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
		MHD_OPTION_LISTEN_SOCKET, sock, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, MHD_OPTION_END);
	if (!l->daemon)
		return err_set(err, ERR_SYSTEM, EIO, "start libmicrohttpd on descriptor %d", sock);
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	r = watch_fd(s->engine.loop, &l->watch, info->epoll_fd, EPOLLIN, on_daemon);
	return r < 0 ? err_sys(err, r, "watch descriptor %d", sock) : 0;
}

int server_new(const int *take_sockets, size_t count, int64_t idle_ns, struct server **ret,
	struct err *err)
{
	auto_server struct server *s = xcalloc(1, sizeof(*s));
	sigset_t set;
	int r;

	s->idle_ns = idle_ns;
	s->listeners = xcalloc(count, sizeof(*s->listeners));
	s->engine.loop = loop_new();
	if (!s->engine.loop)
		return err_sys(err, errno, "epoll_create1");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	r = watch_signals(s->engine.loop, &s->signals, &set, on_signal);
	if (r < 0)
		return err_sys(err, r, "signalfd");
	for (; s->listener_count < count; s->listener_count++) {
		size_t i = s->listener_count;

		r = listener_open(s, &s->listeners[i], take_sockets[i], err);
		if (r < 0)
			return r;
	}
	*ret = take_ptr(&s);
	return 0;
}

/* Lets every daemon that has something to do, do it. A wake-up is due by descriptor or by time
 * (libmicrohttpd's connection timeouts and edge-triggered leftovers). *timeout_ms becomes the time
 * until the next one, -1 if there is none. */
static void daemons_run(struct server *s, int *timeout_ms)
{
	*timeout_ms = -1;
	for (size_t i = 0; i < s->listener_count; i++) {
		struct listener *l = &s->listeners[i];
		MHD_UNSIGNED_LONG_LONG ms = 0;
		bool timed = MHD_get_timeout(l->daemon, &ms) == MHD_YES;

		if (l->ready || (timed && ms == 0)) {
			l->ready = false;
			(void)MHD_run(l->daemon);
			timed = MHD_get_timeout(l->daemon, &ms) == MHD_YES;
		}
		if (l->ready)
			*timeout_ms = 0;
		else if (timed && (*timeout_ms < 0 || ms < (unsigned)*timeout_ms))
			*timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
	}
	s->giving_away = false;
}

/* The time until the process may end, rounded up; -1: not in sight. */
static int idle_left_ms(const struct server *s)
{
	int64_t left;

	if (s->connections > 0 || s->idle_ns == 0)
		return -1;
	left = s->idle_since + s->idle_ns - time_monotonic();
	if (left <= 0)
		return 0;
	left = (left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Freeing blocks keeps the disk busy, so it waits for a pause in the requests, unless there is much. */
static int sweep_left_ms(const struct server *s)
{
	int64_t left;

	if (!s->engine.core || s->engine.core->trashed == 0)
		return -1;
	if (s->engine.core->trashed >= SWEEP_MANY)
		return 0;
	if (s->requests > 0)
		return -1;
	left = s->quiet_since + SWEEP_PAUSE_NS - time_monotonic();
	return left <= 0 ? 0 : (int)(left / NSEC_PER_MSEC) + 1;
}

static void sweep_if_due(struct server *s, bool ending, int *timeout_ms)
{
	int left = sweep_left_ms(s);

	if (left == 0 || (left > 0 && ending))
		worker_sweep(s->engine.core);
	else if (left > 0 && (*timeout_ms < 0 || left < *timeout_ms))
		*timeout_ms = left;
}

static int serve(struct server *s, struct err *err)
{
	int r, timeout, idle;

	s->idle_since = time_monotonic();
	for (;;) {
		daemons_run(s, &timeout);
		if (s->stopping && s->requests == 0)
			return 0;
		idle = idle_left_ms(s);
		if (idle >= 0 && (timeout < 0 || idle < timeout))
			timeout = idle;
		sweep_if_due(s, false, &timeout);
		r = loop_run_once(s->engine.loop, timeout);
		if (r < 0)
			return err_sys(err, r, "wait for events");
		/* Nothing is waiting to be accepted, as far as this look tells. What comes later
		 * stays in the backlog. */
		if (r == 0 && idle == 0)
			return 0;
	}
}

int server_run(struct server *s, struct err *err)
{
	int r = serve(s, err), unused = -1;

	sweep_if_due(s, true, &unused);
	return r;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->listener_count; i++) {
		watch_stop(&s->listeners[i].watch);
		MHD_stop_daemon(s->listeners[i].daemon);
	}
	watch_stop(&s->signals);
	core_free(s->engine.core);
	loop_free(s->engine.loop);
	free(s->listeners);
	free(s);
}
