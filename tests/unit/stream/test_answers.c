/* Whole answers, as a client sees them: each is given by a process of its own. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../state/tree.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "state/events.h"
#include "state/logfile.h"
#include "state/status.h"
#include "stream/stream.h"

#define PATIENCE_MS 10000
#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static struct tree tree;
static int data_dir, run_dir;

struct answer {
	pid_t pid;
	int fd;
	struct buf raw;  /* everything received */
	struct buf body; /* after body(): without head and chunks */
	bool complete;   /* the last chunk was seen */
};

static int setup(void **unused)
{
	(void)unused;
	tree_make(&tree);
	data_dir = tree_container(&tree, ID_A);
	run_dir = dirs_container_run(&tree.dirs, ID_A, true);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	(void)fd_close(data_dir);
	(void)fd_close(run_dir);
	tree_drop(&tree);
	return 0;
}

/* ---- the client */

static struct answer ask(stream_fn *fn, const char *const *words)
{
	struct answer a = { 0 };
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	a.pid = fork();
	if (a.pid == 0) {
		struct client c = { .fd = s[1] };
		struct err err = { 0 };
		int r;

		(void)signal(SIGPIPE, SIG_IGN);
		(void)fd_close(s[0]);
		r = fn(&tree.dirs, (char *const *)(uintptr_t)words, &c, &err);
		if (r < 0 && !c.head_sent)
			client_refuse(&c, &err);
		client_clear(&c);
		_exit(r < 0 ? -r : 0);
	}
	(void)fd_close(s[1]);
	a.fd = s[0];
	return a;
}

/* Receives what comes next; false at the end. */
static bool receive(struct answer *a)
{
	struct pollfd pfd = { .fd = a->fd, .events = POLLIN };
	char data[65536];
	ssize_t n;

	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	n = read(a->fd, data, sizeof(data));
	assert_true(n >= 0);
	buf_add(&a->raw, data, (size_t)n);
	return n > 0;
}

static void receive_until(struct answer *a, const char *text)
{
	while (!a->raw.data || !strstr(a->raw.data, text))
		assert_true(receive(a));
}

static void unchunk(struct answer *a)
{
	char *p = strstr(a->raw.data, "\r\n\r\n") + 4, *end = a->raw.data + a->raw.len;

	while (p < end) {
		size_t n = strtoul(p, &p, 16);

		assert_memory_equal(p, "\r\n", 2);
		p += 2;
		if (n == 0) {
			a->complete = true;
			assert_memory_equal(p, "\r\n", 3);
			return;
		}
		buf_add(&a->body, p, n);
		p += n;
		assert_memory_equal(p, "\r\n", 2);
		p += 2;
	}
}

/* Receives to the end. */
static void finish(struct answer *a, int expected_status)
{
	int status;

	while (receive(a))
		;
	assert_int_equal(waitpid(a->pid, &status, 0), a->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected_status);
	if (strstr(a->raw.data, "chunked"))
		unchunk(a);
	a->fd = fd_close(a->fd);
}

static void answer_free(struct answer *a)
{
	(void)fd_close(a->fd);
	buf_free(&a->raw);
	buf_free(&a->body);
}

static void assert_refused(stream_fn *fn, const char *const *words, const char *status)
{
	struct answer a = ask(fn, words);

	while (receive(&a))
		;
	assert_true(str_starts(a.raw.data, status));
	assert_non_null(strstr(a.raw.data, "{\"message\":\""));
	assert_int_equal(waitpid(a.pid, NULL, 0), a.pid);
	answer_free(&a);
}

/* ---- the container */

static struct logfile *open_log(void)
{
	struct logfile *l;

	assert_int_equal(
		logfile_open(data_dir, ID_A,
			&(struct logfile_options){ .max_size = 2000, .max_files = 50 }, &l, NULL),
		0);
	return l;
}

static void write_log(struct logfile *l, enum stream_id stream, const char *text)
{
	assert_int_equal(logfile_write(l, stream, text, strlen(text)), 0);
}

static void write_status(enum run_state state, unsigned run, pid_t monitor)
{
	struct status st = { .state = state, .run = run, .monitor = monitor };

	st.monitor_start = proc_start_time(monitor);
	(void)boot_id_read(st.boot_id);
	assert_int_equal(status_write(run_dir, &st), 0);
}

static void assert_body(struct answer *a, const char *body, size_t len)
{
	finish(a, 0);
	assert_true(a->complete);
	assert_int_equal(a->body.len, len);
	if (len)
		assert_memory_equal(a->body.data, body, len);
	answer_free(a);
}

#define ASSERT_BODY(a, text) assert_body((a), (text), sizeof(text) - 1)
#define LOGS(...)            ask(stream_logs, WORDS("id=" ID_A, __VA_ARGS__))

/* ---- logs */

