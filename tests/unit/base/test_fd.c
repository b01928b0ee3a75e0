#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../unit.h"
#include "base/proc.h"

static void make_pair(int type, int ret[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret), 0);
}

static void close_pair(int pair[2])
{
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void closing_keeps_errno_and_yields_no_descriptor(void **unused)
{
	(void)unused;
	errno = EAGAIN;
	assert_int_equal(fd_close(-1), FD_NONE);
	assert_int_equal(fd_close(dup(0)), FD_NONE);
	assert_int_equal(errno, EAGAIN);
}

static void everything_is_written_through_a_small_pipe(void **unused)
{
	static char data[1 << 20];
	int p[2];
	pid_t child;
	int status;

	(void)unused;
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	child = fork();
	if (child == 0) {
		static char back[sizeof(data)];

		(void)fd_close(p[1]);
		(void)fd_nonblock(p[0], false);
		_exit(fd_read_upto(p[0], back, sizeof(back)) == sizeof(back) ? 0 : 1);
	}
	assert_int_equal(fd_write_all(p[1], data, sizeof(data)), 0); /* EAGAIN is waited out */
	close_pair(p);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void reading_text_stops_at_the_limit(void **unused)
{
	char *text;
	size_t len;
	int p[2];

	(void)unused;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(p[1], "hello", 5), 0);
	p[1] = fd_close(p[1]);
	assert_int_equal(fd_read_text(p[0], 5, &text, &len), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(len, 5);
	free(text);
	assert_int_equal(fd_read_text(p[0], 5, &text, &len), 0); /* at EOF: empty */
	assert_string_equal(text, "");
	free(text);
	close_pair(p);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(p[1], "hello!", 6), 0);
	p[1] = fd_close(p[1]);
	assert_int_equal(fd_read_text(p[0], 5, &text, &len), -EFBIG);
	close_pair(p);
}

static void a_descriptor_travels_with_its_message(void **unused)
{
	int s[2], p[2], got = FD_NONE;
	char text[16];
	size_t n;

	(void)unused;
	make_pair(SOCK_DGRAM, s);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_send(s[0], "take", 4, &p[1], 1, 0), 0);
	assert_int_equal(fd_recv(s[1], text, sizeof(text), &got, 1, &n, 0), 4);
	assert_int_equal(n, 1);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_write_all(got, "x", 1), 0);
	assert_int_equal(read(p[0], text, 1), 1);
	(void)fd_close(got);
	close_pair(p);
	close_pair(s);
}

static void a_message_without_descriptor_has_none(void **unused)
{
	int s[2], got = FD_NONE;
	char text[16];
	size_t n = 7;

	(void)unused;
	make_pair(SOCK_SEQPACKET, s);
	assert_int_equal(fd_send(s[0], "x", 1, NULL, 0, 0), 0);
	assert_int_equal(fd_recv(s[1], text, sizeof(text), &got, 1, &n, 0), 1);
	assert_int_equal(n, 0);
	assert_int_equal(got, FD_NONE);
	close_pair(s);
}

static void too_many_descriptors_are_refused_and_closed(void **unused)
{
	int s[2], three[3] = { 0, 0, 0 }, got[2] = { FD_NONE, FD_NONE };
	unsigned before;
	char text[16];
	size_t n;

	(void)unused;
	make_pair(SOCK_DGRAM, s);
	before = count_fds();
	assert_int_equal(fd_send(s[0], "x", 1, three, 3, 0), 0);
	assert_int_equal(fd_recv(s[1], text, sizeof(text), got, 2, &n, 0), -EMSGSIZE);
	assert_int_equal(got[0], FD_NONE);
	assert_int_equal(got[1], FD_NONE);
	assert_int_equal(count_fds(), before);
	close_pair(s);
}

static void a_truncated_message_is_refused_and_its_descriptor_closed(void **unused)
{
	int s[2], zero = 0, got = FD_NONE;
	unsigned before;
	char text[4];
	size_t n;

	(void)unused;
	make_pair(SOCK_DGRAM, s);
	before = count_fds();
	assert_int_equal(fd_send(s[0], "longer", 6, &zero, 1, 0), 0);
	assert_int_equal(fd_recv(s[1], text, sizeof(text), &got, 1, &n, 0), -EMSGSIZE);
	assert_int_equal(got, FD_NONE);
	assert_int_equal(count_fds(), before);
	close_pair(s);
}

static void a_flood_of_descriptors_leaks_none(void **unused)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * 200)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int s[2], got = FD_NONE;
	unsigned before;
	char text[4];
	size_t n;

	(void)unused;
	make_pair(SOCK_DGRAM, s);
	before = count_fds();
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * 200); /* all zero: stdin 200 times */
	assert_int_equal(sendmsg(s[0], &msg, 0), 1);
	assert_int_equal(fd_recv(s[1], text, sizeof(text), &got, 1, &n, 0), -EMSGSIZE);
	assert_int_equal(count_fds(), before);
	close_pair(s);
}

static void a_process_is_known_by_pid_and_start_time(void **unused)
{
	pid_t child = fork();
	uint64_t start;
	struct pollfd pfd = { .events = POLLIN };

	(void)unused;
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	start = proc_start_time(child);
	assert_true(start > 0);
	assert_true(proc_alive(child, start));
	assert_false(proc_alive(child, start + 1)); /* another one with its pid */
	pfd.fd = proc_pidfd(child);
	assert_true(pfd.fd >= 0);
	assert_int_equal(proc_pidfd_pid(pfd.fd), child);
	assert_int_equal(proc_pidfd_kill(pfd.fd, SIGKILL), 0);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_false(proc_alive(child, start)); /* a zombie does not live */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(proc_pidfd_pid(pfd.fd), -ESRCH);
	assert_int_equal(proc_pidfd_pid(FD_NONE), -ESRCH);
	assert_int_equal(proc_start_time(child), 0);
	assert_false(proc_alive(child, start));
	assert_false(proc_alive(0, 0));
	assert_false(proc_alive(-1, 0));
	(void)fd_close(pfd.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_keeps_errno_and_yields_no_descriptor),
		cmocka_unit_test(everything_is_written_through_a_small_pipe),
		cmocka_unit_test(reading_text_stops_at_the_limit),
		cmocka_unit_test(a_descriptor_travels_with_its_message),
		cmocka_unit_test(a_message_without_descriptor_has_none),
		cmocka_unit_test(too_many_descriptors_are_refused_and_closed),
		cmocka_unit_test(a_truncated_message_is_refused_and_its_descriptor_closed),
		cmocka_unit_test(a_flood_of_descriptors_leaks_none),
		cmocka_unit_test(a_process_is_known_by_pid_and_start_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
