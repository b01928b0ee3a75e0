#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "state/status.h"
#include "tree.h"

static struct status full_status(void)
{
	struct status st = {
		.state = RUN_RUNNING,
		.run = 7,
		.pid = 123,
		.pid_start = UINT64_C(1) << 40,
		.monitor = getpid(),
		.monitor_start = proc_start_time(getpid()),
		.started = INT64_C(1700000000123456789),
		.finished = -1,
		.exit_code = 137,
		.exit_known = true,
		.oom_killed = true,
		.unfinished = true,
		.stopped = true,
		.restart_count = 3,
		.health = HEALTH_UNHEALTHY,
		.failing_streak = UINT_MAX,
		.error = "it broke",
	};

	(void)boot_id_read(st.boot_id);
	total_set(&st.totals, TOTAL_CPU_USER, 5);
	total_set(&st.totals, TOTAL_IO_WRITTEN, 0);
	return st;
}

static void assert_same(const struct status *a, const struct status *b)
{
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->run, b->run);
	assert_int_equal(a->pid, b->pid);
	assert_true(a->pid_start == b->pid_start);
	assert_int_equal(a->monitor, b->monitor);
	assert_true(a->monitor_start == b->monitor_start);
	assert_true(a->started == b->started && a->finished == b->finished);
	assert_int_equal(a->exit_code, b->exit_code);
	assert_int_equal(a->exit_known, b->exit_known);
	assert_int_equal(a->oom_killed, b->oom_killed);
	assert_int_equal(a->unfinished, b->unfinished);
	assert_int_equal(a->stopped, b->stopped);
	assert_int_equal(a->restart_count, b->restart_count);
	assert_int_equal(a->health, b->health);
	assert_int_equal(a->failing_streak, b->failing_streak);
	assert_string_equal(a->boot_id, b->boot_id);
	assert_string_equal(a->error, b->error);
	assert_int_equal(a->totals.known, b->totals.known);
	assert_memory_equal(a->totals.n, b->totals.n, sizeof(a->totals.n));
}

static void what_was_written_reads_back(void **unused)
{
	struct status st = full_status(), back;
	struct buf text = { 0 };

	(void)unused;
	for (int s = 0; s < RUN_STATE_COUNT; s++) {
		text.len = 0;
		st.state = (enum run_state)s;
		status_print(&text, &st, 1);
		assert_int_equal(status_parse(text.data, &back), 0);
		assert_same(&st, &back);
	}
	buf_free(&text);
}

static void an_error_of_several_lines_stays_one_record(void **unused)
{
	struct status st = full_status(), back;
	struct buf text = { 0 };

	(void)unused;
	(void)snprintf(st.error, sizeof(st.error), "one\nstate=dead\nrun=99");
	status_print(&text, &st, 1);
	assert_int_equal(status_parse(text.data, &back), 0);
	assert_int_equal(back.state, RUN_RUNNING);
	assert_int_equal(back.run, 7);
	assert_string_equal(back.error, "one state=dead run=99");
	buf_free(&text);
}

static void the_longest_record_fits(void **unused)
{
	struct status st = full_status(), back;
	struct buf text = { 0 };

	(void)unused;
	memset(st.error, 'e', sizeof(st.error) - 1);
	st.error[sizeof(st.error) - 1] = '\0';
	st.state = RUN_RESTARTING;
	st.pid = st.monitor = st.exit_code = INT_MIN;
	st.run = st.restart_count = UINT_MAX;
	st.pid_start = st.monitor_start = INT64_MAX;
	st.started = st.finished = INT64_MIN;
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		total_set(&st.totals, i, UINT64_MAX);
	status_print(&text, &st, UINT64_MAX);
	assert_in_range(text.len, 0, STATUS_SLOT);
	assert_int_equal(status_parse(text.data, &back), 0);
	assert_same(&st, &back);
	buf_free(&text);
}

/* text with the last line that makes it a complete record. */
static const char *sealed(const char *text)
{
	static char out[STATUS_SLOT];

	(void)snprintf(out, sizeof(out), "%ssum=%016llx\n", text,
		(unsigned long long)status_checksum(text, strlen(text)));
	return out;
}

static void a_record_without_its_sum_is_not_there(void **unused)
{
	static const char *const torn[] = { "", "\n\n\n", "x", "dayfly-status=1\nstate=running\n",
		"dayfly-status=1\nstate=running\nsum=", "dayfly-status=1\nsum=0123456789abcdef\n" };
	struct status st = { .run = 42 };

	(void)unused;
	for (size_t i = 0; i < sizeof(torn) / sizeof(*torn); i++)
		assert_int_equal(status_parse(torn[i], &st), -ENOENT);
	assert_int_equal(st.run, 42);
}

