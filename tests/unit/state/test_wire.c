#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "state/wire.h"
#include "tree.h"

struct ctl {
	struct folder dir;
	int sock;
};

static struct ctl ctl_make(void)
{
	struct ctl c = { .dir = make_folder() };

	c.sock = wire_listen(c.dir.fd);
	assert_true(c.sock >= 0);
	return c;
}

static void ctl_drop(struct ctl *c)
{
	(void)fd_close(c->sock);
	drop_folder(&c->dir);
}

/* ---- decoding */

static size_t put(char *to, uint32_t words_len, const char *rest, size_t len)
{
	memcpy(to, &words_len, sizeof(words_len));
	memcpy(to + sizeof(words_len), rest, len);
	return sizeof(words_len) + len;
}

static void words_flags_and_numbers_are_found_by_key(void **unused)
{
	static const char words[] = "stop\0signal=15\0timeout=-1\0force=1\0big=9999999999\0sig=x";
	struct wire_msg m = { .fd = FD_NONE };
	char data[256];
	size_t len = put(data, sizeof(words), words, sizeof(words));

	(void)unused;
	assert_int_equal(wire_decode(data, len, &m), 0);
	assert_string_equal(m.op, "stop");
	assert_string_equal(wire_get(&m, "signal"), "15");
	assert_null(wire_get(&m, "signa"));
	assert_null(wire_get(&m, "none"));
	assert_int_equal(wire_int(&m, "timeout", 10), -1);
	assert_int_equal(wire_int(&m, "none", 10), 10);
	assert_int_equal(wire_int(&m, "sig", 10), 10);
	assert_int_equal(wire_int(&m, "big", 10), 10);
	assert_true(wire_flag(&m, "force"));
	assert_false(wire_flag(&m, "signal"));
	assert_int_equal(m.blob_len, 0);
	wire_msg_clear(&m);
	wire_msg_clear(&m);
}

static void the_blob_is_raw(void **unused)
{
	static const char rest[] = "attach\0a\0b"; /* blob: "a\0b\0" */
	struct wire_msg m = { .fd = FD_NONE };
	char data[64];
	size_t len = put(data, 7, rest, sizeof(rest));

	(void)unused;
	assert_int_equal(wire_decode(data, len, &m), 0);
	assert_string_equal(m.op, "attach");
	assert_null(m.words[0]);
	assert_int_equal(m.blob_len, 4);
	assert_memory_equal(m.blob, "a\0b", 4);
	wire_msg_clear(&m);
}

static void hostile_messages_are_refused(void **unused)
{
	struct wire_msg m = { .fd = FD_NONE };
	char data[512], many[512];
	static char big[WIRE_MAX + 1];
	size_t len, n = 3;

	(void)unused;
	assert_int_equal(wire_decode("", 0, &m), -EBADMSG);
	assert_int_equal(wire_decode("\1\0\0", 3, &m), -EBADMSG);
	len = put(data, 0, "x", 2);
	assert_int_equal(wire_decode(data, len, &m), -EBADMSG);
	len = put(data, 3, "x", 2); /* more words than bytes */
	assert_int_equal(wire_decode(data, len, &m), -EBADMSG);
	len = put(data, UINT32_MAX, "x", 2);
	assert_int_equal(wire_decode(data, len, &m), -EBADMSG);
	len = put(data, 1, "x", 2); /* the words do not end with NUL */
	assert_int_equal(wire_decode(data, len, &m), -EBADMSG);
	assert_int_equal(wire_decode(big, sizeof(big), &m), -EBADMSG);
	memcpy(many, "op", 3);
	for (int i = 0; i < WIRE_WORDS - 1; i++, n += 4)
		memcpy(many + n, "k=v", 4);
	len = put(data, (uint32_t)n, many, n);
	assert_int_equal(wire_decode(data, len, &m), 0); /* just as many as fit */
	assert_null(m.words[WIRE_WORDS - 1]);
	wire_msg_clear(&m);
	memcpy(many + n, "k=v", 4);
	len = put(data, (uint32_t)n + 4, many, n + 4);
	assert_int_equal(wire_decode(data, len, &m), -EBADMSG);
}

