#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/timefmt.h"
#include "state/logfile.h"
#include "tree.h"

static struct folder dir;

static int setup(void **unused)
{
	(void)unused;
	dir = make_folder();
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	drop_folder(&dir);
	return 0;
}

static struct logfile *open_log(int64_t max_size, unsigned max_files)
{
	struct logfile *l;
	struct err err;

	assert_int_equal(
		logfile_open(dir.fd, ID_A,
			&(struct logfile_options){ .max_size = max_size, .max_files = max_files },
			&l, &err),
		0);
	return l;
}

static struct logreader *open_reader(void)
{
	struct logreader *r;
	struct err err;

	assert_int_equal(logreader_open(dir.fd, ID_A, &r, &err), 0);
	return r;
}

static void write_text(struct logfile *l, enum stream_id stream, const char *text)
{
	assert_int_equal(logfile_write(l, stream, text, strlen(text)), 0);
}

static const char *log_name(unsigned part)
{
	static char name[LOG_NAME_SIZE];

	return logfile_name(name, ID_A, part);
}

static off_t size_of(unsigned part)
{
	struct stat st;

	return fstatat(dir.fd, log_name(part), &st, 0) < 0 ? -1 : st.st_size;
}

static void assert_next(struct logreader *r, enum stream_id stream, const char *text)
{
	struct log_record rec;

	assert_int_equal(logreader_next(r, &rec), 1);
	assert_int_equal(rec.stream, stream);
	assert_int_equal(rec.len, strlen(text));
	assert_memory_equal(rec.text, text, rec.len);
}

static void assert_no_more(struct logreader *r)
{
	struct log_record rec;

	assert_int_equal(logreader_next(r, &rec), 0);
}

static void append_raw(unsigned part, const char *text)
{
	int fd = openat(dir.fd, log_name(part), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	(void)fd_close(fd);
}

/* ---- records */

static void a_line_is_one_record_in_dockers_form(void **unused)
{
	static const char start[] =
		"{\"log\":\"say \\\"hi\\\\\\\"\\t\\u0001\xc3\xa4\xff\x7f\\r\\n\","
		"\"stream\":\"stderr\",\"time\":\"";
	struct logfile *l = open_log(-1, 1);
	int64_t before = time_now(), time;
	char *text, stamp[TIME_TEXT];

	(void)unused;
	write_text(l, STREAM_STDERR, "say \"hi\\\"\t\x01\xc3\xa4\xff\x7f\r\n");
	logfile_free(l);
	assert_int_equal(file_read_at(dir.fd, log_name(0), 4096, &text, NULL), 0);
	assert_true(str_starts(text, start));
	(void)snprintf(stamp, sizeof(stamp), "%.30s", text + strlen(start));
	assert_int_equal(time_parse(stamp, &time), 0);
	assert_true(time >= before && time <= time_now());
	assert_string_equal(text + strlen(start) + 30, "\"}\n");
	free(text);
}

static void any_byte_in_any_cut_reads_back(void **unused)
{
	static char data[200000], back[sizeof(data)];
	struct logfile *l = open_log(40000, 50);
	struct logreader *r;
	struct log_record rec;
	size_t have = 0;

	(void)unused;
	srand(1);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)rand();
	memset(data + 50000, 'x', 40000); /* a line longer than two records */
	for (size_t at = 0, n; at < sizeof(data); at += n) {
		n = (size_t)rand() % 5000 + 1;
		if (n > sizeof(data) - at)
			n = sizeof(data) - at;
		assert_int_equal(logfile_write(l, STREAM_STDOUT, data + at, n), 0);
	}
	assert_int_equal(logfile_flush(l), 0);
	logfile_free(l);
	r = open_reader();
	while (logreader_next(r, &rec) > 0) {
		assert_true(rec.len > 0 && rec.len <= LOG_LINE_MAX);
		assert_true(have + rec.len <= sizeof(back));
		assert_null(memchr(rec.text, '\n', rec.len - 1));
		memcpy(back + have, rec.text, rec.len);
		have += rec.len;
	}
	assert_int_equal(have, sizeof(data));
	assert_memory_equal(back, data, sizeof(data));
	logreader_free(r);
}

