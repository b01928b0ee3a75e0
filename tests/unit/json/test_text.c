#include "../unit.h"
#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

static int parse(const char *text, struct err *err)
{
	auto_json json_object *o = NULL;

	return json_parse(text, strlen(text), &o, err);
}

static void only_whole_strict_json_is_taken(void **unused)
{
	static const char *const good[] = { "{}", " {\"a\":[1,-2,3.5,true,null,\"x\"]}\r\n\t ",
		"[]", "\"text\"", "{\"a\":\"\\u00e9\\ud83d\\ude00\"}" };
	static const char *const bad[] = { "", " ", "{", "{\"a\":1", "{}{}", "{} x", "{}\x01",
		"{'a':1}", "{\"a\":1,}", "[1,]", "/* c */{}", "{\"a\":NaN}", "{\"a\":01}",
		"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "nul", "{\"a\" 1}" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(parse(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		if (parse(bad[i], &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_int_equal(strncmp(err.msg, "invalid JSON: ", 14), 0);
	}
}

static void nesting_has_a_limit(void **unused)
{
	auto_buf struct buf deep = { 0 };

	(void)unused;
	for (int i = 0; i < 100000; i++)
		buf_addc(&deep, '[');
	assert_true(parse(deep.data, NULL) < 0);
}

static void values_have_a_limit(void **unused)
{
	auto_buf struct buf list = { 0 };
	struct err err = { 0 };

	(void)unused;
	buf_addc(&list, '[');
	for (int i = 0; i < JSON_VALUES_MAX - 2; i++)
		buf_adds(&list, "{},");
	buf_adds(&list, "{}]");
	assert_int_equal(parse(list.data, NULL), 0);
	list.data[list.len - 1] = ',';
	buf_adds(&list, "{}]");
	assert_true(parse(list.data, &err) < 0);
	assert_string_equal(err.msg, "invalid JSON: too many values");
}

static void a_tree_is_written_as_it_was_read(void **unused)
{
	static const char text[] =
		"{\"a\":[1,-9223372036854775808,0.5,true,false,null],"
		"\"b\":{\"c\":\"quote \\\" slash / line \\n é\"},\"d\":{},\"e\":[]}";
	auto_json json_object *o = NULL;
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);

	(void)unused;
	assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
	json_write(&w, NULL, o);
	assert_string_equal(out.data, text);
}

static void getters_never_coerce(void **unused)
{
	static const char text[] = "{\"s\":\"1\",\"n\":1,\"t\":true,\"l\":[\"a\",2,\"b\"]}";
	auto_json json_object *o = NULL;
	auto_strv char **l = NULL;

	(void)unused;
	assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
	assert_string_equal(json_get_str(o, "s", "-"), "1");
	assert_string_equal(json_get_str(o, "n", "-"), "-");
	assert_true(json_get_bool(o, "t"));
	assert_false(json_get_bool(o, "n"));
	assert_null(json_get(NULL, "x"));
	l = json_get_strv(o, "l");
	assert_int_equal(strv_len(l), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_strict_json_is_taken),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(values_have_a_limit),
		cmocka_unit_test(a_tree_is_written_as_it_was_read),
		cmocka_unit_test(getters_never_coerce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