/* ---- the socket */

static void messages_arrive_in_order_with_descriptor_and_blob(void **unused)
{
	static const char *const words[] = { "signal=9", NULL };
	struct ctl c = ctl_make();
	struct wire_msg m = { .fd = FD_NONE };
	int p[2];
	char x;

	(void)unused;
	assert_int_equal(wire_recv(c.sock, &m), -EAGAIN);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(wire_send(c.dir.fd, "kill", words, p[1], "early", 5, 200), 0);
	assert_int_equal(wire_send(c.dir.fd, "reload", NULL, FD_NONE, NULL, 0, 200), 0);
	p[1] = fd_close(p[1]);

	assert_int_equal(wire_recv(c.sock, &m), 0);
	assert_string_equal(m.op, "kill");
	assert_int_equal(wire_int(&m, "signal", 0), 9);
	assert_int_equal(m.blob_len, 5);
	assert_memory_equal(m.blob, "early", 5);
	assert_int_equal(write(m.fd, "y", 1), 1);
	wire_msg_clear(&m);
	assert_int_equal(read(p[0], &x, 1), 1);
	assert_int_equal(read(p[0], &x, 1), 0); /* clearing closed the last writer */

	assert_int_equal(wire_recv(c.sock, &m), 0);
	assert_string_equal(m.op, "reload");
	assert_int_equal(m.fd, FD_NONE);
	wire_msg_clear(&m);
	(void)fd_close(p[0]);
	ctl_drop(&c);
}

static void the_largest_message_passes_and_a_larger_one_is_refused_at_once(void **unused)
{
	static char blob[WIRE_MAX];
	const size_t most = WIRE_MAX - sizeof(uint32_t) - sizeof("attach");
	struct ctl c = ctl_make();
	struct wire_msg m = { .fd = FD_NONE };

	(void)unused;
	memset(blob, 'b', sizeof(blob));
	assert_int_equal(
		wire_send(c.dir.fd, "attach", NULL, FD_NONE, blob, most + 1, 200), -EMSGSIZE);
	assert_int_equal(wire_send(c.dir.fd, "attach", NULL, FD_NONE, blob, most, 200), 0);
	assert_int_equal(wire_recv(c.sock, &m), 0);
	assert_int_equal(m.blob_len, most);
	assert_memory_equal(m.blob, blob, most);
	wire_msg_clear(&m);
	ctl_drop(&c);
}

