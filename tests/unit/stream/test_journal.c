#include "../state/events_tree.h"
#include "state/events.h"
#include "stream/journal.h"

static void append(int64_t time)
{
	struct event e = { .type = "volume", .action = "create", .id = "v", .time = time };

	assert_int_equal(event_append(&tree.dirs, &e), 0);
}

/* Puts the current file aside under that name. */
static void put_aside(int64_t name)
{
	char text[EVENTS_NAME_SIZE];

	assert_int_equal(renameat(events, EVENTS_CURRENT, events, events_file_name(text, name)), 0);
}

static void append_raw(const char *text)
{
	int fd = openat(events, EVENTS_CURRENT, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	(void)fd_close(fd);
}

static struct journal open_journal(int64_t from)
{
	struct journal j;

	assert_int_equal(journal_open(&tree.dirs, from, &j, NULL), 0);
	return j;
}

static void assert_next(struct journal *j, int64_t time)
{
	struct journal_line line;

	assert_int_equal(journal_next(j, &line), 1);
	assert_true(line.time == time);
}

static void assert_no_more(struct journal *j)
{
	struct journal_line line;

	assert_int_equal(journal_next(j, &line), 0);
}

static void events_come_in_the_order_they_were_written(void **unused)
{
	struct journal j;

	(void)unused;
	append(3);
	append(1);
	j = open_journal(0);
	assert_next(&j, 3);
	assert_next(&j, 1);
	assert_no_more(&j);
	append(2);
	assert_next(&j, 2);
	assert_no_more(&j);
	journal_close(&j);
}

static void only_new_events_when_asked(void **unused)
{
	struct journal j = open_journal(-1);

	(void)unused;
	assert_no_more(&j); /* there is no journal yet */
	append(1);
	assert_next(&j, 1);
	journal_close(&j);
	j = open_journal(-1);
	assert_no_more(&j);
	append(2);
	assert_next(&j, 2);
	put_aside(10);
	journal_close(&j);
	j = open_journal(-1); /* put aside, and nobody wrote since */
	assert_no_more(&j);
	append(3);
	assert_next(&j, 3);
	assert_no_more(&j);
	journal_close(&j);
}

static void an_event_half_written_when_we_came_is_still_new(void **unused)
{
	struct journal j;
	struct journal_line line;

	(void)unused;
	append(1);
	append_raw("{\"Type\":\"volume\",");
	j = open_journal(-1);
	assert_no_more(&j);
	append_raw("\"timeNano\":7}\n");
	assert_int_equal(journal_next(&j, &line), 1);
	assert_int_equal(line.len, strlen("{\"Type\":\"volume\",\"timeNano\":7}"));
	journal_close(&j);
}

static void rotation_neither_loses_nor_doubles(void **unused)
{
	struct journal j = open_journal(0);
	int64_t n = 1, seen = 1;

	(void)unused;
	for (int round = 1; round <= 12; round++) {
		for (int i = 0; i < round % 4; i++)
			append(n++); /* rounds without an event put aside what is left of the last */
		if (round % 3 == 0)
			while (seen < n)
				assert_next(&j, seen++);
		if (faccessat(events, EVENTS_CURRENT, F_OK, 0) == 0)
			put_aside(round);
	}
	while (seen < n)
		assert_next(&j, seen++);
	assert_no_more(&j);
	append(n++);
	assert_next(&j, seen);
	assert_no_more(&j);
	journal_close(&j);
}

static void what_was_written_after_our_last_look_is_read_before_moving_on(void **unused)
{
	struct journal j = open_journal(0);

	(void)unused;
	append(1);
	assert_next(&j, 1);
	assert_no_more(&j);
	append(2);
	put_aside(10);
	append(3);
	put_aside(11);
	append(4);
	assert_next(&j, 2);
	assert_next(&j, 3);
	assert_next(&j, 4);
	assert_no_more(&j);
	journal_close(&j);
}

static void files_that_ended_before_are_left_out(void **unused)
{
	struct journal j;

	(void)unused;
	append(1);
	put_aside(10);
	append(11);
	put_aside(20);
	append(21);
	j = open_journal(20); /* the file named 20 may hold an event of that moment */
	assert_next(&j, 11);
	assert_next(&j, 21);
	assert_no_more(&j);
	journal_close(&j);
	j = open_journal(21);
	assert_next(&j, 21);
	assert_no_more(&j);
	journal_close(&j);
}

static void a_reader_too_slow_goes_on_with_what_is_left(void **unused)
{
	struct journal j = open_journal(0);
	char name[EVENTS_NAME_SIZE];

	(void)unused;
	append(1);
	assert_next(&j, 1);
	put_aside(10);
	append(2);
	put_aside(20);
	append(3);
	put_aside(30);
	append(4);
	assert_int_equal(unlinkat(events, events_file_name(name, 10), 0), 0);
	assert_int_equal(unlinkat(events, events_file_name(name, 20), 0), 0);
	assert_next(&j, 3);
	assert_next(&j, 4);
	assert_no_more(&j);
	journal_close(&j);
}

static void torn_lines_are_left_out(void **unused)
{
	struct journal j = open_journal(0);

	(void)unused;
	append_raw("{\"Type\":\"vol");
	append(1); /* starts on a fresh line */
	append_raw("\n\nrubbish\n{\"timeNano\":}\n{\"time\":5}\n{\"a\":\"\\\"timeNano\\\":5}\n");
	append(2);
	append_raw("{\"Type\":\"vol"); /* never ended: the file was put aside */
	put_aside(10);
	append(3);
	assert_next(&j, 1);
	assert_next(&j, 2);
	assert_next(&j, 3);
	assert_no_more(&j);
	journal_close(&j);
}

static void an_endless_line_is_passed_over(void **unused)
{
	struct journal j = open_journal(0);
	char junk[65536];

	(void)unused;
	memset(junk, 'x', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	append(1);
	for (int i = 0; i < 200; i++) /* 12 MiB */
		append_raw(junk);
	append_raw("{\"timeNano\":2}\n"); /* its end looks like a line */
	append(3);
	assert_next(&j, 1);
	assert_next(&j, 3);
	assert_no_more(&j);
	journal_close(&j);
}

static void a_lines_time_stands_at_its_end(void **unused)
{
	struct journal_line line;

	(void)unused;
	assert_true(journal_line_parse("{\"timeNano\":0}", 14, &line));
	assert_true(line.time == 0);
	assert_true(journal_line_parse("{\"timeNano\":9223372036854775807}", 32, &line));
	assert_true(line.time == INT64_MAX);
	assert_false(journal_line_parse("", 0, &line));
	assert_false(journal_line_parse("}", 1, &line));
	assert_false(journal_line_parse("{1}", 3, &line));
	assert_false(journal_line_parse("{\"timeNano\":99223372036854775807}", 33, &line));
	assert_false(journal_line_parse("\"timeNano\":1}", 13, &line));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_come_in_the_order_they_were_written),
		TEST(only_new_events_when_asked),
		TEST(an_event_half_written_when_we_came_is_still_new),
		TEST(rotation_neither_loses_nor_doubles),
		TEST(what_was_written_after_our_last_look_is_read_before_moving_on),
		TEST(files_that_ended_before_are_left_out),
		TEST(a_reader_too_slow_goes_on_with_what_is_left),
		TEST(torn_lines_are_left_out),
		TEST(an_endless_line_is_passed_over),
		cmocka_unit_test(a_lines_time_stands_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
