#include "../unit.h"
#include "base/alloc.h"
#include "state/logrecord.h"

/* Decodes a copy of line that has nothing behind it, so that a sanitizer sees every step too far. */
static bool decode(
	struct log_decoder *d, const char *line, size_t len, char **keep, struct log_record *ret)
{
	free(*keep);
	*keep = malloc(len ? len : 1);
	assert_non_null(*keep);
	memcpy(*keep, line, len);
	return log_decode(d, *keep, len, ret);
}

static void assert_text(const char *line, const char *text, size_t len)
{
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	assert_true(decode(&d, line, strlen(line), &keep, &rec));
	assert_int_equal(rec.len, len);
	assert_memory_equal(rec.text, text, len);
	free(keep);
}

#define ASSERT_TEXT(escaped, text)                                                                 \
	assert_text("{\"log\":\"" escaped                                                          \
		    "\",\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00Z\"}",                 \
		text, sizeof(text) - 1)

static void every_escape_is_undone(void **unused)
{
	(void)unused;
	ASSERT_TEXT("", "");
	ASSERT_TEXT("plain", "plain");
	ASSERT_TEXT("a\\n", "a\n");
	ASSERT_TEXT("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
	ASSERT_TEXT("\\u0000\\u001b[1m\\u003c\\u0026", "\0\x1b[1m<&");
	ASSERT_TEXT("\\u00e4\\u2028\\u20AC", "\xc3\xa4\xe2\x80\xa8\xe2\x82\xac");
	ASSERT_TEXT("\\ud83d\\ude00!", "\xf0\x9f\x98\x80!");
	ASSERT_TEXT("0123456789\\\"0123456789\\n", "0123456789\"0123456789\n");
}

static void half_a_surrogate_pair_is_replaced(void **unused)
{
	(void)unused;
	ASSERT_TEXT("\\ud83d", "\xef\xbf\xbd");
	ASSERT_TEXT("\\ud83dx", "\xef\xbf\xbdx");
	ASSERT_TEXT("\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd");
	ASSERT_TEXT("\\ud83d\\n", "\xef\xbf\xbd\n");
	ASSERT_TEXT("\\ud83d\\u0041",
		"\xef\xbf\xbd"
		"A");
}

static void bytes_that_are_not_utf8_pass(void **unused)
{
	(void)unused;
	ASSERT_TEXT("\xff\xc3\x80\x01", "\xff\xc3\x80\x01");
}

static void members_come_in_any_order_with_any_company(void **unused)
{
	static const char *const lines[] = {
		"{\"log\":\"x\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:01Z\"}",
		"{\"time\":\"1970-01-01T00:00:01Z\",\"stream\":\"stderr\",\"log\":\"x\"}",
		" { \"stream\" : \"stderr\" , \"log\" : \"x\" , \"time\" : \"1970-01-01T00:00:01Z\" } ",
		"{\"log\":\"x\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"}\\\"\",\"b\":[1,{}]},"
		"\"time\":\"1970-01-01T00:00:01Z\"}",
		"{\"n\":-1.5e3,\"t\":true,\"z\":null,\"a\":[],\"log\":\"x\",\"stream\":\"stderr\","
		"\"time\":\"1970-01-01T00:00:01Z\"}",
		"{\"log\":\"x\",\"str\\u0065am\":\"stderr\",\"time\":\"1970-01-01T00:00:01Z\"}",
	};
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_true(decode(&d, lines[i], strlen(lines[i]), &keep, &rec));
		assert_int_equal(rec.stream, STREAM_STDERR);
		assert_true(rec.time == 1000000000);
		assert_int_equal(rec.len, 1);
		assert_memory_equal(rec.text, "x", 1);
	}
	free(keep);
}

static void neighbours_with_different_ends_are_told_apart(void **unused)
{
	static const struct {
		const char *line;
		enum stream_id stream;
		int64_t time;
	} lines[] = {
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:01Z\"}",
			STREAM_STDOUT, 1 },
		{ "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:01Z\"}",
			STREAM_STDOUT, 1 },
		{ "{\"log\":\"a\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:01Z\"}",
			STREAM_STDERR, 1 },
		{ "{\"log\":\"a\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:02Z\"}",
			STREAM_STDERR, 2 },
		{ "{\"log\":\"a\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:02Z\"}",
			STREAM_STDERR, 2 },
		{ "{\"time\":\"1970-01-01T00:00:03Z\",\"log\":\"a\"}", STREAM_STDOUT, 3 },
		{ "{\"log\":\"a\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:02Z\"}",
			STREAM_STDERR, 2 },
	};
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_true(decode(&d, lines[i].line, strlen(lines[i].line), &keep, &rec));
		assert_int_equal(rec.stream, lines[i].stream);
		assert_true(rec.time == lines[i].time * 1000000000);
	}
	free(keep);
}

