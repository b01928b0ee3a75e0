#include "../unit.h"
#include "state/plan.h"

static struct buf sample(void)
{
	struct buf b = { 0 };

	plan_add(&b, "plan", "1");
	plan_add(&b, "id", "abc");
	plan_add(&b, "readonly-root");
	plan_add(&b, "mount", "bind", "/src", "/dst", "ro,rbind");
	plan_add(&b, "mount", "proc", "proc", "/proc", "");
	plan_add(&b, "env", "A=1");
	plan_add(&b, "env", "B=\n \xff");
	plan_add(&b, "arg", "");
	plan_add(&b, "arg", "two words");
	plan_add(&b, "stop-timeout", "-1");
	plan_add(&b, "log-opt", "max-size", "1000");
	return b;
}

static int parse(const char *text, size_t len, struct plan *ret, struct err *err)
{
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy[len] = '\0'; /* as file_read_at() gives it */
	return plan_parse(copy, len, ret, err);
}

static void what_was_written_reads_back(void **unused)
{
	struct buf b = sample();
	struct plan p = { 0 };
	const struct plan_item *mount;
	const char **words;

	(void)unused;
	assert_int_equal(parse(b.data, b.len, &p, NULL), 0);
	assert_int_equal(p.count, 11);
	assert_string_equal(plan_get(&p, "id", "?"), "abc");
	assert_string_equal(plan_get(&p, "hostname", "none"), "none");
	assert_true(plan_has(&p, "readonly-root"));
	assert_false(plan_has(&p, "tty"));
	assert_int_equal(plan_get_int(&p, "stop-timeout", 10), -1);
	assert_int_equal(plan_get_int(&p, "stop-signal", 15), 15);
	assert_int_equal(plan_get_int(&p, "id", 3), 3);
	assert_string_equal(plan_log_opt(&p, "max-size"), "1000");
	assert_null(plan_log_opt(&p, "max-file"));

	mount = plan_next(&p, "mount", NULL);
	assert_string_equal(mount->words[2], "/dst");
	mount = plan_next(&p, "mount", mount);
	assert_string_equal(mount->words[0], "proc");
	assert_string_equal(mount->words[3], "");
	assert_null(plan_next(&p, "mount", mount));

	words = plan_words(&p, "arg");
	assert_string_equal(words[0], "");
	assert_string_equal(words[1], "two words");
	assert_null(words[2]);
	free(words);
	words = plan_words(&p, "env");
	assert_string_equal(words[1], "B=\n \xff");
	free(words);
	words = plan_words(&p, "device");
	assert_null(words[0]);
	free(words);
	plan_clear(&p);
	plan_clear(&p); /* twice is fine */
	buf_free(&b);
}

static void a_long_plan_keeps_its_order(void **unused)
{
	struct buf b = { 0 };
	struct plan p = { 0 };
	char text[16];
	int i = 0;

	(void)unused;
	plan_add(&b, "plan", "1");
	for (i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		plan_add(&b, "arg", text);
	}
	assert_int_equal(parse(b.data, b.len, &p, NULL), 0);
	i = 0;
	plan_foreach (it, &p, "arg") {
		(void)snprintf(text, sizeof(text), "%d", i++);
		assert_string_equal(it->words[0], text);
	}
	assert_int_equal(i, 5000);
	plan_clear(&p);
	buf_free(&b);
}

static void a_plan_cut_anywhere_is_refused_or_shorter(void **unused)
{
	struct buf b = sample();

	(void)unused;
	for (size_t len = 0; len < b.len; len++) {
		struct plan p = { 0 };
		struct err err = { 0 };

		if (parse(b.data, len, &p, &err) == 0) {
			assert_int_equal(b.data[len - 1], '\0'); /* exactly between two items */
			assert_true(p.count < 11);
			plan_clear(&p);
		} else {
			assert_int_equal(err.sys, EBADMSG);
			assert_true(err.msg[0]);
		}
	}
	buf_free(&b);
}

static void refused(const char *text, size_t len)
{
	struct plan p = { 0 };
	struct err err = { 0 };

	assert_int_equal(parse(text, len, &p, &err), -EBADMSG);
	assert_true(err.msg[0]);
	assert_null(p.text);
}

static void hostile_plans_are_refused(void **unused)
{
	(void)unused;
#define REFUSED(s) refused(s, sizeof(s))
	REFUSED("");
	REFUSED("\0\0");
	REFUSED("plan\0"
		"2");
	REFUSED("id\0"
		"abc"); /* no version */
	REFUSED("plan\0"
		"1\0"
		"plan\0"
		"1");
	REFUSED("plan\0"
		"1\0"
		"id\0"
		"a\0"
		"id\0"
		"b");
	REFUSED("plan\0"
		"1\0"
		"unheard-of\0"
		"x");
	REFUSED("plan\0"
		"1\0"
		"mount\0"
		"bind\0"
		"/a\0"
		"/b");
	REFUSED("plan\0"
		"1\0"
		"arg");
	refused("plan\0"
		"1",
		6); /* the last NUL is missing */
	refused("", 0);
#undef REFUSED
}

static void a_plan_file_is_read_with_a_limit(void **unused)
{
	struct folder dir = make_folder();
	struct buf b = sample();
	struct plan p = { 0 };
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(plan_read(dir.fd, "plan", &p, &err), -ENOENT);
	assert_int_equal(file_replace_at(dir.fd, "plan", b.data, b.len, 0600, 0), 0);
	assert_int_equal(plan_read(dir.fd, "plan", &p, &err), 0);
	assert_int_equal(p.count, 11);
	plan_clear(&p);
	buf_reserve(&b, PLAN_MAX);
	memset(b.data + b.len, 'x', PLAN_MAX);
	assert_int_equal(file_replace_at(dir.fd, "plan", b.data, PLAN_MAX + 1, 0600, 0), 0);
	assert_int_equal(plan_read(dir.fd, "plan", &p, &err), -EFBIG);
	buf_free(&b);
	drop_folder(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_reads_back),
		cmocka_unit_test(a_long_plan_keeps_its_order),
		cmocka_unit_test(a_plan_cut_anywhere_is_refused_or_shorter),
		cmocka_unit_test(hostile_plans_are_refused),
		cmocka_unit_test(a_plan_file_is_read_with_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
