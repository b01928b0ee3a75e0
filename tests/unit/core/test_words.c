/* The small vocabularies: names, signals, detach keys, capabilities. */
#include "../unit.h"
#include "base/alloc.h"
#include "core/caps.h"
#include "core/detach_keys.h"
#include "core/names.h"
#include "core/signals.h"

static void a_name_has_two_characters_and_starts_well(void **unused)
{
	static const char *const good[] = { "ab", "a1", "0_", "A.b-c_d", "a.." };
	static const char *const bad[] = { "", "a", ".a", "_a", "-a", "a/b", "a b", "/ab", "ä",
		"a\n" };
	auto_free char *longest = xmalloc(300);

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(name_valid(bad[i]));
	memset(longest, 'a', 299);
	longest[299] = '\0';
	assert_false(name_valid(longest)); /* no file could be called so */
}

static void signals_are_read_as_people_write_them(void **unused)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = { { "9", 9 }, { "KILL", 9 }, { "SIGKILL", 9 }, { "sigkill", 9 }, { "Term", 15 },
		{ "USR1", 10 }, { "RTMIN", 34 }, { "SIGRTMIN+3", 37 }, { "rtmax-1", 63 },
		{ "64", 64 }, { "", 0 }, { "0", 0 }, { "65", 0 }, { "-9", 0 }, { "SIG", 0 },
		{ "RTMIN+31", 0 }, { "RTMIN-1", 0 }, { "KILLX", 0 } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		int n = 0;

		(void)signal_parse(cases[i].text, &n, &err);
		assert_int_equal(n, cases[i].number);
		assert_int_equal(n == 0, err.msg[0] != '\0');
	}
}

static void detach_keys_are_characters_or_ctrl_and_one(void **unused)
{
	static const char *const good[] = { "", "a", "ctrl-a", "ctrl-p,ctrl-q", "ctrl-@", "ctrl-_",
		"x,y" };
	static const char *const bad[] = { "ab", "ctrl-", "ctrl-A", "ctrl-ab", ",", "a,",
		"ctrl-1" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(detach_keys_check(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(detach_keys_check(bad[i], NULL), -EINVAL);
}

static uint64_t caps(const char *add, const char *drop)
{
	auto_strv char **a = *add ? strv_split(add, ',') : NULL;
	auto_strv char **d = *drop ? strv_split(drop, ',') : NULL;

	assert_int_equal(caps_normalise(a, "CapAdd", NULL), 0);
	assert_int_equal(caps_normalise(d, "CapDrop", NULL), 0);
	return caps_effective(a, d, false);
}

static void capabilities_are_added_and_dropped_as_in_docker(void **unused)
{
	const uint64_t chown = 1, net_admin = 1 << 12;

	(void)unused;
	assert_true(caps("", "") == CAPS_DEFAULT);
	assert_true(caps("NET_ADMIN", "") == (CAPS_DEFAULT | net_admin));
	assert_true(caps("cap_net_admin", "chown") == ((CAPS_DEFAULT | net_admin) & ~chown));
	assert_true(caps("", "ALL") == 0);
	assert_true(caps("chown", "all") == chown);
	assert_true(caps("ALL", "") == caps_all());
	assert_true(caps("ALL", "CHOWN") == (caps_all() & ~chown));
	assert_true(caps_effective(NULL, NULL, true) == caps_all());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_two_characters_and_starts_well),
		cmocka_unit_test(signals_are_read_as_people_write_them),
		cmocka_unit_test(detach_keys_are_characters_or_ctrl_and_one),
		cmocka_unit_test(capabilities_are_added_and_dropped_as_in_docker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
