#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "events_tree.h"
#include "state/events.h"

static void assert_printed(const struct event *e, const char *text)
{
	struct buf b = { 0 };

	event_print(&b, e);
	assert_string_equal(b.data, text);
	buf_free(&b);
}

static void events_have_dockers_shape(void **unused)
{
	struct event e = { .type = "container",
		.action = "die",
		.id = "abc",
		.from = "busybox",
		.attrs = "\"image\":\"busybox\",\"name\":\"web\"",
		.more = "\"exitCode\":\"0\"",
		.time = INT64_C(1700000000123456789) };

	(void)unused;
	assert_printed(&e,
		"{\"status\":\"die\",\"id\":\"abc\",\"from\":\"busybox\",\"Type\":\"container\","
		"\"Action\":\"die\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{\"image\":\"busybox\","
		"\"name\":\"web\",\"exitCode\":\"0\"}},\"scope\":\"local\",\"time\":1700000000,"
		"\"timeNano\":1700000000123456789}");
	e = (struct event){
		.type = "image", .action = "pull", .id = "b:1", .attrs = "", .time = 1
	};
	assert_printed(&e,
		"{\"status\":\"pull\",\"id\":\"b:1\",\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":"
		"{\"ID\":\"b:1\",\"Attributes\":{}},\"scope\":\"local\",\"time\":0,\"timeNano\":1}");
	e = (struct event){ .type = "volume", .action = "create", .id = "v", .time = 1 };
	assert_printed(&e,
		"{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"v\",\"Attributes\":{}},"
		"\"scope\":\"local\",\"time\":0,\"timeNano\":1}");
}

static void text_from_outside_is_escaped(void **unused)
{
	struct event e = {
		.type = "container", .action = "exec_create: echo \"\n", .id = "a", .time = 1
	};

	(void)unused;
	assert_printed(&e,
		"{\"status\":\"exec_create: echo \\\"\\n\",\"id\":\"a\",\"from\":\"\",\"Type\":\"container\","
		"\"Action\":\"exec_create: echo \\\"\\n\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{}},"
		"\"scope\":\"local\",\"time\":0,\"timeNano\":1}");
}

static void append(const char *id)
{
	struct event e = { .type = "volume", .action = "create", .id = id, .time = 1 };

	assert_int_equal(event_append(&tree.dirs, &e), 0);
}

static void an_event_is_one_line(void **unused)
{
	(void)unused;
	append("a");
	append("b");
	assert_file(events, EVENTS_CURRENT,
		"{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{}},"
		"\"scope\":\"local\",\"time\":0,\"timeNano\":1}\n"
		"{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"b\",\"Attributes\":{}},"
		"\"scope\":\"local\",\"time\":0,\"timeNano\":1}\n");
}

static void after_a_torn_line_comes_a_fresh_one(void **unused)
{
	(void)unused;
	put_file(events, EVENTS_CURRENT, "{\"Type\":\"vol");
	append("a");
	assert_file(events, EVENTS_CURRENT,
		"{\"Type\":\"vol\n"
		"{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{}},"
		"\"scope\":\"local\",\"time\":0,\"timeNano\":1}\n");
}

/* Makes the current file as large as one that is full. */
static void fill_current(void)
{
	int fd = openat(events, EVENTS_CURRENT, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, EVENTS_FILE_SIZE), 0);
	(void)fd_close(fd);
}

static size_t count_files(int64_t *ret_oldest)
{
	int64_t *files;
	size_t n;

	assert_int_equal(events_files(events, &files, &n), 0);
	for (size_t i = 1; i < n; i++)
		assert_true(files[i - 1] < files[i]);
	*ret_oldest = n ? files[0] : 0;
	free(files);
	return n;
}

static void full_files_are_put_aside_and_the_oldest_dropped(void **unused)
{
	int64_t oldest, before = 0;
	struct stat st;

	(void)unused;
	for (size_t i = 1; i < EVENTS_FILES_MAX + 5; i++) {
		size_t n;

		fill_current();
		append("a");
		n = count_files(&oldest);
		assert_int_equal(n, i < EVENTS_FILES_MAX ? i : EVENTS_FILES_MAX - 1);
		assert_true(i <= EVENTS_FILES_MAX - 1 || oldest > before);
		before = oldest;
		assert_int_equal(fstatat(events, EVENTS_CURRENT, &st, 0), 0);
		assert_in_range(st.st_size, 1, 1000);
	}
}

/* As long after its first event as it takes. */
static void a_file_that_began_long_ago_is_put_aside_and_one_that_ended_long_ago_is_dropped(
	void **unused)
{
	struct event e = { .type = "volume", .action = "create", .id = "x" };
	int64_t oldest;

	(void)unused;
	put_file(events, "1000", "");
	append("a");
	e.time = 1 + EVENTS_FILE_AGE;
	assert_int_equal(event_append(&tree.dirs, &e), 0);
	assert_int_equal(count_files(&oldest), 1);
	assert_int_equal(oldest, 1000);
	e.time++;
	assert_int_equal(event_append(&tree.dirs, &e), 0);
	assert_int_equal(count_files(&oldest), 1);
	assert_true(oldest > 1000);
}