static void an_unfinished_line_waits_in_its_own_stream(void **unused)
{
	struct logfile *l = open_log(-1, 1);
	struct logreader *r = open_reader();

	(void)unused;
	write_text(l, STREAM_STDOUT, "out ");
	write_text(l, STREAM_STDERR, "err ");
	logfile_tidy(l);
	assert_no_more(r);
	write_text(l, STREAM_STDOUT, "more\nnext");
	logfile_tidy(l);
	assert_next(r, STREAM_STDOUT, "out more\n");
	assert_no_more(r);
	write_text(l, STREAM_STDERR, "done\n");
	assert_next(r, STREAM_STDERR, "err done\n");
	assert_int_equal(logfile_flush(l), 0);
	assert_next(r, STREAM_STDOUT, "next");
	assert_int_equal(logfile_flush(l), 0);
	assert_no_more(r);
	logreader_free(r);
	logfile_free(l);
}

static void a_long_line_is_split_at_16_kib(void **unused)
{
	static char line[LOG_LINE_MAX + 1];
	struct logfile *l = open_log(-1, 1);
	struct logreader *r = open_reader();
	struct log_record rec;

	(void)unused;
	memset(line, 'x', sizeof(line));
	line[LOG_LINE_MAX] = '\n';
	/* one byte more than fits: the newline comes alone; once in one piece, once in two */
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line, sizeof(line)), 0);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line, 100), 0);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line + 100, sizeof(line) - 100), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(logreader_next(r, &rec), 1);
		assert_int_equal(rec.len, LOG_LINE_MAX);
		assert_next(r, STREAM_STDOUT, "\n");
	}
	/* with its newline it just fits */
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line + 1, LOG_LINE_MAX), 0);
	assert_int_equal(logreader_next(r, &rec), 1);
	assert_int_equal(rec.len, LOG_LINE_MAX);
	assert_int_equal(rec.text[rec.len - 1], '\n');
	assert_no_more(r);
	logreader_free(r);
	logfile_free(l);
}

static void the_worst_text_fits_the_buffer(void **unused)
{
	static char zeros[LOG_LINE_MAX * 4]; /* each byte becomes six */
	static char newlines[65536];         /* each byte becomes a record */
	struct logfile *l = open_log(-1, 1);
	struct logreader *r = open_reader();
	struct log_record rec;
	size_t records = 0;

	(void)unused;
	assert_int_equal(logfile_write(l, STREAM_STDERR, zeros, sizeof(zeros)), 0);
	memset(newlines, '\n', sizeof(newlines));
	assert_int_equal(logfile_write(l, STREAM_STDOUT, newlines, sizeof(newlines)), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(logreader_next(r, &rec), 1);
		assert_int_equal(rec.len, LOG_LINE_MAX);
		assert_memory_equal(rec.text, zeros, LOG_LINE_MAX);
	}
	while (logreader_next(r, &rec) > 0)
		records++;
	assert_int_equal(records, sizeof(newlines));
	logreader_free(r);
	logfile_free(l);
}

/* ---- rotation */

static void files_are_bounded_in_size_and_number(void **unused)
{
	struct logfile *l = open_log(1000, 3);
	struct logreader *r;
	char text[32];
	int first = -1, n = 0;
	struct log_record rec;

	(void)unused;
	for (int i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		write_text(l, STREAM_STDOUT, text);
	}
	logfile_free(l);
	for (unsigned part = 0; part < 3; part++)
		assert_in_range(size_of(part), 1, 1000);
	assert_int_equal(size_of(3), -1);
	r = open_reader();
	while (logreader_next(r, &rec) > 0) {
		int i;

		assert_int_equal(sscanf(rec.text, "line %d", &i), 1);
		if (first < 0)
			first = i;
		assert_int_equal(i, first + n++); /* the newest ones, none missing */
	}
	assert_int_equal(first + n, 200);
	assert_true(n > 20);
	logreader_free(r);
}

