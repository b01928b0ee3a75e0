#include "../unit.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "oci/settings.h"

#define FILE_NAME "/home/me/.config/dayfly/config"

static int parse(const char *text, struct settings *ret, struct err *err)
{
	return settings_parse(text, strlen(text), FILE_NAME, ret, err);
}

static void refused(const char *text, const char *message)
{
	auto_settings struct settings s = { 0 };
	struct err err = { 0 };

	assert_true(parse(text, &s, &err) < 0);
	assert_string_equal(err.msg, message);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_null(s.insecure_nets);
}

static void nothing_said_means_the_loopback_is_insecure(void **state)
{
	auto_settings struct settings s = { 0 };

	(void)state;
	assert_int_equal(parse(" \n", &s, NULL), 0);
	assert_null(s.mirrors);
	assert_true(settings_insecure(&s, "localhost"));
	assert_true(settings_insecure(&s, "localhost:5000"));
	assert_true(settings_insecure(&s, "127.0.0.1:5000"));
	assert_true(settings_insecure(&s, "127.255.0.9"));
	assert_true(settings_insecure(&s, "[::1]:5000"));
	assert_false(settings_insecure(&s, "128.0.0.1"));
	assert_false(settings_insecure(&s, "[::2]"));
	assert_false(settings_insecure(&s, "10.0.0.1:5000"));
}

static void hosts_are_insecure_as_they_are_written_and_networks_as_a_whole(void **state)
{
	auto_settings struct settings s = { 0 };

	(void)state;
	assert_int_equal(parse("{\"insecure-registries\":[\"reg.invalid:5000\",\"10.16.0.0/12\","
			       "\"fd00:1::/33\"]}",
				 &s, NULL),
		0);
	assert_true(settings_insecure(&s, "reg.invalid:5000"));
	assert_false(settings_insecure(&s, "reg.invalid:5001"));
	assert_false(settings_insecure(&s, "reg.invalid"));
	assert_true(settings_insecure(&s, "10.31.255.255"));
	assert_false(settings_insecure(&s, "10.32.0.0"));
	assert_true(settings_insecure(&s, "[fd00:1:7fff::1]"));
	assert_false(settings_insecure(&s, "[fd00:1:8000::1]"));
	assert_true(settings_insecure(&s, "127.0.0.1"));
}

static void mirrors_are_kept_with_one_slash(void **state)
{
	auto_settings struct settings s = { 0 };

	(void)state;
	assert_int_equal(parse("{\"registry-mirrors\":[\"http://m:5000\",\"https://m.example/\"]}",
				 &s, NULL),
		0);
	assert_int_equal(strv_len(s.mirrors), 2);
	assert_string_equal(s.mirrors[0], "http://m:5000/");
	assert_string_equal(s.mirrors[1], "https://m.example/");
}

static void what_is_wrong_is_named_with_its_key_and_the_file(void **state)
{
	(void)state;
	refused("{\"log-driver\":\"none\"}", FILE_NAME ": unknown key \"log-driver\"");
	refused("{\"proxies\":{\"ftp-proxy\":\"x\"}}",
		FILE_NAME ": proxies: unknown key \"ftp-proxy\"");
	refused("{\"proxies\":[]}", FILE_NAME ": proxies: an object is wanted");
	refused("{\"proxies\":{\"no-proxy\":1}}",
		FILE_NAME ": proxies: no-proxy: a string of at most 2048 characters is wanted");
	refused("{\"insecure-registries\":\"reg\"}",
		FILE_NAME ": insecure-registries: a list of strings is wanted");
	refused("{\"insecure-registries\":[null]}",
		FILE_NAME ": insecure-registries: a list of strings is wanted");
	refused("{\"insecure-registries\":[\"http://reg\"]}",
		FILE_NAME ": insecure-registries: \"http://reg\": a host is wanted, not a URL");
	refused("{\"insecure-registries\":[\"10.0.0.0/33\"]}",
		FILE_NAME
		": insecure-registries: \"10.0.0.0/33\": neither a host nor ADDRESS/BITS");
	refused("{\"insecure-registries\":[\"a b\"]}",
		FILE_NAME ": insecure-registries: \"a b\": not HOST or HOST:PORT");
	refused("{\"registry-mirrors\":[\"m:5000\"]}",
		FILE_NAME ": registry-mirrors: \"m:5000\": a URL that begins with http:// or "
			  "https:// is wanted");
	refused("{\"registry-mirrors\":[\"https://m/v2/\"]}",
		FILE_NAME
		": registry-mirrors: \"https://m/v2/\": no path, query or fragment can be "
		"given here");
	refused("{\"registry-mirrors\":[\"https://u:p@m\"]}",
		FILE_NAME ": registry-mirrors: \"https://u:p@m\": no user name or password can be "
			  "given here");
}

static void what_is_no_json_object_is_refused_with_the_files_name(void **state)
{
	static const char *const texts[] = { "{", "[]", "{} {}", "{'a':1}", "null", "\xff" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_settings struct settings s = { 0 };
		struct err err = { 0 };

		assert_true(parse(texts[i], &s, &err) < 0);
		assert_true(str_starts(err.msg, FILE_NAME ": "));
	}
}

/* A home of the test's own. */
static int set_up(void **state)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	*f = make_folder();
	*state = f;
	assert_int_equal(dir_make_at(f->fd, "dayfly", 0700), 0);
	return setenv("XDG_CONFIG_HOME", f->path, 1);
}

static int tear_down(void **state)
{
	drop_folder(*state);
	free(*state);
	return 0;
}

