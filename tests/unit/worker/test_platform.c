/* Which images run on which machine. */
#include "../unit.h"

#include "base/alloc.h"
#include "worker/platform.h"

static void platforms_are_read_as_people_write_them(void **unused)
{
	static const struct {
		const char *text, *is;
	} cases[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "linux/x86_64", "linux/amd64" },
		{ "aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64/v8" },
		{ "linux/armhf", "linux/arm/v7" },
		{ "linux/arm/v6", "linux/arm/v6" },
		{ "riscv64", "linux/riscv64" },
	};
	struct platform p;
	struct err err;
	char text[PLATFORM_TEXT], host[PLATFORM_TEXT];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(platform_read(cases[i].text, &p, &err), 0);
		assert_string_equal(platform_text(&p, text), cases[i].is);
	}
	platform_host(&p);
	(void)platform_text(&p, host);
	assert_int_equal(platform_read("", &p, &err), 0);
	assert_string_equal(platform_text(&p, text), host);
	assert_int_equal(platform_read("linux", &p, &err), 0);
	assert_string_equal(platform_text(&p, text), host);
}

static void what_is_no_platform_is_refused(void **unused)
{
	static const char *const bad[] = { "windows/amd64", "a/b/c/d", "linux/", "/amd64",
		"LINUX/amd64", "linux/amd64 ",
		"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL };
	struct platform p;
	struct err err;

	(void)unused;
	for (size_t i = 0; bad[i]; i++)
		if (platform_read(bad[i], &p, &err) == 0)
			fail_msg("%s passes", bad[i]);
}

static int match(const char *want, const char *have)
{
	struct platform w, h;

	assert_int_equal(platform_read(want, &w, NULL), 0);
	assert_int_equal(platform_read(have, &h, NULL), 0);
	return platform_match(&w, &h);
}

static void a_newer_variant_runs_what_is_older(void **unused)
{
	(void)unused;
	assert_true(match("linux/arm", "linux/arm/v7") > match("linux/arm", "linux/arm/v6"));
	assert_true(match("linux/arm/v6", "linux/arm/v5") > 0);
	assert_int_equal(match("linux/arm/v6", "linux/arm/v7"), 0);
	assert_true(match("linux/arm64/v8", "linux/arm64") > 0);
	assert_true(match("linux/arm64", "linux/arm64/v8") > 0);
	assert_true(match("linux/amd64", "linux/amd64/v1") > 0);
	assert_int_equal(match("linux/amd64", "linux/amd64/v3"), 0);
	assert_int_equal(match("linux/amd64", "linux/arm64"), 0);
	assert_true(match("linux/ppc64le", "linux/ppc64le") > 0);
	assert_true(match("linux/mips/softfloat", "linux/mips/softfloat") > 0);
	assert_int_equal(match("linux/mips/softfloat", "linux/mips/hardfloat"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms_are_read_as_people_write_them),
		cmocka_unit_test(what_is_no_platform_is_refused),
		cmocka_unit_test(a_newer_variant_runs_what_is_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