static void the_limits_hold_over_restarts_and_within_one_call(void **unused)
{
	struct buf all = { 0 };

	(void)unused;
	for (int i = 0; i < 30; i++)
		buf_printf(&all, "line %d\n", i);
	for (int i = 0; i < 5; i++) {
		struct logfile *l = open_log(1000, 20);

		assert_int_equal(logfile_write(l, STREAM_STDOUT, all.data, all.len), 0);
		logfile_free(l);
	}
	for (unsigned part = 0; size_of(part) >= 0; part++)
		assert_in_range(size_of(part), 1, 1000);
	buf_free(&all);
}

static void one_file_starts_anew(void **unused)
{
	struct logfile *l = open_log(300, 1);
	struct logreader *r;

	(void)unused;
	for (int i = 0; i < 10; i++)
		write_text(l, STREAM_STDOUT, "some line of the log\n");
	write_text(l, STREAM_STDOUT, "last\n");
	logfile_free(l);
	assert_in_range(size_of(0), 1, 300);
	assert_int_equal(size_of(1), -1);
	r = open_reader();
	assert_int_equal(logreader_tail(r, 1), 0);
	assert_next(r, STREAM_STDOUT, "last\n");
	logreader_free(r);
}

static void a_record_larger_than_a_file_gets_one_of_its_own(void **unused)
{
	static char line[2000];
	struct logfile *l = open_log(500, 4);
	struct logreader *r = open_reader();
	struct log_record rec;

	(void)unused;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	write_text(l, STREAM_STDOUT, "before\n");
	assert_int_equal(logfile_write(l, STREAM_STDOUT, line, sizeof(line)), 0);
	write_text(l, STREAM_STDOUT, "after\n");
	assert_true(size_of(1) > 2000);
	assert_next(r, STREAM_STDOUT, "before\n");
	assert_int_equal(logreader_next(r, &rec), 1);
	assert_int_equal(rec.len, sizeof(line));
	assert_next(r, STREAM_STDOUT, "after\n");
	logreader_free(r);
	logfile_free(l);
}

static void a_gap_in_the_numbers_does_not_push_out_older_files(void **unused)
{
	struct logfile *l;

	(void)unused;
	/* as a failure half-way through the renaming would leave it */
	append_raw(0, "current\n");
	append_raw(2, "two\n");
	append_raw(3, "three\n");
	l = open_log(5, 4);
	write_text(l, STREAM_STDOUT, "x\n");
	logfile_free(l);
	assert_file(dir.fd, log_name(1), "current\n");
	assert_file(dir.fd, log_name(2), "two\n");
	assert_file(dir.fd, log_name(3), "three\n");
}

/* ---- failure */

/* SIGXFSZ is ignored and the largest file may have so many bytes: writes stop there, first short, then
 * with EFBIG, as on a full disk. */
static void limit_file_size(rlim_t bytes)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

static void a_full_disk_loses_nothing(void **unused)
{
	struct logfile *l = open_log(100000, 10);
	struct logreader *r = open_reader();
	char text[32];

	(void)unused;
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_file_size(5000); /* in the middle of some record */
	for (int i = 0; i < 100; i++) {
		int res;

		(void)snprintf(text, sizeof(text), "line %d\n", i);
		res = logfile_write(l, STREAM_STDOUT, text, strlen(text));
		assert_true(res == (size_of(0) < 5000 ? 0 : -EFBIG));
	}
	assert_int_equal(logfile_write(l, STREAM_STDERR, "unfinished", 10), -EFBIG);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, NULL, 0), -EFBIG);
	assert_int_equal(logfile_flush(l), -EFBIG);
	assert_int_equal(size_of(0), 5000);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, NULL, 0), 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		assert_next(r, STREAM_STDOUT, text);
	}
	assert_next(r, STREAM_STDERR, "unfinished");
	assert_no_more(r);
	logreader_free(r);
	logfile_free(l);
}