/* Every cut of the second write, and every byte of it left over from before. */
static void a_write_cut_anywhere_leaves_the_record_before(void **unused)
{
	struct status first = full_status(), second = full_status(), back;
	struct buf old = { 0 }, new = { 0 };
	char file[STATUS_FILE + 1] = { 0 };

	(void)unused;
	second.run = 8;
	status_print(&old, &first, 1);
	status_print(&new, &second, 2);
	for (size_t cut = 0; cut <= new.len; cut++) {
		memset(file, '\n', STATUS_FILE);
		memcpy(file, old.data, old.len);
		memcpy(file + STATUS_SLOT, new.data, cut);
		assert_int_equal(status_parse(file, &back), 0);
		assert_int_equal(back.run, cut < new.len - 1 ? 7 : 8);
		memcpy(file + STATUS_SLOT, old.data, old.len); /* two writes earlier */
		memcpy(file + STATUS_SLOT, new.data, cut);
		assert_int_equal(status_parse(file, &back), 0);
		/* what is missing may stand there already, from two writes ago */
		assert_true(
			back.run == 7 || memcmp(file + STATUS_SLOT, new.data, new.len - 1) == 0);
	}
	buf_free(&old);
	buf_free(&new);
}

static void writes_take_turns_between_the_slots(void **unused)
{
	struct status st = full_status(), back;
	struct tree t;
	int run;

	(void)unused;
	tree_make(&t);
	(void)fd_close(tree_container(&t, ID_A));
	run = dirs_container_run(&t.dirs, ID_A, true);
	for (unsigned i = 1; i < 9; i++) {
		st.run = i;
		assert_int_equal(
			i % 3 ? status_write(run, &st) : status_write_durable(run, &st), 0);
		assert_int_equal(status_read(i % 3 ? run : FD_NONE, run, &back), 0);
	}
	assert_int_equal(back.run, 8);
	(void)fd_close(run);
	tree_drop(&t);
}

static void other_text_is_no_record(void **unused)
{
	static const char *const bad[] = { "state=running\n", "dayfly-status=2\n",
		"dayfly-status=1\nstate=sleeping\n", "dayfly-status=1\nrubbish\n" };
	struct status st = { .run = 42 };

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(status_parse(sealed(bad[i]), &st), -EBADMSG);
	assert_int_equal(st.run, 42);
}

static void unknown_and_missing_keys_are_fine(void **unused)
{
	struct status st;

	(void)unused;
	assert_int_equal(
		status_parse(
			sealed("dayfly-status=1\nstate=exited\nlater-key=x y\nexit-code=3\n"), &st),
		0);
	assert_int_equal(st.state, RUN_EXITED);
	assert_int_equal(st.exit_code, 3);
	assert_int_equal(st.run, 0);
	assert_false(st.exit_known);
	assert_int_equal(st.totals.known, 0); /* as in a record of an earlier version */
}

static void numbers_that_do_not_fit_are_not_taken(void **unused)
{
	struct status st;

	(void)unused;
	assert_int_equal(
		status_parse(sealed("dayfly-status=1\nstate=running\npid=99999999999\nmonitor=-1\n"
				    "run=-3\nexit-code=99999999999\nrestart-count=1x\n"),
			&st),
		0);
	assert_int_equal(st.pid, 0);
	assert_int_equal(st.run, 0);
	assert_int_equal(st.exit_code, 0);
	assert_int_equal(st.restart_count, 0);
}

static void the_run_tree_wins_over_the_data_tree(void **unused)
{
	struct status st = full_status(), back;
	struct tree t;
	int data, run;

	(void)unused;
	tree_make(&t);
	data = tree_container(&t, ID_A);
	run = dirs_container_run(&t.dirs, ID_A, true);
	assert_int_equal(status_read(run, data, &back), 0);
	assert_int_equal(back.state, RUN_CREATED); /* neither is there: never started */
	assert_int_equal(status_read(FD_NONE, FD_NONE, &back), 0);
	assert_int_equal(back.state, RUN_CREATED);

	assert_int_equal(status_write_durable(data, &st), 0);
	assert_int_equal(status_read(run, data, &back), 0);
	assert_same(&st, &back);
	st.state = RUN_EXITED;
	assert_int_equal(status_write(run, &st), 0);
	assert_int_equal(status_read(run, data, &back), 0);
	assert_int_equal(back.state, RUN_EXITED);
	assert_int_equal(status_read(FD_NONE, data, &back), 0);
	assert_int_equal(back.state, RUN_RUNNING);

	put_file(run, "status", ""); /* made, and killed before the first record */
	assert_int_equal(status_read(run, data, &back), 0);
	assert_int_equal(back.state, RUN_RUNNING);
	(void)fd_close(data);
	(void)fd_close(run);
	tree_drop(&t);
}