static void a_clock_set_back_does_not_change_the_order(void **unused)
{
	int64_t oldest;

	(void)unused;
	put_file(events, "9000000000000000000", ""); /* in the year 2255 */
	fill_current();
	append("a");
	assert_int_equal(faccessat(events, "9000000000000000001", F_OK, 0), 0);
	assert_int_equal(count_files(&oldest), 2);
}

static void what_the_journal_has_is_found_by_container_action_and_time(void **unused)
{
	const struct event e = { .type = "container",
		.action = "die",
		.id = ID_A,
		.attrs = "\"label\":\"\\\"timeNano\\\":1}\",\"timeNano\":\"7\"",
		.time = 1000 };
	static const char torn[] = "{\"status\":\"die\",\"id\":\"" ID_A; /* its NUL included */
	auto_fd int fd = FD_NONE;

	(void)unused;
	assert_false(event_is_written(&tree.dirs, ID_A, "die", 0)); /* no journal yet */
	fd = openat(events, EVENTS_CURRENT, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, torn, sizeof(torn), 0), sizeof(torn));
	assert_int_equal(event_append(&tree.dirs, &e), 0);
	for (int aside = 0; aside < 2; aside++) {
		assert_true(event_is_written(&tree.dirs, ID_A, "die", 1000));
		assert_false(event_is_written(&tree.dirs, ID_A, "die", 1001));
		assert_false(event_is_written(&tree.dirs, ID_B, "die", 0));
		assert_false(event_is_written(&tree.dirs, ID_A, "start", 0));
		assert_int_equal(renameat(events, EVENTS_CURRENT, events, "123"), aside ? -1 : 0);
	}
}

static void other_files_are_left_alone(void **unused)
{
	int64_t oldest;

	(void)unused;
	put_file(events, "README", "");
	put_file(events, "-5", "");
	put_file(events, "12x", "");
	assert_int_equal(count_files(&oldest), 0);
	for (int i = 0; i < 20; i++) {
		fill_current();
		append("a");
	}
	assert_int_equal(faccessat(events, "README", F_OK, 0), 0);
	assert_int_equal(faccessat(events, "-5", F_OK, 0), 0);
}

#define WRITERS 8
#define EACH    1000
#define LONGER  (4 * EACH) /* and yet no file is dropped for its number */

/* Appends count events named FIRST+n with a lot around them, so that files fill up. */
static void write_many(int first, int count)
{
	char id[16], padding[3000];
	struct event e = { .type = "container", .action = "start", .id = id, .attrs = padding };

	memset(padding, 'p', sizeof(padding));
	memcpy(padding, "\"p\":\"", 5);
	memcpy(padding + sizeof(padding) - 2, "\"", 2);
	for (int i = first; i < first + count; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		if (event_append(&tree.dirs, &e) < 0)
			_exit(1);
	}
	_exit(0);
}

/* Adds the ids in one file to seen, in the order of the file for each writer. */
static void collect(const char *name, int *next)
{
	char *text, *line, *save = NULL;

	assert_int_equal(file_read_at(events, name, 64 << 20, &text, NULL), 0);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool whole = line[strlen(line) - 1] == '}';
		int id = WRITERS * 100000, writer;

		assert_true(str_starts(line, "{\"status\"") || !whole);
		assert_true(
			sscanf(line, "{\"status\":\"start\",\"id\":\"%d\"", &id) == 1 || !whole);
		writer = id / 100000;
		assert_true(whole || writer >= WRITERS);
		if (!whole) /* readers leave it out */
			continue;
		assert_int_equal(id % 100000, next[writer]++);
	}
	free(text);
}

static void writers_at_once_lose_nothing_and_only_killed_ones_leave_a_torn_line(void **unused)
{
	int next[WRITERS + 2] = { 0 };
	pid_t writers[WRITERS + 2];
	char name[EVENTS_NAME_SIZE];
	int64_t *files;
	size_t n;

	(void)unused;
	for (int i = 0; i < WRITERS + 2; i++) {
		writers[i] = fork();
		if (writers[i] == 0)
			write_many(i * 100000, i < WRITERS ? EACH : LONGER);
	}
	for (int i = WRITERS; i < WRITERS + 2; i++) { /* two are killed wherever they are */
		(void)usleep(30000);
		assert_int_equal(kill(writers[i], SIGKILL), 0);
	}
	for (int i = 0; i < WRITERS + 2; i++) {
		int status;

		assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
		assert_true(i >= WRITERS || status == 0);
	}
	assert_int_equal(events_files(events, &files, &n), 0);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++)
		collect(events_file_name(name, files[i]), next);
	collect(EVENTS_CURRENT, next);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(next[i], EACH);
	free(files);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_have_dockers_shape),
		TEST(text_from_outside_is_escaped),
		TEST(an_event_is_one_line),
		TEST(after_a_torn_line_comes_a_fresh_one),
		TEST(full_files_are_put_aside_and_the_oldest_dropped),
		TEST(a_file_that_began_long_ago_is_put_aside_and_one_that_ended_long_ago_is_dropped),
		TEST(a_clock_set_back_does_not_change_the_order),
		TEST(other_files_are_left_alone),
		TEST(what_the_journal_has_is_found_by_container_action_and_time),
		TEST(writers_at_once_lose_nothing_and_only_killed_ones_leave_a_torn_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