static void each_record_is_a_frame_of_its_stream(void **unused)
{
	struct logfile *l = open_log();
	struct answer a;

	(void)unused;
	write_log(l, STREAM_STDOUT, "out\n");
	write_log(l, STREAM_STDERR, "err\n");
	a = LOGS("stdout=1", "stderr=1");
	ASSERT_BODY(&a, "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n");
	a = LOGS("stdout=1");
	ASSERT_BODY(&a, "\1\0\0\0\0\0\0\4out\n");
	a = LOGS("stderr=1");
	ASSERT_BODY(&a, "\2\0\0\0\0\0\0\4err\n");
	a = LOGS("stdout=1", "stderr=1", "tty=1");
	ASSERT_BODY(&a, "out\nerr\n");
	a = LOGS("stdout=1", "stderr=1", "tty=1", "tail=1");
	ASSERT_BODY(&a, "err\n");
	a = LOGS("stdout=1", "stderr=1", "tty=1", "tail=0");
	ASSERT_BODY(&a, "");
	a = LOGS("stdout=1", "stderr=1", "tty=1", "tail=all");
	ASSERT_BODY(&a, "out\nerr\n");
	a = LOGS("stdout=1", "stderr=1", "tty=1", "tail=-3");
	ASSERT_BODY(&a, "out\nerr\n");
	logfile_free(l);
}

static void the_content_type_is_what_was_asked_for(void **unused)
{
	struct answer a = LOGS("stdout=1", "type=application/x-test");

	(void)unused;
	finish(&a, 0);
	assert_non_null(strstr(a.raw.data, "\r\nContent-Type: application/x-test\r\n"));
	answer_free(&a);
	a = LOGS("stdout=1", "tty=1");
	finish(&a, 0);
	assert_non_null(
		strstr(a.raw.data, "\r\nContent-Type: application/vnd.docker.raw-stream\r\n"));
	answer_free(&a);
	a = LOGS("stdout=1");
	finish(&a, 0);
	assert_non_null(strstr(
		a.raw.data, "\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"));
	answer_free(&a);
}

static void put_record(const char *text, int second)
{
	char line[256], name[LOG_NAME_SIZE];
	int fd = openat(data_dir, logfile_name(name, ID_A, 0),
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line),
		"{\"log\":\"%s\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:%02d.5Z\"}\n",
		text, second);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, line, (size_t)n), 0);
	(void)fd_close(fd);
}

static void since_and_until_bound_the_time(void **unused)
{
	struct answer a;

	(void)unused;
	put_record("one", 1);
	put_record("two", 2);
	put_record("three", 3);
	a = LOGS("stdout=1", "tty=1", "since=2.5");
	ASSERT_BODY(&a, "two\nthree\n");
	a = LOGS("stdout=1", "tty=1", "since=2.500000001");
	ASSERT_BODY(&a, "three\n");
	a = LOGS("stdout=1", "tty=1", "until=2.5");
	ASSERT_BODY(&a, "one\ntwo\n");
	a = LOGS("stdout=1", "tty=1", "since=1970-01-01T00:00:02Z", "until=3");
	ASSERT_BODY(&a, "two\n");
	a = LOGS("stdout=1", "tty=1", "since=0", "until=");
	ASSERT_BODY(&a, "one\ntwo\nthree\n");
}

static void time_and_details_stand_before_each_line_once(void **unused)
{
	static char line[LOG_LINE_MAX + 100];
	struct logfile *l;
	struct answer a;

	(void)unused;
	put_record("one", 1);
	a = LOGS("stdout=1", "tty=1", "timestamps=1");
	ASSERT_BODY(&a, "1970-01-01T00:00:01.500000000Z one\n");
	a = LOGS("stdout=1", "tty=1", "details=1");
	ASSERT_BODY(&a, " one\n");
	a = LOGS("stdout=1", "timestamps=1", "details=1");
	ASSERT_BODY(&a,
		"\1\0\0\0\0\0\0\x24"
		"1970-01-01T00:00:01.500000000Z  one\n");

	l = open_log();
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line, sizeof(line)), 0);
	a = LOGS("stdout=1", "tty=1", "timestamps=1", "tail=2");
	finish(&a, 0);
	assert_int_equal(a.body.len, sizeof(line) + strlen("1970-01-01T00:00:01.500000000Z "));
	answer_free(&a);
	logfile_free(l);
}

static void a_bad_request_is_refused(void **unused)
{
	(void)unused;
	assert_refused(stream_logs, WORDS("id=" ID_A), "HTTP/1.1 400 ");
	assert_refused(stream_logs, WORDS("id=" ID_A, "stdout=1", "since=x"), "HTTP/1.1 400 ");
	assert_refused(stream_logs, WORDS("id=../x", "stdout=1"), "HTTP/1.1 400 ");
	assert_refused(stream_logs, WORDS("id=" ID_B, "stdout=1"), "HTTP/1.1 404 ");
	assert_refused(stream_events, WORDS("since=9", "until=8"), "HTTP/1.1 400 ");
	assert_refused(stream_events, WORDS("filters={"), "HTTP/1.1 400 ");
}

