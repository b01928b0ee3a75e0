#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "monitor/keys.h"

static struct keys parsed(const char *text)
{
	struct keys k;

	assert_int_equal(keys_parse(text, &k), 0);
	return k;
}

/* Feeds in byte by byte or at once; what came out must be want. */
static void scan(struct keys *k, const char *in, const char *want, bool want_complete, size_t step)
{
	unsigned char out[64 + KEYS_MAX], all[128];
	size_t len = strlen(in), have = 0, n;
	bool complete = false;

	for (size_t i = 0; i < len && !complete; i += step) {
		size_t piece = len - i < step ? len - i : step;

		complete = keys_scan(k, (const unsigned char *)in + i, piece, out, &n);
		memcpy(all + have, out, n);
		have += n;
	}
	assert_int_equal(complete, want_complete);
	assert_int_equal(have, strlen(want));
	assert_memory_equal(all, want, have);
}

static void check(const char *keys, const char *in, const char *want, bool complete)
{
	struct keys k = parsed(keys);

	scan(&k, in, want, complete, 1);
	k = parsed(keys);
	scan(&k, in, want, complete, 64);
}

static void the_default_is_ctrl_p_ctrl_q(void **unused)
{
	(void)unused;
	assert_memory_equal(parsed(NULL).sequence, "\x10\x11", 2);
	assert_memory_equal(parsed("").sequence, "\x10\x11", 2);
}

static void a_list_of_characters_and_ctrl_keys_is_understood(void **unused)
{
	struct keys k = parsed("ctrl-@,ctrl-[,ctrl-_,a,-");

	(void)unused;
	assert_int_equal(k.len, 5);
	assert_memory_equal(k.sequence,
		"\0\x1b\x1f"
		"a-",
		5);
}

static void senseless_lists_are_refused(void **unused)
{
	static const char *const bad[] = { ",", "a,", ",a", "ab", "ctrl-", "ctrl-A", "ctrl-1",
		"ctrl-aa", "shift-a", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" };
	struct keys k;

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keys_parse(bad[i], &k), -EINVAL);
}

static void the_sequence_ends_the_input_and_is_swallowed(void **unused)
{
	(void)unused;
	check(NULL, "ls\n\x10\x11more", "ls\n", true);
	check("x", "abxc", "ab", true);
}

static void a_broken_off_sequence_is_passed_on(void **unused)
{
	(void)unused;
	check(NULL, "a\x10z", "a\x10z", false);
	check(NULL, "\x10\x10\x11", "\x10", true);
	check("a,a,b", "aaab", "a", true);
	check("a,b,a,c", "ababac", "ab", true);
}

static void a_beginning_is_withheld(void **unused)
{
	(void)unused;
	check(NULL, "x\x10", "x", false);
	check("a,b,a,c", "aba", "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_ctrl_p_ctrl_q),
		cmocka_unit_test(a_list_of_characters_and_ctrl_keys_is_understood),
		cmocka_unit_test(senseless_lists_are_refused),
		cmocka_unit_test(the_sequence_ends_the_input_and_is_swallowed),
		cmocka_unit_test(a_broken_off_sequence_is_passed_on),
		cmocka_unit_test(a_beginning_is_withheld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
