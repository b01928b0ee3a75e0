/* The server itself, in a process of its own with routes of this test. The test plays the client, and
 * the monitor or worker that a connection is given to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/exchange.h"
#include "api/server.h"
#include "api/upload.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "state/wire.h"

#define CONTAINER "abababababababababababababababababababababababababababababababab"
#define LARGE     (6u << 20) /* more than pipe and socket buffers hold together */
#define PATIENCE  20000      /* ms for what must come; only a failure waits so long */
#define BURST     3000

static struct worker fake_worker;
static char slow_pipe[80];

static int hello(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)err;
	return reply_text(rep, 200, "hello");
}

static int nothing(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)err;
	return reply_empty(rep, 204);
}

static int length(struct request *req, struct reply *rep, struct err *err)
{
	char text[64];

	(void)err;
	(void)snprintf(text, sizeof(text), "%zu", req_body_len(req));
	return reply_text(rep, 200, text);
}

static int wait_for_it(struct request *req, struct reply *rep, struct err *err)
{
	return handover_monitor(req, rep, CONTAINER, "wait",
		(const char *const[]){ "condition=removed", NULL }, err);
}

static int attach(struct request *req, struct reply *rep, struct err *err)
{
	return handover_hijack(req, rep, CONTAINER, "attach",
		(const char *const[]){ "stream=1", NULL }, true, err);
}

static int upload(struct request *req, struct reply *rep, struct err *err)
{
	(void)err;
	rep->upload = upload_new(req->engine->loop, &fake_worker, req->client);
	rep->kind = REPLY_UPLOAD;
	return 0;
}

/* Begins when the test opens its end of the pipe, and goes on when the test closes it. The copy that
 * runs this has closed what the server had open. */
static int slow_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	auto_fd int pipe = open(slow_pipe, O_WRONLY | O_CLOEXEC);
	struct pollfd closed = { .fd = pipe };

	(void)c;
	(void)f;
	(void)err;
	(void)poll(&closed, 1, PATIENCE);
	buf_adds(out, "{}");
	return 0;
}

static int prune(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { NULL };

	return handover_prune(req, rep, keys, slow_prune, err);
}

const struct route routes[] = {
	{ GET, "/hello", hello, 0, "Hello" },
	{ HEAD, "/hello", hello, 0, "HelloHead" },
	{ POST, "/nothing", nothing, 0, "Nothing" },
	{ POST, "/json", length, BODY_JSON | BODY_OPTIONAL, "Json" },
	{ POST, "/any", length, 0, "Any" },
	{ POST, "/wait", wait_for_it, 0, "Wait" },
	{ POST, "/attach", attach, 0, "Attach" },
	{ POST, "/prune", prune, 0, "Prune" },
	{ POST, "/upload", upload, BODY_UPLOAD, "Upload" },
	{ 0 },
};

/* ---- the other side */

struct world {
	char dir[64];
	struct sockaddr_un address;
	pid_t server;
	int ctl;     /* the monitor's socket */
	int input;   /* what the worker reads */
	int control; /* where the worker gets the connection */
};

static int listener(struct world *w)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	w->address.sun_family = AF_UNIX;
	(void)snprintf(w->address.sun_path, sizeof(w->address.sun_path), "%s/sock", w->dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&w->address, sizeof(w->address)), 0);
	(void)chmod(w->address.sun_path, 0666);
	assert_int_equal(listen(sock, 64), 0);
	return sock;
}

static void serve(int sock, int64_t idle_ns) __attribute__((noreturn));
static void serve(int sock, int64_t idle_ns)
{
	struct server *s = NULL;
	struct err err = { 0 };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	r = server_new(&sock, 1, idle_ns, &s, &err);
	if (r == 0)
		r = server_run(s, &err);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	server_free(s);
	_exit(r < 0);
}

