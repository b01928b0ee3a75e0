#include "../unit.h"
#include "base/alloc.h"
#include "base/str.h"
#include "json/field.h"
#include "json/text.h"

struct inner {
	char *name;
	int64_t soft;
};

struct outer {
	char *text;
	char **list, **map;
	struct jwords words, maybe;
	int64_t number, optional;
	bool flag;
	int tri;
	struct inner one;
	struct jlist many;
	json_object *any;
};

/* clang-format off */
static const struct jfield inner_fields[] = {
	JSTR("Name", struct inner, name),
	JINT64("Soft", struct inner, soft),
	JEND,
};

static const struct jfield fields[] = {
	JSTR("Text", struct outer, text),
	JSTRV("List", struct outer, list),
	JMAP("Map", struct outer, map),
	JWORDS("Words", struct outer, words),
	JNULLSTRV("Maybe", struct outer, maybe),
	JINT64("Number", struct outer, number),
	JINT64_OPT("Optional", struct outer, optional),
	JBOOL("Flag", struct outer, flag),
	JBOOL_OPT("Tri", struct outer, tri),
	JOBJECT("One", struct outer, one, struct inner, inner_fields),
	JLIST("Many", struct outer, many, struct inner, inner_fields),
	JANY("Any", struct outer, any, "{}"),
	JREFUSE("Refused", "0"),
	JREFUSE_BUT("Swappiness", "null", "-1"),
	JIGNORE("Ignored", NULL),
	JEND,
};
/* clang-format on */

static int read_text(const char *text, struct outer *ret, struct err *err)
{
	auto_json json_object *o = NULL;

	assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
	return jfields_read(fields, o, "Top.", ret, err);
}

static void a_wrong_type_is_named(void **unused)
{
	static const char *const bad[][2] = {
		{ "{\"Text\":1}", "Top.Text" },
		{ "{\"Text\":\"a\\u0000b\"}", "Top.Text" },
		{ "{\"List\":\"x\"}", "Top.List" },
		{ "{\"List\":[1]}", "Top.List" },
		{ "{\"List\":[null]}", "Top.List" },
		{ "{\"Map\":[]}", "Top.Map" },
		{ "{\"Map\":{\"a\":1}}", "Top.Map" },
		{ "{\"Words\":1}", "Top.Words" },
		{ "{\"Maybe\":\"x\"}", "Top.Maybe" },
		{ "{\"Number\":\"12\"}", "Top.Number" },
		{ "{\"Number\":1.5}", "Top.Number" },
		{ "{\"Optional\":true}", "Top.Optional" },
		{ "{\"Flag\":1}", "Top.Flag" },
		{ "{\"Tri\":\"true\"}", "Top.Tri" },
		{ "{\"One\":[]}", "Top.One" },
		{ "{\"One\":{\"Soft\":\"1\"}}", "Top.One.Soft" },
		{ "{\"Many\":{}}", "Top.Many" },
		{ "{\"Many\":[{\"Name\":\"a\"},{\"Name\":2}]}", "Top.Many[1].Name" },
		{ "{\"Any\":[]}", "Top.Any" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct outer s;
		struct err err = { 0 };

		assert_int_equal(read_text(bad[i][0], &s, &err), -EINVAL);
		assert_int_equal(err.kind, ERR_INVALID);
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], err.msg);
	}
}

static void a_refused_field_passes_only_when_it_asks_for_nothing(void **unused)
{
	static const char *const neutral[] = { "null", "0", "false", "\"\"", "[]", "{}",
		"{\"a\":0}", "0.0" };
	static const char *const set[] = { "1", "true", "\"x\"", "[0]", "{\"a\":{\"b\":1}}", "-1" };
	struct outer s;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(neutral); i++) {
		auto_free char *text = xasprintf("{\"Refused\":%s}", neutral[i]);

		assert_int_equal(read_text(text, &s, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		auto_free char *text = xasprintf("{\"Refused\":%s}", set[i]);
		struct err err = { 0 };

		assert_true(read_text(text, &s, &err) < 0);
		assert_int_equal(err.kind, ERR_UNSUPPORTED);
		assert_string_equal(err.msg, "Top.Refused is not supported yet");
	}
	assert_int_equal(read_text("{\"Swappiness\":-1}", &s, NULL), 0);
	assert_true(read_text("{\"Swappiness\":60}", &s, NULL) < 0);
}

static void keys_match_without_regard_to_case_as_in_go(void **unused)
{
	struct outer s;

	(void)unused;
	assert_int_equal(read_text("{\"tEXT\":\"a\",\"unknown\":[{}],\"flag\":true}", &s, NULL), 0);
	assert_string_equal(s.text, "a");
	assert_true(s.flag);
	jfields_clear(fields, &s);
	/* the exact one wins */
	assert_int_equal(read_text("{\"text\":\"a\",\"Text\":\"b\"}", &s, NULL), 0);
	assert_string_equal(s.text, "b");
	jfields_clear(fields, &s);
}

static void null_means_not_given(void **unused)
{
	struct outer s;

	(void)unused;
	assert_int_equal(
		read_text("{\"Text\":null,\"List\":null,\"Map\":null,\"Words\":null,\"Maybe\":null,"
			  "\"Number\":null,\"Optional\":null,\"Flag\":null,\"Tri\":null,"
			  "\"One\":null,\"Many\":null,\"Any\":null}",
			&s, NULL),
		0);
	assert_null(s.text);
	assert_false(s.words.given);
	assert_int_equal(s.tri, -1);
	assert_true(s.optional == JINT_NONE);
	assert_int_equal(s.many.count, 0);
	jfields_clear(fields, &s);
}

static void what_was_read_is_written_back(void **unused)
{
	static const char text[] =
		"{\"Text\":\"t\",\"List\":[\"a\",\"b\"],\"Map\":{\"k\":\"v\"},\"Words\":[\"w\"],"
		"\"Maybe\":[],\"Number\":-3,\"Optional\":7,\"Flag\":true,\"Tri\":false,"
		"\"One\":{\"Name\":\"n\",\"Soft\":1},\"Many\":[{\"Name\":\"m\",\"Soft\":2}],"
		"\"Any\":{\"x\":[1]},\"Refused\":0,\"Swappiness\":null}";
	struct outer s;
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);

	(void)unused;
	assert_int_equal(read_text(text, &s, NULL), 0);
	jw_object(&w, NULL);
	jfields_write(&w, fields, &s);
	jw_object_end(&w);
	assert_string_equal(out.data, text);
	jfields_clear(fields, &s);
	assert_null(s.text); /* and clearing twice is harmless */
	jfields_clear(fields, &s);
}

static void one_word_may_come_as_a_string(void **unused)
{
	struct outer s;

	(void)unused;
	assert_int_equal(read_text("{\"Words\":\"sh -c\"}", &s, NULL), 0);
	assert_int_equal(strv_len(s.words.list), 1);
	assert_string_equal(s.words.list[0], "sh -c");
	jfields_clear(fields, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_type_is_named),
		cmocka_unit_test(a_refused_field_passes_only_when_it_asks_for_nothing),
		cmocka_unit_test(keys_match_without_regard_to_case_as_in_go),
		cmocka_unit_test(null_means_not_given),
		cmocka_unit_test(what_was_read_is_written_back),
		cmocka_unit_test(one_word_may_come_as_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