static void of_a_full_disk_the_oldest_is_kept_and_the_rest_dropped_if_that_is_wanted(void **unused)
{
	struct logreader *r = NULL;
	struct logfile *l;
	struct err err;

	(void)unused;
	assert_int_equal(logfile_open(dir.fd, ID_A,
				 &(struct logfile_options){ .max_size = -1,
					 .max_files = 1,
					 .attrs = "{\"tag\":\"t\"}",
					 .most_kept = 200 },
				 &l, &err),
		0);
	(void)signal(SIGXFSZ, SIG_IGN);
	write_text(l, STREAM_STDOUT, "written\n");
	limit_file_size((rlim_t)size_of(0));
	for (int i = 0; i < 50; i++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "%d\n", i);
		assert_int_equal(logfile_write(l, STREAM_STDOUT, line, strlen(line)), -EFBIG);
	}
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(logfile_flush(l), 0);
	logfile_free(l);
	r = open_reader();
	assert_next(r, STREAM_STDOUT, "written\n");
	assert_next(r, STREAM_STDOUT, "0\n");
	assert_next(r, STREAM_STDOUT, "1\n");
	assert_no_more(r);
	logreader_free(r);
}

static void a_short_write_is_finished_in_the_same_file(void **unused)
{
	struct logfile *l = open_log(1000, 10);
	struct buf all = { 0 };
	struct logreader *r;
	char text[32];

	(void)unused;
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_file_size(500); /* below max_size, so that no rotation makes room */
	for (int i = 0; i < 100; i++)
		buf_printf(&all, "line %d\n", i);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, all.data, all.len), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, NULL, 0), 0);
	r = open_reader();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		assert_next(r, STREAM_STDOUT, text);
	}
	logreader_free(r);
	logfile_free(l);
	buf_free(&all);
}

static void a_torn_line_is_ended_and_skipped(void **unused)
{
	struct logfile *l;
	struct logreader *r;

	(void)unused;
	append_raw(0,
		"{\"log\":\"whole\\n\",\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00Z\"}\n"
		"{\"log\":\"torn");
	l = open_log(-1, 1);
	write_text(l, STREAM_STDOUT, "after\n");
	logfile_free(l);
	r = open_reader();
	assert_next(r, STREAM_STDOUT, "whole\n");
	assert_next(r, STREAM_STDOUT, "after\n");
	assert_no_more(r);
	logreader_free(r);
	r = open_reader(); /* it does not count as a record either */
	assert_int_equal(logreader_tail(r, 2), 0);
	assert_next(r, STREAM_STDOUT, "whole\n");
	logreader_free(r);
}

/* ---- reading */

static void the_tail_is_counted_across_files(void **unused)
{
	struct logfile *l = open_log(1000, 100);
	char text[32];

	(void)unused;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		write_text(l, i % 2 ? STREAM_STDERR : STREAM_STDOUT, text);
	}
	for (int n = 0; n <= 110; n++) {
		struct logreader *r = open_reader();

		assert_int_equal(logreader_tail(r, (uint64_t)n), 0);
		for (int i = n > 100 ? 0 : 100 - n; i < 100; i++) {
			(void)snprintf(text, sizeof(text), "line %d\n", i);
			assert_next(r, i % 2 ? STREAM_STDERR : STREAM_STDOUT, text);
		}
		assert_no_more(r);
		logreader_free(r);
	}
	logfile_free(l);
}

