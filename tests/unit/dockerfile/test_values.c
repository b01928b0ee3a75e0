/* Ports, modes, and arguments that need no ARG. */
#include "show.h"

static void ports_are_taken_apart(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "80", "80/tcp" }, { "80/udp", "80/udp" }, { "80/TCP", "80/tcp" }, { "80/", "80/tcp" },
		{ "1/sctp", "1/sctp" }, { "65534-65535", "65534/tcp 65535/tcp" }, { "7-7/udp", "7/udp" },
		{ "8080:80", "80/tcp" }, { "127.0.0.1:8080:80/udp", "80/udp" }, { "080", "80/tcp" },
		{ "0", "invalid containerPort: 0" }, { "65536", "invalid containerPort: 65536" },
		{ "x", "invalid containerPort: x" }, { "-1", "invalid containerPort: -1" },
		{ "2-1", "invalid containerPort: 2-1" }, { "1-2-3", "invalid containerPort: 1-2-3" },
		{ "80/icmp", "invalid proto: icmp" }, { "/tcp", "no port specified: /tcp<empty>" },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *word = xstrdup(rows[i].word);
		auto_strv char **ports = NULL;
		auto_buf struct buf out = { 0 };
		struct err err = { 0 };

		if (df_ports((char *[]){ word, NULL }, &ports, &err) < 0)
			buf_adds(&out, err.msg);
		for (char **p = ports; p && *p; p++)
			buf_printf(&out, "%s%s", p == ports ? "" : " ", *p);
		assert_string_equal(out.data, rows[i].want);
	}
}

static void all_ports_can_be_exposed_once(void **unused)
{
	char all[] = "1-65535";
	auto_strv char **ports = NULL;
	struct err err = { 0 };
	char **twice = NULL;

	(void)unused;
	assert_int_equal(df_ports((char *[]){ all, NULL }, &ports, &err), 0);
	assert_string_equal(ports[65534], "65535/tcp");
	assert_true(df_ports((char *[]){ all, all, NULL }, &twice, &err) < 0);
	assert_string_equal(err.msg, "more than 65536 ports");
}

static void modes_are_octal_or_symbolic(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *text;
		unsigned mode;
		bool is_dir;
		unsigned want;
	} rows[] = {
		{ "644", 0777, false, 0644 }, { "0755", 0, false, 0755 }, { "4755", 0, false, 04755 }, { "0", 0777, false, 0 },
		{ "u+x", 0644, false, 0744 }, { "+x", 0644, false, 0755 }, { "a-w", 0666, false, 0444 },
		{ "u=rwx,go=rx", 0, false, 0755 }, { "u=rwX,go=rX", 0600, false, 0644 }, { "u=rwX,go=rX", 0700, false, 0755 },
		{ "u=rwX,go=rX", 0600, true, 0755 }, { "go=", 0777, false, 0700 }, { "g=u", 0700, false, 0770 },
		{ "o=g-w", 0664, false, 0664 }, { "u+s", 0755, false, 04755 }, { "g+s,+t", 0755, true, 03755 },
		{ "ug+rw-x", 0111, false, 0661 },
	};
	static const char *const bad[] = { "", "8", "77777", "x", "u", "u+y", "u+x,", "+x g", "-1", "0x1", "u~x" };
	/* clang-format on */
	unsigned mode;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			df_chmod(rows[i].text, rows[i].mode, rows[i].is_dir, &mode, NULL), 0);
		if (mode != rows[i].want)
			fail_msg("%s of %o => %o", rows[i].text, rows[i].mode, mode);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		if (df_chmod(bad[i], 0, false, &mode, &err) == 0)
			fail_msg("%s passed", bad[i]);
		assert_non_null(
			strstr(err.msg, "it should be octal string and between 0 and 07777"));
	}
}

static void proxies_need_no_arg(void **unused)
{
	(void)unused;
	assert_true(df_arg_is_proxy("HTTP_PROXY", 10));
	assert_true(df_arg_is_proxy("no_proxy", 8));
	assert_false(df_arg_is_proxy("Http_Proxy", 10));
	assert_false(df_arg_is_proxy("HTTP_PROXY", 4));
	assert_false(df_arg_is_proxy("X", 1));
}

static void a_platform_is_eight_arguments(void **unused)
{
	static const char *const want[] = { "BUILDPLATFORM=linux/amd64", "BUILDOS=linux",
		"BUILDARCH=amd64", "BUILDVARIANT=", "TARGETPLATFORM=linux/arm/v7", "TARGETOS=linux",
		"TARGETARCH=arm", "TARGETVARIANT=v7" };
	auto_strv char **args = df_platform_args("linux/amd64", "linux/arm/v7");

	(void)unused;
	assert_int_equal(strv_len(args), ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(strv_has(args, want[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_taken_apart),
		cmocka_unit_test(all_ports_can_be_exposed_once),
		cmocka_unit_test(modes_are_octal_or_symbolic),
		cmocka_unit_test(proxies_need_no_arg),
		cmocka_unit_test(a_platform_is_eight_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