static void start(struct world *w, int64_t idle_ns)
{
	int pipefd[2], pair[2], sock;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	(void)fd_nonblock(pipefd[1], true);
	sock = listener(w);
	w->server = fork();
	if (w->server == 0) {
		(void)fd_close(pipefd[0]);
		(void)fd_close(pair[0]);
		fake_worker = (struct worker){ .input = pipefd[1], .control = pair[1] };
		serve(sock, idle_ns);
	}
	(void)fd_close(pipefd[1]);
	(void)fd_close(pair[1]);
	(void)fd_close(sock);
	w->input = pipefd[0];
	w->control = pair[0];
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	auto_fd int dir = FD_NONE, run = FD_NONE;

	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/dayfly-test-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	(void)chmod(w->dir, 0755);
	(void)setenv("XDG_RUNTIME_DIR", w->dir, 1);
	(void)setenv("XDG_DATA_HOME", w->dir, 1);
	dir = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	run = dir_open_make_at(dir, "dayfly/containers/" CONTAINER, 0700);
	w->ctl = wire_listen(run);
	w->server = -1;
	*state = w;
	return w->ctl < 0 ? -1 : 0;
}

static int ended(struct world *w, int patience_ms)
{
	int status;

	for (int i = 0; i <= patience_ms; i += 5) {
		if (waitpid(w->server, &status, WNOHANG) == w->server) {
			w->server = -1;
			return status;
		}
		(void)usleep(5000);
	}
	return -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	auto_fd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (w->server > 0) {
		(void)kill(w->server, SIGKILL);
		(void)waitpid(w->server, NULL, 0);
	}
	(void)fd_close(w->ctl);
	(void)fd_close(w->input);
	(void)fd_close(w->control);
	(void)tree_remove_at(tmp, w->dir + strlen("/tmp/"), NULL);
	free(w);
	return 0;
}

static int client(const struct world *w)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		connect(sock, (const struct sockaddr *)&w->address, sizeof(w->address)), 0);
	return sock;
}

static void say(int sock, const char *text)
{
	assert_int_equal(fd_write_all(sock, text, strlen(text)), 0);
}

/* Reads what comes, until text is in it (NULL: until the end). Returns false if the
 * connection ended first or nothing came. */
static bool hear_into(int sock, struct buf *got, const char *text)
{
	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		char data[4096];
		ssize_t n;

		if (text && got->data && strstr(got->data, text))
			return true;
		if (poll(&p, 1, PATIENCE) != 1)
			return false;
		n = read(sock, data, sizeof(data));
		if (n <= 0)
			return !text && n == 0;
		buf_add(got, data, (size_t)n);
	}
}

static void hear(int sock, const char *text)
{
	auto_buf struct buf got = { 0 };

	if (!hear_into(sock, &got, text))
		fail_msg("expected '%s', got '%s'", text ? text : "the end",
			got.data ? got.data : "");
}

static void monitor_hears(const struct world *w, struct wire_msg *ret)
{
	struct pollfd p = { .fd = w->ctl, .events = POLLIN };

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(wire_recv(w->ctl, ret), 0);
}

static int worker_gets_client(const struct world *w)
{
	struct pollfd p = { .fd = w->control, .events = POLLIN };
	char data[16];
	size_t count = 0;
	int fd = FD_NONE;

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_true(fd_recv(w->control, data, sizeof(data), &fd, 1, &count, 0) > 0);
	assert_int_equal(count, 1);
	return fd;
}

/* ---- requests and answers */