static void the_tail_of_a_large_file_needs_many_blocks(void **unused)
{
	struct logfile *l = open_log(-1, 1);
	struct buf all = { 0 };
	struct logreader *r;
	char text[32];

	(void)unused;
	for (int i = 0; i < 20000; i++)
		buf_printf(&all, "line %d\n", i);
	assert_int_equal(logfile_write(l, STREAM_STDOUT, all.data, all.len), 0);
	assert_true(size_of(0) > 1 << 20);
	for (int n = 1; n < 20000; n = n * 3 + 1) {
		r = open_reader();
		assert_int_equal(logreader_tail(r, (uint64_t)n), 0);
		(void)snprintf(text, sizeof(text), "line %d\n", 20000 - n);
		assert_next(r, STREAM_STDOUT, text);
		logreader_free(r);
	}
	logfile_free(l);
	buf_free(&all);
}

static void written_at(unsigned part, int64_t ns)
{
	const struct timespec t = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	assert_int_equal(
		utimensat(dir.fd, log_name(part), (const struct timespec[2]){ t, t }, 0), 0);
}

static void files_that_end_before_since_are_left_out(void **unused)
{
	static const char *const text[] = { "youngest", "middle", "oldest" };
	const int64_t now = time_now(), minute = 60 * NSEC_PER_SEC;
	struct logreader *r;

	(void)unused;
	for (unsigned part = 0; part < 3; part++) {
		auto_free char *line = xasprintf(
			"{\"log\":\"%s\\n\",\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00Z\"}\n",
			text[part]);

		append_raw(part, line);
		written_at(part, now - part * minute);
	}
	for (unsigned part = 0; part < 3; part++) {
		r = open_reader();
		logreader_since(r, now - part * minute);
		for (unsigned left = part + 1; left > 0; left--) {
			auto_free char *line = xasprintf("%s\n", text[left - 1]);

			assert_next(r, STREAM_STDOUT, line);
		}
		assert_no_more(r);
		logreader_free(r);
	}
	r = open_reader();
	logreader_since(r, INT64_MIN);
	assert_next(r, STREAM_STDOUT, "oldest\n");
	logreader_free(r);
	r = open_reader();
	logreader_since(r, now + minute); /* the last one may still grow */
	assert_next(r, STREAM_STDOUT, "youngest\n");
	logreader_free(r);
}

static void an_empty_or_missing_log_has_no_records(void **unused)
{
	struct logreader *r = open_reader();
	struct logfile *l;

	(void)unused;
	assert_no_more(r);
	assert_int_equal(logreader_tail(r, 5), 0);
	assert_no_more(r);
	l = open_log(-1, 1);
	assert_no_more(r);
	write_text(l, STREAM_STDOUT,
		"first\n"); /* a reader that came early finds the log once it is there */
	assert_next(r, STREAM_STDOUT, "first\n");
	logreader_free(r);
	logfile_free(l);
}

static void a_reader_follows_through_every_rotation(void **unused)
{
	struct logfile *l = open_log(400, 3);
	struct logreader *r = open_reader();
	char text[32];
	int read = 0;

	(void)unused;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		write_text(l, STREAM_STDOUT, text);
		if (i % 7) /* up to two rotations between two looks */
			continue;
		for (; read <= i; read++) {
			(void)snprintf(text, sizeof(text), "line %d\n", read);
			assert_next(r, STREAM_STDOUT, text);
		}
		assert_no_more(r);
	}
	logreader_free(r);
	logfile_free(l);
}

/* In the C library's place, for everybody in this program. */
int open_file(int at, const char *path, int flags, ...) __asm__("openat");

static void (*before_opening_part_1)(void);