static void a_record_whose_monitor_lives_is_left_alone(void **unused)
{
	struct status st = full_status();

	(void)unused;
	assert_false(status_settle(&st, true));
	assert_false(status_settle(&st, false));
	assert_int_equal(st.state, RUN_RUNNING);
}

static void assert_settled(const struct status *st)
{
	assert_int_equal(st->state, RUN_EXITED);
	assert_int_equal(st->exit_code, EXIT_UNKNOWN);
	assert_false(st->exit_known);
	assert_int_equal(st->pid, 0);
	assert_true(st->error[0]);
	assert_true(st->finished != 0);
}

static void a_run_without_its_monitor_ended_with_an_unknown_code(void **unused)
{
	struct status st = full_status(), settled;
	pid_t child = fork();

	(void)unused;
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	st.monitor = child;
	st.finished = 0;
	settled = st;
	assert_true(status_settle(&settled, true));
	assert_settled(&settled);
	settled = st;
	assert_true(status_settle(&settled, false));
	assert_settled(&settled);
	settled = st;
	settled.monitor = 0; /* none ever wrote its pid */
	assert_true(status_settle(&settled, false));
	assert_settled(&settled);
}

static void another_process_with_the_monitors_pid_is_not_the_monitor(void **unused)
{
	struct status st = full_status();

	(void)unused;
	st.monitor_start++;
	assert_true(status_settle(&st, true));
	assert_settled(&st);
}

static void a_reboot_ends_every_run(void **unused)
{
	struct status st = full_status();

	(void)unused;
	st.boot_id[0] = st.boot_id[0] == 'x' ? 'y' : 'x';
	assert_true(status_settle(&st, false));
	assert_settled(&st);
}

static void what_is_over_stays_as_it_was(void **unused)
{
	(void)unused;
	for (int s = 0; s < RUN_STATE_COUNT; s++) {
		struct status st = {
			.state = (enum run_state)s, .exit_code = 5, .exit_known = true
		};
		bool stale = status_settle(&st, true);

		switch ((enum run_state)s) {
		case RUN_CREATED:
		case RUN_EXITED:
		case RUN_DEAD:
			assert_false(stale);
			assert_int_equal(st.state, s);
			assert_int_equal(st.exit_code, 5);
			break;
		case RUN_RUNNING:
		case RUN_PAUSED:
		case RUN_RESTARTING:
			assert_true(stale);
			assert_int_equal(st.state, RUN_EXITED);
			break;
		case RUN_REMOVING:
			assert_true(stale);
			assert_int_equal(st.state, RUN_DEAD);
			break;
		case RUN_STATE_COUNT: break;
		}
	}
}

static void what_its_monitor_left_unfinished_is_stale_and_stays_as_it_was(void **unused)
{
	static const enum run_state states[] = { RUN_CREATED, RUN_EXITED };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct status st = full_status();

		st.state = states[i];
		assert_false(status_settle(&st, true)); /* its monitor is at it */
		st.monitor_start++;
		assert_true(status_settle(&st, true));
		assert_int_equal(st.state, states[i]);
		assert_int_equal(st.exit_code, 137);
		assert_true(st.exit_known);
		st.unfinished = false;
		assert_false(status_settle(&st, true));
	}
}

static void an_auto_remove_container_without_a_record_is_lost(void **unused)
{
	struct status st;

	(void)unused;
	assert_int_equal(status_read(FD_NONE, FD_NONE, &st), 0);
	assert_true(status_lost(&st, true));
	assert_false(status_lost(&st, false));
	(void)boot_id_read(st.boot_id); /* its first record */
	assert_false(status_lost(&st, true));
	st = full_status();
	assert_false(status_lost(&st, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_reads_back),
		cmocka_unit_test(an_error_of_several_lines_stays_one_record),
		cmocka_unit_test(the_longest_record_fits),
		cmocka_unit_test(a_record_without_its_sum_is_not_there),
		cmocka_unit_test(a_write_cut_anywhere_leaves_the_record_before),
		cmocka_unit_test(writes_take_turns_between_the_slots),
		cmocka_unit_test(other_text_is_no_record),
		cmocka_unit_test(unknown_and_missing_keys_are_fine),
		cmocka_unit_test(numbers_that_do_not_fit_are_not_taken),
		cmocka_unit_test(the_run_tree_wins_over_the_data_tree),
		cmocka_unit_test(a_record_whose_monitor_lives_is_left_alone),
		cmocka_unit_test(a_run_without_its_monitor_ended_with_an_unknown_code),
		cmocka_unit_test(another_process_with_the_monitors_pid_is_not_the_monitor),
		cmocka_unit_test(a_reboot_ends_every_run),
		cmocka_unit_test(what_is_over_stays_as_it_was),
		cmocka_unit_test(what_its_monitor_left_unfinished_is_stale_and_stays_as_it_was),
		cmocka_unit_test(an_auto_remove_container_without_a_record_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