static void proxies_are_those_of_the_file_else_those_of_the_environment(void **state)
{
	struct folder *f = *state;
	auto_settings struct settings s = { 0 };
	auto_free char *no_proxy = NULL;

	put_file(f->fd, "dayfly/config",
		"{\"proxies\":{\"http-proxy\":\"http://a:1\",\"no-proxy\":\".lan\"}}");
	assert_int_equal(setenv("HTTP_PROXY", "http://b:1", 1), 0);
	assert_int_equal(setenv("https_proxy", "http://c:1", 1), 0);
	assert_int_equal(settings_read(&s, NULL), 0);
	assert_string_equal(s.http_proxy, "http://a:1");
	assert_string_equal(s.https_proxy, "http://c:1");
	no_proxy = settings_no_proxy(&s);
	assert_string_equal(no_proxy, "localhost,127.0.0.0/8,::1,.lan");
}

static void the_file_may_be_a_link_and_may_be_missing_but_not_large(void **state)
{
	struct folder *f = *state;
	auto_settings struct settings s = { 0 }, none = { 0 };
	auto_free char *large = xcalloc(1, SETTINGS_MAX + 2);
	struct err err = { 0 };

	assert_int_equal(settings_read(&none, NULL), 0);
	assert_null(none.mirrors);
	put_file(f->fd, "elsewhere", "{\"registry-mirrors\":[\"http://m\"]}");
	assert_int_equal(symlinkat("../elsewhere", f->fd, "dayfly/config"), 0);
	assert_int_equal(settings_read(&s, NULL), 0);
	assert_int_equal(strv_len(s.mirrors), 1);
	(void)memset(large, ' ', SETTINGS_MAX + 1);
	put_file(f->fd, "elsewhere", large);
	assert_true(settings_read(&s, &err) < 0);
	assert_non_null(strstr(err.msg, "/dayfly/config: File too large"));
}

static void what_waits_for_a_writer_holds_nobody_up(void **state)
{
	struct folder *f = *state;
	auto_settings struct settings s = { 0 };

	assert_int_equal(mkfifoat(f->fd, "dayfly/config", 0600), 0);
	assert_int_equal(settings_read(&s, NULL), 0);
}

static void people_do_not_see_a_proxys_password(void **state)
{
	static const char *const pairs[][2] = {
		{ "http://me:secret@proxy:3128/", "http://xxxxx:xxxxx@proxy:3128/" },
		{ "http://p@ss:w@proxy", "http://xxxxx:xxxxx@proxy" },
		{ "me:secret@proxy", "xxxxx:xxxxx@proxy" },
		{ "http://proxy/@", "http://proxy/@" },
		{ "proxy:3128", "proxy:3128" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		auto_free char *shown = proxy_masked(pairs[i][0]);

		assert_string_equal(shown, pairs[i][1]);
	}
}

static void certificates_are_found_by_host_and_port(void **state)
{
	struct folder *f = *state;
	auto_settings struct settings s = { .folder = xasprintf("%s/dayfly", f->path) };
	auto_certs struct certs c = { 0 }, other = { 0 };

	assert_int_equal(dir_make_at(f->fd, "dayfly/certs.d/reg:5000", 0700), 0);
	put_file(f->fd, "dayfly/certs.d/reg:5000/a.crt", "AAA");
	put_file(f->fd, "dayfly/certs.d/reg:5000/b.crt", "BBB");
	put_file(f->fd, "dayfly/certs.d/reg:5000/me.cert", "");
	put_file(f->fd, "dayfly/certs.d/reg:5000/me.key", "");
	assert_int_equal(settings_certs(&s, "reg:5000", &c, NULL), 0);
	assert_string_equal(c.authorities, "AAA\nBBB\n");
	assert_true(str_ends(c.cert, "/certs.d/reg:5000/me.cert"));
	assert_true(str_ends(c.key, "/certs.d/reg:5000/me.key"));
	assert_int_equal(settings_certs(&s, "reg", &other, NULL), 0);
	assert_null(other.authorities);
	assert_int_equal(settings_certs(&s, "../certs.d/reg:5000", &other, NULL), 0);
	assert_null(other.authorities);
}

static void half_a_pair_of_certificate_and_key_is_named(void **state)
{
	struct folder *f = *state;
	auto_settings struct settings s = { .folder = xasprintf("%s/dayfly", f->path) };
	auto_certs struct certs c = { 0 };
	struct err err = { 0 };

	assert_int_equal(dir_make_at(f->fd, "dayfly/certs.d/reg", 0700), 0);
	put_file(f->fd, "dayfly/certs.d/reg/me.key", "");
	assert_true(settings_certs(&s, "reg", &c, &err) < 0);
	assert_true(str_starts(err.msg, "missing client certificate me.cert for key me.key in "));
	put_file(f->fd, "dayfly/certs.d/reg/me.cert", "");
	put_file(f->fd, "dayfly/certs.d/reg/ca.cert", "");
	assert_true(settings_certs(&s, "reg", &c, &err) < 0);
	assert_true(str_starts(err.msg, "missing key ca.key for client certificate ca.cert in "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_means_the_loopback_is_insecure),
		cmocka_unit_test(hosts_are_insecure_as_they_are_written_and_networks_as_a_whole),
		cmocka_unit_test(mirrors_are_kept_with_one_slash),
		cmocka_unit_test(what_is_wrong_is_named_with_its_key_and_the_file),
		cmocka_unit_test(what_is_no_json_object_is_refused_with_the_files_name),
		cmocka_unit_test(people_do_not_see_a_proxys_password),
		cmocka_unit_test_setup_teardown(
			proxies_are_those_of_the_file_else_those_of_the_environment, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			the_file_may_be_a_link_and_may_be_missing_but_not_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_waits_for_a_writer_holds_nobody_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			certificates_are_found_by_host_and_port, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			half_a_pair_of_certificate_and_key_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
