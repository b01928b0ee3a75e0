#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/outq.h"

struct pair {
	struct outq q;
	int ours, theirs, dir;
	uint32_t sent, got; /* counters: every word on the wire is its own number */
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	p->ours = s[0];
	p->theirs = s[1];
	p->dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fd_nonblock(p->theirs, true), 0);
	assert_int_equal(outq_open(&p->q, p->ours), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	outq_close(&p->q);
	(void)fd_close(p->ours);
	(void)fd_close(p->theirs);
	(void)fd_close(p->dir);
	free(p);
	return 0;
}

/* One frame of words numbers, the first two of them as its head. */
static int add(struct pair *p, size_t words, bool hold, int dir)
{
	uint32_t data[16384];
	int r;

	for (size_t i = 0; i < words; i++)
		data[i] = p->sent + (uint32_t)i;
	r = outq_add(&p->q, data, 8, data + 2, (words - 2) * 4, hold, dir);
	if (r == 0)
		p->sent += (uint32_t)words;
	return r;
}

/* Reads what is there; every byte has to be the next. */
static size_t take(struct pair *p)
{
	static unsigned char rest[4];
	static size_t have;
	size_t total = 0;

	for (;;) {
		unsigned char buf[65536];
		ssize_t n = read(p->theirs, buf, sizeof(buf));

		if (n <= 0)
			return total;
		total += (size_t)n;
		for (ssize_t i = 0; i < n; i++) {
			rest[have++] = buf[i];
			if (have == 4) {
				assert_memory_equal(rest, &p->got, 4);
				p->got++;
				have = 0;
			}
		}
	}
}

static void what_the_socket_takes_goes_out_at_once(void **state)
{
	struct pair *p = *state;

	assert_int_equal(add(p, 100, false, FD_NONE), 0);
	assert_true(outq_empty(&p->q));
	assert_int_equal(take(p), 400);
}

static void what_is_held_back_waits_for_the_flush(void **state)
{
	struct pair *p = *state;

	assert_int_equal(add(p, 100, true, FD_NONE), 0);
	assert_int_equal(take(p), 0);
	assert_int_equal(outq_flush(&p->q), 0);
	assert_int_equal(take(p), 400);
}

static void without_a_spool_a_full_queue_takes_nothing_more(void **state)
{
	struct pair *p = *state;
	int r;

	while ((r = add(p, 16000, false, FD_NONE)) == 0)
		;
	assert_int_equal(r, -ENOSPC);
	while (outq_flush(&p->q) > 0)
		(void)take(p);
	(void)take(p);
	assert_int_equal(p->got, p->sent);
}

static void a_backlog_of_many_megabytes_keeps_every_byte_in_order(void **state)
{
	struct pair *p = *state;

	for (int i = 0; i < 400; i++) {
		assert_int_equal(add(p, 2 + (size_t)(i * 7919) % 16000, false, p->dir), 0);
		if (i % 50 == 49)
			(void)take(p);
		if (i % 70 == 69)
			assert_true(outq_flush(&p->q) >= 0);
	}
	assert_true(p->q.spool >= 0);
	while (outq_flush(&p->q) > 0)
		(void)take(p);
	(void)take(p);
	assert_int_equal(p->got, p->sent);
	assert_int_equal(p->q.spool, FD_NONE);
}

static void what_was_read_back_takes_no_room_on_disk(void **state)
{
	struct pair *p = *state;
	struct stat full, later;

	for (int i = 0; i < 320; i++)
		assert_int_equal(add(p, 16384, false, p->dir), 0);
	assert_int_equal(fstat(p->q.spool, &full), 0);
	while (p->q.from < 16 << 20) {
		assert_int_equal(outq_flush(&p->q), 1);
		(void)take(p);
	}
	assert_int_equal(fstat(p->q.spool, &later), 0);
	assert_true(later.st_blocks * 512 <= full.st_blocks * 512 - (12 << 20));
}

static void a_full_disk_cuts_no_frame_in_two(void **state)
{
	struct pair *p = *state;
	struct rlimit before, small = { .rlim_cur = 3000000, .rlim_max = RLIM_INFINITY };
	int r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	while ((r = add(p, 16384, false, p->dir)) == 0)
		;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -ENOSPC);
	while (outq_flush(&p->q) > 0)
		(void)take(p);
	(void)take(p);
	assert_int_equal(p->got, p->sent);
}

static void a_peer_that_is_gone_is_an_error(void **state)
{
	struct pair *p = *state;

	p->theirs = fd_close(p->theirs);
	assert_int_equal(add(p, 10, false, FD_NONE), -EPIPE);
	assert_int_equal(add(p, 10, true, FD_NONE), 0);
	assert_true(outq_flush(&p->q) < 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_the_socket_takes_goes_out_at_once),
		CASE(what_is_held_back_waits_for_the_flush),
		CASE(without_a_spool_a_full_queue_takes_nothing_more),
		CASE(a_backlog_of_many_megabytes_keeps_every_byte_in_order),
		CASE(what_was_read_back_takes_no_room_on_disk),
		CASE(a_full_disk_cuts_no_frame_in_two),
		CASE(a_peer_that_is_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