static void following_what_does_not_run_ends_with_the_backlog(void **unused)
{
	struct answer a = LOGS("stdout=1", "tty=1", "follow=1");

	(void)unused;
	ASSERT_BODY(&a, "");
	put_record("one", 1);
	write_status(RUN_EXITED, 1, 0);
	a = LOGS("stdout=1", "tty=1", "follow=1");
	ASSERT_BODY(&a, "one\n");
}

static void the_head_comes_before_there_is_anything_to_say(void **unused)
{
	struct answer a;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	a = LOGS("stdout=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	write_status(RUN_EXITED, 1, getpid());
	ASSERT_BODY(&a, "");
	a = ask(stream_events, WORDS("x=y"));
	receive_until(&a, "\r\n\r\n");
	assert_int_equal(kill(a.pid, SIGKILL), 0);
	assert_int_equal(waitpid(a.pid, NULL, 0), a.pid);
	answer_free(&a);
}

static void following_shows_each_record_and_ends_with_the_run(void **unused)
{
	struct logfile *l = open_log();
	struct buf expected = { 0 };
	struct answer a;
	char text[32];

	(void)unused;
	write_status(RUN_RUNNING, 3, getpid());
	a = LOGS("stdout=1", "tty=1", "follow=1");
	for (int i = 0; i < 200; i++) { /* several rotations */
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		write_log(l, STREAM_STDOUT, text);
		buf_adds(&expected, text);
		if (i % 50 == 0)
			receive_until(&a, text);
	}
	write_log(l, STREAM_STDOUT, "last words"); /* written and flushed before the exit record */
	buf_adds(&expected, "last words");
	assert_int_equal(logfile_flush(l), 0);
	write_status(RUN_EXITED, 3, getpid());
	assert_body(&a, expected.data, expected.len);
	buf_free(&expected);
	logfile_free(l);
}

static void a_restart_ends_it_too(void **unused)
{
	struct answer a;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	a = LOGS("stdout=1", "tty=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	write_status(RUN_RUNNING, 2, getpid());
	ASSERT_BODY(&a, "");
}

static void a_pause_does_not(void **unused)
{
	struct logfile *l = open_log();
	struct answer a;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	a = LOGS("stdout=1", "tty=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	write_status(RUN_PAUSED, 1, getpid());
	write_status(RUN_RUNNING, 1, getpid());
	write_log(l, STREAM_STDOUT, "on\n");
	receive_until(&a, "on\n");
	write_status(RUN_EXITED, 1, getpid());
	ASSERT_BODY(&a, "on\n");
	logfile_free(l);
}

static void the_monitors_death_ends_it(void **unused)
{
	struct logfile *l = open_log();
	pid_t monitor = fork();
	struct answer a;

	(void)unused;
	if (monitor == 0) {
		(void)pause();
		_exit(0);
	}
	write_status(RUN_RUNNING, 1, monitor);
	a = LOGS("stdout=1", "tty=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	write_log(l, STREAM_STDOUT, "before\n");
	assert_int_equal(kill(monitor, SIGKILL), 0);
	ASSERT_BODY(&a, "before\n");
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	logfile_free(l);
}

static void removal_ends_it_but_not_before_the_last_byte(void **unused)
{
	struct logfile *l = open_log();
	struct answer a;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	a = LOGS("stdout=1", "tty=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	write_log(l, STREAM_STDOUT, "last\n");
	assert_int_equal(
		renameat(tree.dirs.data, "containers/" ID_A, tree.dirs.data, "trash/x"), 0);
	assert_int_equal(tree_remove_at(tree.dirs.run, "containers/" ID_A, NULL), 0);
	ASSERT_BODY(&a, "last\n");
	logfile_free(l);
}

static void until_ends_it_in_time(void **unused)
{
	int64_t start = time_now();
	char until[40];
	struct answer a;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	(void)snprintf(until, sizeof(until), "until=%lld.%09lld",
		(long long)((start + 300 * NSEC_PER_MSEC) / NSEC_PER_SEC),
		(long long)((start + 300 * NSEC_PER_MSEC) % NSEC_PER_SEC));
	a = LOGS("stdout=1", "tty=1", "follow=1", until);
	ASSERT_BODY(&a, "");
	assert_in_range((uintmax_t)(time_now() - start), (uintmax_t)(300 * NSEC_PER_MSEC),
		(uintmax_t)(5 * NSEC_PER_SEC));
	a = LOGS("stdout=1", "tty=1", "follow=1", "until=-9223372036");
	assert_body(&a, "", 0);
	a = LOGS("stdout=1", "tty=1", "follow=1", "until=1");
	ASSERT_BODY(&a, "");
}

static void a_client_that_leaves_ends_its_process(void **unused)
{
	struct answer a;
	int status;

	(void)unused;
	write_status(RUN_RUNNING, 1, getpid());
	a = LOGS("stdout=1", "follow=1");
	receive_until(&a, "\r\n\r\n");
	assert_int_equal(shutdown(a.fd, SHUT_WR), 0); /* half-closed: still listening */
	(void)usleep(50000);
	assert_int_equal(waitpid(a.pid, &status, WNOHANG), 0);
	a.fd = fd_close(a.fd);
	assert_int_equal(waitpid(a.pid, &status, 0), a.pid);
	assert_int_equal(WEXITSTATUS(status), EPIPE);
	answer_free(&a);
}

/* ---- events */

static void append_event(const char *id, int64_t time)
{
	struct event e = { .type = "volume", .action = "create", .id = id, .time = time };

	assert_int_equal(event_append(&tree.dirs, &e), 0);
}

static void each_event_is_a_chunk_of_its_own(void **unused)
{
	struct answer a;

	(void)unused;
	append_event("old", 0);
	a = ask(stream_events, WORDS("since=", "filters=", "until="));
	receive_until(&a, "\r\n\r\n");
	append_event("new", 1);
	append_event("newer", 1);
	receive_until(&a, "newer");
	while (!str_ends(a.raw.data, "}\n\r\n"))
		assert_true(receive(&a));
	assert_string_equal(strstr(a.raw.data, "\r\n\r\n"),
		"\r\n\r\n"
		"6f\r\n{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"new\","
		"\"Attributes\":{}},\"scope\":\"local\",\"time\":0,\"timeNano\":1}\n\r\n"
		"71\r\n{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"newer\","
		"\"Attributes\":{}},\"scope\":\"local\",\"time\":0,\"timeNano\":1}\n\r\n");
	a.fd = fd_close(a.fd);
	assert_int_equal(waitpid(a.pid, NULL, 0), a.pid);
	answer_free(&a);
}

static void past_events_come_first_and_until_ends_it(void **unused)
{
	struct answer a;

	(void)unused;
	append_event("a", 1 * NSEC_PER_SEC);
	append_event("b", 2 * NSEC_PER_SEC);
	append_event("c", 3 * NSEC_PER_SEC);
	a = ask(stream_events, WORDS("since=2", "until=2.5"));
	finish(&a, 0);
	assert_true(a.complete);
	assert_non_null(strstr(a.body.data, "\"ID\":\"b\""));
	assert_null(strstr(a.body.data, "\"ID\":\"a\""));
	assert_null(strstr(a.body.data, "\"ID\":\"c\""));
	answer_free(&a);
	a = ask(stream_events, WORDS("until=3", "filters={\"volume\":[\"a\"]}"));
	finish(&a, 0);
	assert_non_null(strstr(a.body.data, "\"ID\":\"a\""));
	assert_null(strstr(a.body.data, "\"ID\":\"b\""));
	answer_free(&a);
}

static void the_beginning_of_time_is_a_bound_like_any_other(void **unused)
{
	static const char *const spans[][2] = { { "since=0", "until=2" },
		{ "since=-5", "until=2" } };
	struct answer a;

	(void)unused;
	append_event("a", 1 * NSEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		a = ask(stream_events, WORDS(spans[i][0], spans[i][1]));
		finish(&a, 0);
		assert_non_null(strstr(a.body.data, "\"ID\":\"a\""));
		answer_free(&a);
	}
	a = ask(stream_events, WORDS("until=0"));
	ASSERT_BODY(&a, "");
	assert_refused(stream_events, WORDS("since=1", "until=0"), "HTTP/1.1 400 ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_record_is_a_frame_of_its_stream),
		TEST(the_content_type_is_what_was_asked_for),
		TEST(since_and_until_bound_the_time),
		TEST(time_and_details_stand_before_each_line_once),
		TEST(a_bad_request_is_refused),
		TEST(following_what_does_not_run_ends_with_the_backlog),
		TEST(the_head_comes_before_there_is_anything_to_say),
		TEST(following_shows_each_record_and_ends_with_the_run),
		TEST(a_restart_ends_it_too),
		TEST(a_pause_does_not),
		TEST(the_monitors_death_ends_it),
		TEST(removal_ends_it_but_not_before_the_last_byte),
		TEST(until_ends_it_in_time),
		TEST(a_client_that_leaves_ends_its_process),
		TEST(each_event_is_a_chunk_of_its_own),
		TEST(past_events_come_first_and_until_ends_it),
		TEST(the_beginning_of_time_is_a_bound_like_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
