#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "../unit.h"
#include "base/alloc.h"
#include "base/loop.h"
#include "base/timefmt.h"

struct thing {
	struct watch watch, *stops; /* the callback stops this one */
	int pipe[2];
	int calls;
	uint32_t events;
};

static void on_thing(struct watch *w, uint32_t events)
{
	struct thing *t = container_of(w, struct thing, watch);

	t->calls++;
	t->events = events;
	if (t->stops)
		watch_stop(t->stops);
}

static struct thing *thing_new(struct loop *l)
{
	struct thing *t = xcalloc(1, sizeof(*t));

	assert_int_equal(pipe2(t->pipe, O_CLOEXEC), 0);
	assert_int_equal(watch_fd(l, &t->watch, t->pipe[0], EPOLLIN, on_thing), 0);
	return t;
}

static void thing_free(struct thing *t)
{
	watch_stop(&t->watch);
	(void)fd_close(t->pipe[0]);
	(void)fd_close(t->pipe[1]);
	free(t);
}

static void poke(struct thing *t)
{
	assert_int_equal(write(t->pipe[1], "x", 1), 1);
}

static void a_watch_hears_of_its_descriptor(void **unused)
{
	struct loop *l = loop_new();
	struct thing *t = thing_new(l);

	(void)unused;
	assert_int_equal(loop_run_once(l, 0), 0);
	poke(t);
	assert_int_equal(loop_run_once(l, -1), 1);
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->events, EPOLLIN);
	t->pipe[1] = fd_close(t->pipe[1]);
	assert_int_equal(watch_set(&t->watch, 0), 0);
	assert_int_equal(loop_run_once(l, -1), 1); /* HUP comes unasked */
	assert_true(t->events & EPOLLHUP);
	thing_free(t);
	loop_free(l);
}

static void a_watch_may_stop_itself(void **unused)
{
	struct loop *l = loop_new();
	struct thing *t = thing_new(l);

	(void)unused;
	t->stops = &t->watch;
	poke(t);
	assert_int_equal(loop_run_once(l, -1), 1);
	assert_int_equal(loop_run_once(l, 0), 0);
	assert_int_equal(t->calls, 1);
	assert_null(t->watch.loop);
	watch_stop(&t->watch); /* twice is fine */
	thing_free(t);
	loop_free(l);
}

static void a_stopped_watch_of_the_same_batch_does_not_run(void **unused)
{
	struct loop *l = loop_new();
	struct thing *a = thing_new(l), *b = thing_new(l);

	(void)unused;
	a->stops = &b->watch;
	b->stops = &a->watch;
	poke(a);
	poke(b);
	assert_int_equal(loop_run_once(l, -1), 1);
	assert_int_equal(a->calls + b->calls, 1);
	assert_int_equal(loop_run_once(l, 0), a->watch.loop || b->watch.loop ? 1 : 0);
	assert_int_equal(a->calls * b->calls, 0); /* the other never */
	thing_free(a);
	thing_free(b);
	loop_free(l);
}

/* A callback that frees another watch of the batch and puts a new one into the same memory. */
static struct thing *victim;

static void on_replacing(struct watch *w, uint32_t events)
{
	struct thing *t = container_of(w, struct thing, watch);
	struct loop *l = w->loop;
	int fd = victim->pipe[0];

	(void)events;
	t->calls++;
	watch_stop(w);
	watch_stop(&victim->watch);
	assert_int_equal(watch_fd(l, &victim->watch, fd, EPOLLOUT, on_thing), 0);
}

static void an_event_is_not_delivered_to_the_watch_that_came_after(void **unused)
{
	struct loop *l = loop_new();
	struct thing *a = thing_new(l), *b = thing_new(l);

	(void)unused;
	victim = b;
	watch_stop(&a->watch);
	assert_int_equal(watch_fd(l, &a->watch, a->pipe[0], EPOLLIN, on_replacing), 0);
	poke(a);
	poke(b);
	while (a->calls == 0)
		assert_true(loop_run_once(l, -1) >= 0);
	b->calls = 0;
	assert_int_equal(loop_run_once(l, 0), 0); /* a read end is never ready for writing */
	assert_int_equal(b->calls, 0);
	thing_free(a);
	thing_free(b);
	loop_free(l);
}

static void a_timer_fires_once_when_it_is_due(void **unused)
{
	struct loop *l = loop_new();
	struct thing t = { 0 };
	int64_t start = time_monotonic();

	(void)unused;
	assert_int_equal(watch_timer(l, &t.watch, on_thing), 0);
	assert_int_equal(loop_run_once(l, 0), 0);
	assert_int_equal(watch_timer_set(&t.watch, start + 20 * NSEC_PER_MSEC), 0);
	assert_int_equal(loop_run_once(l, 5000), 1);
	assert_true(time_monotonic() - start >= 20 * NSEC_PER_MSEC);
	assert_int_equal(watch_timer_set(&t.watch, 0), 0); /* also clears what was not read */
	assert_int_equal(loop_run_once(l, 30), 0);
	assert_int_equal(watch_timer_set(&t.watch, 1), 0); /* long ago: at once */
	assert_int_equal(loop_run_once(l, 5000), 1);
	watch_stop(&t.watch);
	loop_free(l);
}

static void signals_arrive_as_events(void **unused)
{
	struct loop *l = loop_new();
	struct signalfd_siginfo si;
	struct thing t = { 0 };
	sigset_t set, old;

	(void)unused;
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &old), 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	assert_int_equal(watch_signals(l, &t.watch, &set, on_thing), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_run_once(l, 5000), 1);
	assert_int_equal(read(t.watch.fd, &si, sizeof(si)), sizeof(si));
	assert_int_equal(si.ssi_signo, SIGUSR1);
	watch_stop(&t.watch);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	loop_free(l);
}

static void more_than_a_batch_is_delivered_in_the_end(void **unused)
{
	struct loop *l = loop_new();
	struct thing *all[100];
	int ran = 0;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = thing_new(l);
		all[i]->stops = &all[i]->watch;
		poke(all[i]);
	}
	while (ran < (int)ARRAY_SIZE(all)) {
		int n = loop_run_once(l, 0);

		assert_true(n > 0);
		ran += n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(all[i]->calls, 1);
		thing_free(all[i]);
	}
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_hears_of_its_descriptor),
		cmocka_unit_test(a_watch_may_stop_itself),
		cmocka_unit_test(a_stopped_watch_of_the_same_batch_does_not_run),
		cmocka_unit_test(an_event_is_not_delivered_to_the_watch_that_came_after),
		cmocka_unit_test(a_timer_fires_once_when_it_is_due),
		cmocka_unit_test(signals_arrive_as_events),
		cmocka_unit_test(more_than_a_batch_is_delivered_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
