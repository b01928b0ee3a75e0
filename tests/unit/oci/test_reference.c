#include "../unit.h"

#include "base/alloc.h"
#include "oci/reference.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void references_are_completed_as_docker_does(void **unused)
{
	static const struct {
		const char *text, *repository, *tag, *digest, *familiar;
	} rows[] = {
		{ "busybox", "docker.io/library/busybox", "latest", NULL, "busybox" },
		{ "busybox:1.36", "docker.io/library/busybox", "1.36", NULL, "busybox" },
		{ "library/busybox", "docker.io/library/busybox", "latest", NULL, "busybox" },
		{ "docker.io/busybox", "docker.io/library/busybox", "latest", NULL, "busybox" },
		{ "index.docker.io/busybox", "docker.io/library/busybox", "latest", NULL,
			"busybox" },
		{ "me/tool:v1", "docker.io/me/tool", "v1", NULL, "me/tool" },
		{ "localhost/x", "localhost/x", "latest", NULL, "localhost/x" },
		{ "localhost:5000/x:y", "localhost:5000/x", "y", NULL, "localhost:5000/x" },
		{ "localhost:5000", "docker.io/library/localhost", "5000", NULL, "localhost" },
		{ "quay.io/a/b/c", "quay.io/a/b/c", "latest", NULL, "quay.io/a/b/c" },
		{ "Reg/x", "Reg/x", "latest", NULL, "Reg/x" },
		{ "[::1]:5000/x", "[::1]:5000/x", "latest", NULL, "[::1]:5000/x" },
		{ "a__b/c-d.e--f", "docker.io/a__b/c-d.e--f", "latest", NULL, "a__b/c-d.e--f" },
		{ "busybox@" DIGEST, "docker.io/library/busybox", NULL, DIGEST, "busybox" },
		{ "busybox:1@" DIGEST, "docker.io/library/busybox", "1", DIGEST, "busybox" },
		{ "x:_tag.-9", "docker.io/library/x", "_tag.-9", NULL, "x" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_ref struct image_ref r = { 0 };
		struct err err;

		assert_int_equal(image_ref_parse(rows[i].text, &r, &err), 0);
		assert_string_equal(r.repository, rows[i].repository);
		assert_string_equal(r.tag ? r.tag : "-", rows[i].tag ? rows[i].tag : "-");
		assert_string_equal(
			r.digest ? r.digest : "-", rows[i].digest ? rows[i].digest : "-");
		assert_string_equal(r.familiar, rows[i].familiar);
	}
}

static void what_is_no_reference_is_refused(void **unused)
{
	static const char *const rows[] = { "", ":", ":tag", ("@" DIGEST), "/x", "x/", "a//b",
		"a b", "x:", "x:.tag", "x:-tag", "x:a:b", "x@sha256:12",
		"x@md5:0123456789abcdef0123456789abcdef", "-x", "x-", ".x", "x..y", "x___y", "x._y",
		"ex_ample.com/x", "-a.com/x", "a.com:/x", "a.com:x/y", "x\n", "x:tag\n",
		"http://x/y", "x?y", "../x", "x/../y", "[::g]/x" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct image_ref r = { 0 };
		struct err err = { 0 };

		if (image_ref_parse(rows[i], &r, &err) == 0)
			fail_msg("\"%s\" passed", rows[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.msg, "invalid reference format");
	}
}

static void upper_case_and_bare_ids_have_messages_of_their_own(void **unused)
{
	struct image_ref r = { 0 };
	struct err err;

	(void)unused;
	assert_true(image_ref_parse("Busybox", &r, &err) < 0);
	assert_string_equal(err.msg,
		"invalid reference format: repository name (library/Busybox) must be lowercase");
	assert_true(image_ref_parse(&DIGEST[strlen("sha256:")], &r, &err) < 0);
	assert_non_null(strstr(err.msg, "cannot specify 64-byte hexadecimal strings"));
}

static void a_name_ends_at_255_and_a_tag_at_128_characters(void **unused)
{
	auto_ref struct image_ref r = { 0 };
	char text[400] = "x:";
	struct err err;

	(void)unused;
	memset(text + 2, 'a', 128);
	assert_int_equal(image_ref_parse(text, &r, &err), 0);
	text[130] = 'a';
	assert_true(image_ref_parse(text, &r, &err) < 0);
	memset(text, 'a', 300);
	text[300] = '\0';
	assert_true(image_ref_parse(text, &r, &err) < 0);
	assert_non_null(strstr(err.msg, "must not be more than 255"));
}

static void a_tag_beside_the_repository_wins(void **unused)
{
	auto_ref struct image_ref r = { 0 };
	struct image_ref bad = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(image_ref_make("x:1", "2", &r, &err), 0);
	assert_string_equal(r.tag, "2");
	assert_true(image_ref_make("x", "..", &bad, &err) < 0);
	assert_true(image_ref_make("x@" DIGEST, "", &bad, &err) < 0);
}

static void a_repository_alone_says_not_which_image(void **unused)
{
	(void)unused;
	assert_false(image_ref_complete("x"));
	assert_false(image_ref_complete("h:5000/x/y"));
	assert_true(image_ref_complete("h:5000/x/y:1"));
	assert_true(image_ref_complete("x@" DIGEST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_completed_as_docker_does),
		cmocka_unit_test(what_is_no_reference_is_refused),
		cmocka_unit_test(upper_case_and_bare_ids_have_messages_of_their_own),
		cmocka_unit_test(a_name_ends_at_255_and_a_tag_at_128_characters),
		cmocka_unit_test(a_tag_beside_the_repository_wins),
		cmocka_unit_test(a_repository_alone_says_not_which_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