static void assert_attrs(struct log_decoder *d, const char *end, const char *attrs)
{
	auto_free char *line = xasprintf("{\"log\":\"x\\n\",%s", end);
	struct log_record rec;
	char *keep = NULL;

	assert_true(decode(d, line, strlen(line), &keep, &rec));
	assert_int_equal(rec.attrs_len, strlen(attrs));
	assert_memory_equal(rec.attrs ? rec.attrs : "", attrs, strlen(attrs));
	free(keep);
}

static void attributes_are_returned_as_they_stand_there(void **unused)
{
	static const char with[] =
		"\"stream\":\"stdout\",\"attrs\":{\"a\":\"\\\"}\",\"b\":\"\\u00e4\"},"
		"\"time\":\"2024-01-01T00:00:00Z\"}";
	static const char without[] = "\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00Z\"}";
	static const char attrs[] = "{\"a\":\"\\\"}\",\"b\":\"\\u00e4\"}";
	struct log_decoder d = { 0 };

	(void)unused;
	for (int i = 0; i < 2; i++) { /* the second time from memory */
		assert_attrs(&d, with, attrs);
		assert_attrs(&d, with, attrs);
		assert_attrs(&d, without, "");
		assert_attrs(&d, without, "");
	}
}

static void a_broken_end_is_not_remembered_as_good(void **unused)
{
	static const char broken[] = "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":";
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	(void)unused;
	assert_false(decode(&d, broken, strlen(broken), &keep, &rec));
	assert_false(decode(&d, broken, strlen(broken), &keep, &rec));
	free(keep);
}

static void torn_and_other_lines_are_no_records(void **unused)
{
	static const char whole[] =
		"{\"log\":\"a\\\"\\u00e4\",\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:00Z\"}";
	static const char *const bad[] = { "", " ", "{}", "x", "[]", "null", "{\"log\":1}",
		"{\"log\":\"a\"", "{\"log\":\"a\\x\"}", "{\"log\":\"\\u12g4\"}",
		"{\"log\":\"a\" \"b\"}", "{\"stream\":\"stdout\"}", "{\"log\":\"a\",}", "{\"log\"}",
		"{\"log\":\"a\\\"}",
		/* decoded in place, the quotes of a torn text must not become those of members */
		"{\"log\":\"a\\\",\\\"stream\\\":\\\"x\\\"}", "{\"log\":\"\\u0022}" };
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(decode(&d, bad[i], strlen(bad[i]), &keep, &rec));
	for (size_t len = 0; len < strlen(whole); len++)
		assert_false(decode(&d, whole, len, &keep, &rec));
	assert_true(decode(&d, whole, strlen(whole), &keep, &rec));
	free(keep);
}

static void a_time_nobody_understands_is_none(void **unused)
{
	static const char *const lines[] = { "{\"log\":\"a\",\"time\":\"yesterday\"}",
		"{\"log\":\"a\",\"time\":\"2024-01-01T00:00:00.0000000000000000000000000Z\"}",
		"{\"log\":\"a\"}" };
	struct log_decoder d = { 0 };
	struct log_record rec;
	char *keep = NULL;

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_true(decode(&d, lines[i], strlen(lines[i]), &keep, &rec));
		assert_true(rec.time == 0);
	}
	free(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_escape_is_undone),
		cmocka_unit_test(half_a_surrogate_pair_is_replaced),
		cmocka_unit_test(bytes_that_are_not_utf8_pass),
		cmocka_unit_test(members_come_in_any_order_with_any_company),
		cmocka_unit_test(neighbours_with_different_ends_are_told_apart),
		cmocka_unit_test(attributes_are_returned_as_they_stand_there),
		cmocka_unit_test(a_broken_end_is_not_remembered_as_good),
		cmocka_unit_test(torn_and_other_lines_are_no_records),
		cmocka_unit_test(a_time_nobody_understands_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