static void a_connection_serves_many_requests(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	for (int i = 0; i < 3; i++) {
		say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
		hear(c, "hello");
	}
	say(c, "POST /nothing HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc");
	hear(c, "204 No Content");
	say(c, "HEAD /hello HTTP/1.1\r\nHost: d\r\n\r\nGET /nope HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(c, "{\"message\":\"page not found\"}\n");
}

static void bodies_come_with_a_length_or_in_chunks(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c,
		"POST /json HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
		"Content-Length: 2\r\n\r\n{}");
	hear(c, "\r\n\r\n2");
	say(c,
		"POST /json HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n");
	hear(c, "\r\n\r\n5");
	say(c, "POST /json HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	hear(c, "\r\n\r\n0");
	say(c, "POST /any HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\n{\n}\n");
	hear(c, "\r\n\r\n4");
}

static void send_zeros(int sock, size_t len)
{
	static const char zeros[65536];

	for (size_t n; len > 0; len -= n) {
		n = len < sizeof(zeros) ? len : sizeof(zeros);
		assert_int_equal(fd_write_all(sock, zeros, n), 0);
	}
}

static void a_body_beyond_the_limit_is_refused_when_it_is_over(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;
	char head[256];

	start(w, 0);
	c = client(w);
	(void)snprintf(head, sizeof(head),
		"POST /json HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		BODY_MAX + 1);
	say(c, head);
	send_zeros(c, BODY_MAX + 1);
	hear(c, "HTTP/1.1 413 ");
	say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(c, "hello");
}

static void strangers_are_refused(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip(); /* needs another user */
	start(w, 0);
	pid = fork();
	if (pid == 0) {
		struct buf got = { 0 };
		int c;

		if (setuid(65534) < 0)
			_exit(2);
		c = client(w);
		say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
		_exit(!hear_into(c, &got, "HTTP/1.1 403 "));
	}
	(void)waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* ---- giving connections away */

static void a_handed_over_connection_is_not_shut_down(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_fd int c = FD_NONE, other = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c, "POST /wait HTTP/1.1\r\nHost: d\r\n\r\n");
	monitor_hears(w, &m);
	assert_string_equal(m.op, "wait");
	assert_string_equal(wire_get(&m, "condition"), "removed");

	/* By now the server has let go: it has cleaned up before it took another request. */
	other = client(w);
	say(other, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(other, "hello");
	(void)kill(w->server, SIGTERM);
	assert_int_equal(ended(w, PATIENCE), 0);

	say(m.fd, "HTTP/1.1 200 OK\r\n\r\nanswer");
	hear(c, "answer");
	say(c, "more");
	hear(m.fd, "more");
	m.fd = fd_close(m.fd);
	hear(c, NULL);
}

/* Where the switchboard could be killed: the connection is the monitor's before the client can know. */
static void an_upgrade_gives_the_connection_away_before_the_101(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_fd int c = FD_NONE;
	int queued = 0;

	start(w, 0);
	c = client(w);
	say(c, "POST /attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	while (ioctl(c, FIONREAD, &queued) == 0 && queued == 0)
		;
	(void)kill(w->server, SIGKILL);
	monitor_hears(w, &m);
	assert_string_equal(m.op, "attach");
	assert_true(m.fd >= 0);
	hear(c, "HTTP/1.1 101 ");
	say(m.fd, "out");
	hear(c, "out");
}

static void without_a_monitor_an_upgrade_is_refused(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	w->ctl = fd_close(w->ctl); /* and there is no program to be one */
	start(w, 0);
	c = client(w);
	say(c, "POST /attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	hear(c, "HTTP/1.1 500 ");
}

static void an_upgrade_passes_on_what_the_client_sent_early(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE }, early = { .fd = FD_NONE };
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c,
		"POST /v1.47/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
		"Content-Length: 2\r\n\r\n{}early");
	monitor_hears(w, &m);
	hear(c, "\r\n\r\n");
	assert_string_equal(wire_get(&m, "stream"), "1");
	assert_string_equal(wire_get(&m, "type"), "application/vnd.docker.multiplexed-stream");
	assert_int_equal(m.blob_len, 0);
	monitor_hears(w, &early);
	assert_string_equal(early.op, "early");
	assert_string_equal(wire_get(&early, "hold"), wire_get(&m, "hold"));
	assert_int_equal(early.blob_len, 5);
	assert_memory_equal(early.blob, "early", 5);

	(void)kill(w->server, SIGTERM);
	assert_int_equal(ended(w, PATIENCE), 0);
	say(m.fd, "out");
	hear(c, "out");
	(void)shutdown(c, SHUT_WR);
	hear(m.fd, NULL);
	say(m.fd, "last");
	hear(c, "last");
}

static void the_head_of_an_upgrade_is_complete(void **state)
{
	static const char *const expected[] = { "HTTP/1.1 101 ", "Upgrade: tcp\r\n",
		"Connection: Upgrade\r\n", "Content-Type: application/vnd.docker.raw-stream\r\n",
		"Api-Version: " };
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_buf struct buf got = { 0 };
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c, "POST /v1.41/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	assert_true(hear_into(c, &got, "\r\n\r\n"));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_non_null(strstr(got.data, expected[i]));
	monitor_hears(w, &m);
}

static void without_an_upgrade_the_monitor_writes_the_head(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c, "POST /attach HTTP/1.1\r\nHost: d\r\n\r\n");
	monitor_hears(w, &m);
	assert_null(wire_get(&m, "hold"));
	say(m.fd, "HTTP/1.1 200 OK\r\n\r\n");
	hear(c, "200 OK");
}

static void pruning_holds_up_nobody_and_outlives_the_server(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE, other = FD_NONE;
	auto_fd int pruning = FD_NONE;

	(void)snprintf(slow_pipe, sizeof(slow_pipe), "%s/slow", w->dir);
	assert_int_equal(mkfifo(slow_pipe, 0600), 0);
	start(w, 0);
	c = client(w);
	say(c, "POST /prune HTTP/1.1\r\nHost: d\r\n\r\n");
	pruning = open(slow_pipe, O_RDONLY | O_CLOEXEC);
	assert_true(pruning >= 0);
	other = client(w);
	say(other, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(other, "hello");
	(void)kill(w->server, SIGKILL);
	hear(other, NULL); /* the copy keeps no connection but its own */
	pruning = fd_close(pruning);
	hear(c, "\r\n\r\n{}\n");
	hear(c, NULL);
}

/* ---- uploads */

static void upload_begin(int c, size_t len)
{
	char head[128];

	(void)snprintf(head, sizeof(head),
		"POST /upload HTTP/1.1\r\nHost: d\r\nContent-Length: %zu\r\n\r\n", len);
	say(c, head);
}

/* Sends until nothing more is taken for a while. */
static size_t send_what_fits(int c, size_t len)
{
	static const char zeros[65536];
	struct pollfd p = { .fd = c, .events = POLLOUT };
	size_t sent = 0;

	while (sent < len && poll(&p, 1, 200) == 1) {
		size_t want = len - sent < sizeof(zeros) ? len - sent : sizeof(zeros);
		ssize_t n = send(c, zeros, want, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
	}
	return sent;
}

static size_t drain(int fd)
{
	static char data[65536];
	size_t all = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, PATIENCE) != 1)
			return 0;
		n = read(fd, data, sizeof(data));
		if (n <= 0)
			return all;
		all += (size_t)n;
	}
}

static void worker_answers(const struct world *w, int c)
{
	auto_fd int fd = worker_gets_client(w);

	say(fd, "HTTP/1.1 200 OK\r\n\r\nloaded");
	hear(c, "loaded");
}

static void an_upload_waits_for_its_worker(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;
	size_t sent;
	pid_t pid;

	start(w, 0);
	c = client(w);
	upload_begin(c, LARGE);
	sent = send_what_fits(c, LARGE);
	assert_true(sent < LARGE / 2);
	pid = fork();
	if (pid == 0) { /* the rest, and the end of the client's sending: no reason to give up */
		send_zeros(c, LARGE - sent);
		(void)shutdown(c, SHUT_WR);
		_exit(0);
	}
	assert_int_equal(drain(w->input), LARGE);
	(void)waitpid(pid, NULL, 0);
	worker_answers(w, c);
}

static void what_a_worker_does_not_read_is_thrown_away(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	w->input = fd_close(w->input);
	c = client(w);
	upload_begin(c, LARGE);
	send_zeros(c, LARGE);
	worker_answers(w, c);
}

static void a_worker_that_stops_reading_while_we_wait_is_noticed(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;
	size_t sent;

	start(w, 0);
	c = client(w);
	upload_begin(c, LARGE);
	sent = send_what_fits(c, LARGE);
	w->input = fd_close(w->input);
	send_zeros(c, LARGE - sent);
	worker_answers(w, c);
}

static void a_dead_worker_is_told_to_the_client(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	w->input = fd_close(w->input);
	w->control = fd_close(w->control);
	c = client(w);
	upload_begin(c, 10);
	send_zeros(c, 10);
	hear(c, "HTTP/1.1 500 ");
}

static void worker_is_left_alone(struct world *w)
{
	struct pollfd p = { .fd = w->control, .events = POLLIN };
	auto_fd int c = FD_NONE;
	char data;

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(recv(w->control, &data, 1, 0), 0);
	c = client(w);
	say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(c, "hello");
}

static void a_client_that_vanishes_during_its_upload_ends_the_worker(void **state)
{
	struct world *w = *state;
	struct pollfd begun;
	int c;

	start(w, 0);
	c = client(w);
	upload_begin(c, LARGE);
	send_zeros(c, 1000);
	begun = (struct pollfd){ .fd = w->input, .events = POLLIN };
	assert_int_equal(poll(&begun, 1, PATIENCE), 1);
	(void)fd_close(c);
	worker_is_left_alone(w);
}

/* libmicrohttpd does not watch a suspended connection. */
static void a_client_that_vanishes_while_suspended_is_noticed(void **state)
{
	struct world *w = *state;
	int c;

	start(w, 0);
	c = client(w);
	upload_begin(c, LARGE);
	assert_true(send_what_fits(c, LARGE) < LARGE);
	(void)fd_close(c);
	worker_is_left_alone(w);
}

/* ---- ending */

static void an_idle_server_ends(void **state)
{
	struct world *w = *state;

	start(w, 100 * NSEC_PER_MSEC);
	assert_int_equal(ended(w, PATIENCE), 0);
}

static void an_open_connection_is_not_idle(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 20 * NSEC_PER_MSEC);
	c = client(w);
	say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(c, "hello");
	assert_int_equal(ended(w, 200), -1);
	c = fd_close(c);
	assert_int_equal(ended(w, PATIENCE), 0);
}

