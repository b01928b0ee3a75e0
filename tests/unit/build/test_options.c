/* What POST /build may ask for, and what is told of what it may not. */
#include "../unit.h"

#include "base/alloc.h"
#include "build/git.h"
#include "build/options.h"

static int read_words(
	const char *const *words, const char *args, struct options *ret, struct err *err)
{
	const struct work w = { .words = words };

	return options_read(&w, args, ret, err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void what_is_missing_has_dockers_defaults(void **unused)
{
	struct options o;
	struct err err;

	(void)unused;
	assert_int_equal(read_words(WORDS(), "", &o, &err), 0);
	assert_string_equal(o.dockerfile, "Dockerfile");
	assert_false(o.keep || o.quiet || o.no_cache || o.pull || o.has_epoch);
	assert_null(o.names);
	assert_null(strstr(o.host_config, "Memory"));
	options_clear(&o);
	assert_int_equal(read_words(WORDS("rm=0"), "null", &o, &err), 0);
	assert_true(o.keep);
	options_clear(&o);
	assert_int_equal(read_words(WORDS("rm=0", "forcerm=1"), "{}", &o, &err), 0);
	assert_false(o.keep);
	options_clear(&o);
}

static void names_are_completed_and_shown_as_typed(void **unused)
{
	struct options o;
	struct err err;

	(void)unused;
	assert_int_equal(read_words(WORDS("t=a", "t=", "t=b/c:1"), "", &o, &err), 0);
	assert_string_equal(o.names[0], "docker.io/library/a:latest");
	assert_string_equal(o.shown[0], "a:latest");
	assert_string_equal(o.names[1], "docker.io/b/c:1");
	assert_null(o.names[2]);
	options_clear(&o);
}

static void build_arguments_may_be_missing_but_are_strings(void **unused)
{
	struct options o;
	struct err err;

	(void)unused;
	assert_int_equal(read_words(WORDS(), "{\"A\":\"1\",\"B\":null,\"SOURCE_DATE_EPOCH\":\"7\"}",
				 &o, &err),
		0);
	assert_string_equal(options_build_arg(&o, "AX", 1), "1");
	assert_null(options_build_arg(&o, "B", 1));
	assert_true(o.has_epoch && o.epoch == INT64_C(7000000000));
	options_clear(&o);
}

static void limits_that_need_no_cgroup_are_a_containers(void **unused)
{
	struct options o;
	struct err err;

	(void)unused;
	assert_int_equal(read_words(WORDS("shmsize=1048576", "extrahosts=a:1.2.3.4",
					    "ulimits=[{\"Name\":\"nofile\",\"Soft\":7,\"Hard\":8}]",
					    "networkmode=none"),
				 "", &o, &err),
		0);
	assert_non_null(strstr(o.host_config, "\"ShmSize\":1048576"));
	assert_non_null(strstr(o.host_config, "\"ExtraHosts\":[\"a:1.2.3.4\"]"));
	assert_non_null(strstr(o.host_config, "\"Hard\":8"));
	options_clear(&o);
}

static void what_is_wrong_is_named(void **unused)
{
	static const struct {
		const char *word, *args, *part;
	} rows[] = {
		{ "t=UPPER", "", "must be lowercase" },
		{ "t=a@sha256:0123456789012345678901234567890123456789012345678901234567890123", "",
			"digest reference" },
		{ "q=1", "[", "buildargs" },
		{ "q=1", "{\"A\":1}", "A is not a string" },
		{ "q=1", "{\"SOURCE_DATE_EPOCH\":\"-1\"}", "invalid SOURCE_DATE_EPOCH: -1" },
		{ "labels={\"A\":{}}", "", "labels: A is not a string" },
		{ "memory=x", "", "invalid memory: x" },
		{ "memory=99999999999999999999", "", "invalid memory" },
		{ "ulimits={}", "", "ulimits" },
		{ "ulimits=[{\"Name\":\"none\"}]", "", "none" },
		{ "extrahosts=a", "", "a" },
		{ "version=2", "", "DOCKER_BUILDKIT=0" },
		{ "outputs=[{\"Type\":\"local\"}]", "", "BuildKit" },
		{ "squash=1", "", "squash is not supported" },
		{ "remote=file:///etc", "", "remote=file:///etc is not supported" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options o;
		struct err err = { 0 };

		if (read_words(WORDS(rows[i].word), rows[i].args, &o, &err) == 0)
			fail_msg("%s %s passes", rows[i].word, rows[i].args);
		if (!strstr(err.msg, rows[i].part))
			fail_msg("%s %s: %s", rows[i].word, rows[i].args, err.msg);
	}
}

static void a_git_url_is_known_by_its_form(void **unused)
{
	static const char *const yes[] = { "git@host:a/b", "git://h/x", "ssh://h/x",
		"github.com/a/b", "https://h/x.git", "http://h/x.git#main:dir" };
	static const char *const no[] = { "https://h/x", "https://h/x.gitx", "file:///x.git",
		"ext::sh -c x.git", "-u.git", "x.git", "" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(git_is_url(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(git_is_url(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_has_dockers_defaults),
		cmocka_unit_test(names_are_completed_and_shown_as_typed),
		cmocka_unit_test(build_arguments_may_be_missing_but_are_strings),
		cmocka_unit_test(limits_that_need_no_cgroup_are_a_containers),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_git_url_is_known_by_its_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