static void garbage_is_taken_off_the_queue_and_its_descriptor_closed(void **unused)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ctl c = ctl_make();
	struct wire_msg m = { .fd = FD_NONE };
	int p[2], raw = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char x;

	(void)unused;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.60s/ctl", c.dir.path);
	assert_int_equal(connect(raw, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(fd_send(raw, "garbage", 7, &p[1], 1, 0), 0);
	p[1] = fd_close(p[1]);
	assert_int_equal(wire_send(c.dir.fd, "reload", NULL, FD_NONE, NULL, 0, 200), 0);

	assert_int_equal(wire_recv(c.sock, &m), -EBADMSG);
	assert_int_equal(read(p[0], &x, 1), 0); /* nobody holds the other end any more */
	assert_int_equal(wire_recv(c.sock, &m), 0);
	assert_string_equal(m.op, "reload");
	wire_msg_clear(&m);
	(void)fd_close(raw);
	(void)fd_close(p[0]);
	ctl_drop(&c);
}

static void an_empty_message_does_not_look_like_the_end(void **unused)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ctl c = ctl_make();
	struct wire_msg m = { .fd = FD_NONE };
	int raw = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unused;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.60s/ctl", c.dir.path);
	assert_int_equal(connect(raw, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(send(raw, "", 0, 0), 0);
	assert_int_equal(wire_recv(c.sock, &m), -EBADMSG);
	assert_int_equal(wire_recv(c.sock, &m), -EAGAIN);
	(void)fd_close(raw);
	ctl_drop(&c);
}

static void without_a_listener_the_sender_knows_it(void **unused)
{
	struct ctl c = ctl_make();

	(void)unused;
	(void)fd_close(c.sock); /* died: the socket's file is still there */
	assert_int_equal(wire_send(c.dir.fd, "start", NULL, FD_NONE, NULL, 0, 200), -ECONNREFUSED);
	c.sock = wire_listen(c.dir.fd); /* a new monitor replaces it */
	assert_true(c.sock >= 0);
	assert_int_equal(wire_send(c.dir.fd, "start", NULL, FD_NONE, NULL, 0, 200), 0);
	assert_int_equal(unlinkat(c.dir.fd, "ctl", 0), 0);
	assert_int_equal(wire_send(c.dir.fd, "start", NULL, FD_NONE, NULL, 0, 200), -ENOENT);
	ctl_drop(&c);
}

static void a_full_queue_is_waited_for_and_then_given_up(void **unused)
{
	struct ctl c = ctl_make();
	int r, sent = 0;

	(void)unused;
	while ((r = wire_send(c.dir.fd, "reload", NULL, FD_NONE, NULL, 0, 200)) == 0)
		assert_true(++sent < 100000);
	assert_int_equal(r, -ETIMEDOUT);
	assert_true(sent > 0);
	ctl_drop(&c);
}

/* A monitor about to end shuts the socket down, takes what is queued, and goes. A message is either
 * taken by it or refused to its sender, never lost. */
static void ending_loses_no_message(void **unused)
{
	(void)unused;
	for (int round = 0; round < 50; round++) {
		struct ctl c = ctl_make();
		struct wire_msg m = { .fd = FD_NONE };
		int p[2], accepted = 0, taken = 0;
		pid_t child;

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		child = fork();
		if (child == 0) {
			int ok = 0;

			(void)fd_close(c.sock);
			while (wire_send(c.dir.fd, "stop", NULL, FD_NONE, NULL, 0, 200) == 0)
				ok++;
			_exit(write(p[1], &ok, sizeof(ok)) == sizeof(ok) ? 0 : 1);
		}
		for (int i = 0; i < round; i++) {
			struct pollfd pfd = { .fd = c.sock, .events = POLLIN };

			assert_int_equal(poll(&pfd, 1, 5000), 1);
			if (wire_recv(c.sock, &m) == 0)
				taken++;
			wire_msg_clear(&m);
		}
		assert_int_equal(shutdown(c.sock, SHUT_RD), 0);
		while (wire_recv(c.sock, &m) == 0) {
			taken++;
			wire_msg_clear(&m);
		}
		assert_int_equal(wire_recv(c.sock, &m), -EPIPE);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(read(p[0], &accepted, sizeof(accepted)), sizeof(accepted));
		assert_int_equal(accepted, taken);
		(void)fd_close(p[0]);
		(void)fd_close(p[1]);
		ctl_drop(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_flags_and_numbers_are_found_by_key),
		cmocka_unit_test(the_blob_is_raw),
		cmocka_unit_test(hostile_messages_are_refused),
		cmocka_unit_test(messages_arrive_in_order_with_descriptor_and_blob),
		cmocka_unit_test(the_largest_message_passes_and_a_larger_one_is_refused_at_once),
		cmocka_unit_test(garbage_is_taken_off_the_queue_and_its_descriptor_closed),
		cmocka_unit_test(an_empty_message_does_not_look_like_the_end),
		cmocka_unit_test(without_a_listener_the_sender_knows_it),
		cmocka_unit_test(a_full_queue_is_waited_for_and_then_given_up),
		cmocka_unit_test(ending_loses_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