static void a_handed_over_connection_does_not_count(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_fd int c = FD_NONE;

	start(w, 50 * NSEC_PER_MSEC);
	c = client(w);
	say(c, "POST /wait HTTP/1.1\r\nHost: d\r\n\r\n");
	monitor_hears(w, &m);
	assert_int_equal(ended(w, PATIENCE), 0);
	say(m.fd, "still there");
	hear(c, "still there");
}

static void sigterm_ends_an_idle_server_at_once(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c, "GET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
	hear(c, "hello");
	(void)kill(w->server, SIGTERM);
	assert_int_equal(ended(w, PATIENCE), 0);
}

static void sigterm_waits_for_the_request_under_way(void **state)
{
	struct world *w = *state;
	auto_fd int c = FD_NONE;

	start(w, 0);
	c = client(w);
	say(c, "POST /any HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nab");
	(void)usleep(50000);
	(void)kill(w->server, SIGTERM);
	assert_int_equal(ended(w, 100), -1);
	say(c, "cd");
	hear(c, "\r\n\r\n4");
	assert_int_equal(ended(w, PATIENCE), 0);
}

/* What systemd does: a new process for whoever waits in the backlog, once the last has ended. */
static void activate_for_ever(int sock) __attribute__((noreturn));
static void activate_for_ever(int sock)
{
	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		pid_t pid;

		if (poll(&p, 1, -1) != 1)
			continue;
		pid = fork();
		if (pid == 0)
			serve(sock, NSEC_PER_MSEC);
		(void)waitpid(pid, NULL, 0);
	}
}