int open_file(int at, const char *path, int flags, ...)
{
	void (*meanwhile)(void) = before_opening_part_1;
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (meanwhile && str_eq(path, log_name(1))) {
		before_opening_part_1 = NULL;
		meanwhile();
	}
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

static void rotate_twice(void)
{
	struct logfile *l = open_log(1, 9); /* each record in a file of its own */

	write_text(l, STREAM_STDOUT, "two\n");
	write_text(l, STREAM_STDOUT, "three\n");
	logfile_free(l);
}

static void rotations_between_two_looks_neither_repeat_nor_reorder_records(void **unused)
{
	struct logfile *l = open_log(1, 9);
	struct logreader *r;

	(void)unused;
	write_text(l, STREAM_STDOUT, "one\n");
	logfile_free(l);
	before_opening_part_1 = rotate_twice;
	r = open_reader();
	assert_null(before_opening_part_1);
	assert_next(r, STREAM_STDOUT, "one\n");
	assert_next(r, STREAM_STDOUT, "two\n");
	assert_next(r, STREAM_STDOUT, "three\n");
	assert_no_more(r);
	logreader_free(r);
}

static void a_reader_keeps_the_files_it_opened(void **unused)
{
	struct logfile *l = open_log(400, 3);
	struct logreader *r;
	char text[32];

	(void)unused;
	for (int i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		write_text(l, STREAM_STDOUT, text);
	}
	r = open_reader();
	for (int i = 0; i < 100; i++) /* rotates all of them away */
		write_text(l, STREAM_STDOUT, "later\n");
	for (int i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "line %d\n", i);
		assert_next(r, STREAM_STDOUT, text);
	}
	assert_next(r, STREAM_STDOUT, "later\n"); /* what is left */
	logreader_free(r);
	logfile_free(l);
}

static void a_line_still_being_written_is_returned_when_it_is_whole(void **unused)
{
	struct logreader *r;

	(void)unused;
	append_raw(0, "{\"log\":\"half");
	r = open_reader();
	assert_no_more(r);
	append_raw(0, "\\n\",\"stream\":\"stdout\",");
	assert_no_more(r);
	append_raw(0, "\"time\":\"2024-01-01T00:00:00Z\"}\n");
	assert_next(r, STREAM_STDOUT, "half\n");
	logreader_free(r);
}

static void an_endless_line_is_passed_over(void **unused)
{
	static char junk[1 << 20];
	struct logreader *r;

	(void)unused;
	memset(junk, 'x', sizeof(junk) - 1);
	append_raw(0, "{\"log\":\"a\"}\n");
	for (int i = 0; i < 5; i++)
		append_raw(0, junk);
	append_raw(0, "\n{\"log\":\"b\"}\n");
	r = open_reader();
	assert_next(r, STREAM_STDOUT, "a");
	assert_next(r, STREAM_STDOUT, "b");
	logreader_free(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_one_record_in_dockers_form),
		TEST(any_byte_in_any_cut_reads_back),
		TEST(an_unfinished_line_waits_in_its_own_stream),
		TEST(a_long_line_is_split_at_16_kib),
		TEST(the_worst_text_fits_the_buffer),
		TEST(files_are_bounded_in_size_and_number),
		TEST(the_limits_hold_over_restarts_and_within_one_call),
		TEST(one_file_starts_anew),
		TEST(a_record_larger_than_a_file_gets_one_of_its_own),
		TEST(a_gap_in_the_numbers_does_not_push_out_older_files),
		TEST(a_full_disk_loses_nothing),
		TEST(of_a_full_disk_the_oldest_is_kept_and_the_rest_dropped_if_that_is_wanted),
		TEST(a_short_write_is_finished_in_the_same_file),
		TEST(a_torn_line_is_ended_and_skipped),
		TEST(the_tail_is_counted_across_files),
		TEST(the_tail_of_a_large_file_needs_many_blocks),
		TEST(files_that_end_before_since_are_left_out),
		TEST(an_empty_or_missing_log_has_no_records),
		TEST(a_reader_follows_through_every_rotation),
		TEST(rotations_between_two_looks_neither_repeat_nor_reorder_records),
		TEST(a_reader_keeps_the_files_it_opened),
		TEST(a_line_still_being_written_is_returned_when_it_is_whole),
		TEST(an_endless_line_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