static void no_connection_is_lost_between_two_servers(void **state)
{
	struct world *w = *state;
	int sock = listener(w);

	w->server = fork();
	if (w->server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		activate_for_ever(sock);
	}
	(void)fd_close(sock);
	for (int i = 0; i < BURST; i++) {
		auto_fd int c = client(w);

		if (i % 3 == 0) /* around the end of the idle time */
			(void)usleep(900 + (unsigned)i % 200);
		say(c, "GET /hello HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
		hear(c, "hello");
		if (i % 3 == 1)
			(void)usleep(900 + (unsigned)i % 200);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_connection_serves_many_requests),
		T(bodies_come_with_a_length_or_in_chunks),
		T(a_body_beyond_the_limit_is_refused_when_it_is_over),
		T(strangers_are_refused),
		T(a_handed_over_connection_is_not_shut_down),
		T(an_upgrade_gives_the_connection_away_before_the_101),
		T(without_a_monitor_an_upgrade_is_refused),
		T(an_upgrade_passes_on_what_the_client_sent_early),
		T(the_head_of_an_upgrade_is_complete),
		T(without_an_upgrade_the_monitor_writes_the_head),
		T(pruning_holds_up_nobody_and_outlives_the_server),
		T(an_upload_waits_for_its_worker),
		T(what_a_worker_does_not_read_is_thrown_away),
		T(a_worker_that_stops_reading_while_we_wait_is_noticed),
		T(a_dead_worker_is_told_to_the_client),
		T(a_client_that_vanishes_during_its_upload_ends_the_worker),
		T(a_client_that_vanishes_while_suspended_is_noticed),
		T(an_idle_server_ends),
		T(an_open_connection_is_not_idle),
		T(a_handed_over_connection_does_not_count),
		T(sigterm_ends_an_idle_server_at_once),
		T(sigterm_waits_for_the_request_under_way),
		T(no_connection_is_lost_between_two_servers),
	};

	(void)alarm(
		60); /* some calls of the client's side wait for ever when the server is wrong */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
