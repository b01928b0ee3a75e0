/* Variables, quotes and escapes in words. */
#include "show.h"

struct row {
	const char *word, *want;
};

static const char *lookup(void *arg, const char *name, size_t len)
{
	static const char *const values[] = { "A=", "B=b", "C=a b  c", "D=/usr/lib/x.tar.gz",
		"E=\303\251t", "P=/usr", "S=*b*c", "T=cache", "PATH_X9=deep" };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (len && strncmp(values[i], name, len) == 0 && values[i][len] == '=')
			return values[i] + len + 1;
	return NULL;
}

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		auto_free char *have = NULL;
		struct err err = { 0 };

		if (df_expand_word(rows[i].word, '\\', lookup, NULL, &have, &err) < 0)
			fail_msg("%s: %s", rows[i].word, err.msg);
		if (!str_eq(have, rows[i].want))
			fail_msg("%s => %s, not %s", rows[i].word, have, rows[i].want);
	}
}

/* clang-format off */
static void names_are_replaced(void **unused)
{
	static const struct row rows[] = {
		{ "$B", "b" },
		{ "${B}", "b" },
		{ "x$B/y", "xb/y" },
		{ "$BB|", "|" },
		{ "${B}B", "bB" },
		{ "$NO|", "|" },
		{ "${NO}|", "|" },
		{ "$$|", "|" },
		{ "$", "$" },
		{ "a$", "a$" },
		{ "$ B", "$ B" },
		{ "$.", "$." },
		{ "$1$12x", "x" },
		{ "$@$*$#", "" },
		{ "$PATH_X9", "deep" },
		{ "$C", "a b  c" },
		{ "\303\251$B", "\303\251b" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void quotes_and_escapes_go(void **unused)
{
	static const struct row rows[] = {
		{ "'$B'", "$B" },
		{ "\"$B\"", "b" },
		{ "\\$B", "$B" },
		{ "\\\\$B", "\\b" },
		{ "a\\ b", "a b" },
		{ "\"a \\\" b\"", "a \" b" },
		{ "\"\\$B\"", "$B" },
		{ "\"\\x\"", "\\x" },
		{ "\"\\\\\"", "\\" },
		{ "'a\\'", "a\\" },
		{ "a\\", "a" },
		{ "\"it's\"", "it's" },
		{ "'\"'", "\"" },
		{ "\"\"", "" },
		{ "\\'", "'" },
		{ "\"'$B'\"", "'b'" },
		{ "a'b'\"c\"d", "abcd" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void defaults_stand_in(void **unused)
{
	static const struct row rows[] = {
		{ "${A:-x}", "x" },
		{ "${A-x}", "" },
		{ "${B:-x}", "b" },
		{ "${NO:-x}", "x" },
		{ "${NO-x}", "x" },
		{ "${NO:-$B}", "b" },
		{ "${NO:-${B}c}", "bc" },
		{ "${NO:-'$B'}", "$B" },
		{ "${NO:-\"a b\"}", "a b" },
		{ "${NO:-}", "" },
		{ "${NO:-\\}}", "}" },
		{ "${NO:-a:b/c}", "a:b/c" },
		{ "${NO:-${NO:-${NO:-d}}}", "d" },
		{ "${A:+x}", "" },
		{ "${A+x}", "x" },
		{ "${B:+x}", "x" },
		{ "${NO:+x}", "" },
		{ "${NO+x}", "" },
		{ "${B:+$C}", "a b  c" },
		{ "${B:?no}", "b" },
		{ "${A?no}", "" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void affixes_are_trimmed(void **unused)
{
	static const struct row rows[] = {
		{ "${D#*/}", "usr/lib/x.tar.gz" },
		{ "${D##*/}", "x.tar.gz" },
		{ "${D%.*}", "/usr/lib/x.tar" },
		{ "${D%%.*}", "/usr/lib/x" },
		{ "${D#/usr}", "/lib/x.tar.gz" },
		{ "${D#usr}", "/usr/lib/x.tar.gz" },
		{ "${D%.gz}", "/usr/lib/x.tar" },
		{ "${D%/*}", "/usr/lib" },
		{ "${D##*}", "" },
		{ "${D#*}", "/usr/lib/x.tar.gz" },
		{ "${D%%*}", "" },
		{ "${D#?}", "usr/lib/x.tar.gz" },
		{ "${D%?\?}", "/usr/lib/x.tar." },
		{ "${S#\\*}", "b*c" },
		{ "${S%\\*c}", "*b" },
		{ "${D#${P}}", "/lib/x.tar.gz" },
		{ "${NO#x}", "" },
		{ "${E#?}", "t" },
		{ "${E%t}", "\303\251" },
		{ "${D##*b*}", "" },
		{ "${D%t*r*}", "/usr/lib/x." },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void matches_are_replaced(void **unused)
{
	static const struct row rows[] = {
		{ "${D/\\//-}", "-usr/lib/x.tar.gz" },
		{ "${D//\\//-}", "-usr-lib-x.tar.gz" },
		{ "${D/lib/}", "/usr//x.tar.gz" },
		{ "${D//?i?/x}", "/usr/x/x.tar.gz" },
		{ "${D/r*./R}", "/usRgz" },
		{ "${D/zz/y}", "/usr/lib/x.tar.gz" },
		{ "${D//*/y}", "y" },
		{ "${B/b/$C}", "a b  c" },
		{ "${B//b/\\}}", "}" },
		{ "${A/*/y}", "y" },
		{ "${A/x/y}", "" },
		{ "${D///x}", "/usr/lib/x.tar.gz" },
		{ "${S//\\*/+}", "+b+c" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static const struct row wrong[] = {
	{ "${B",
	  "failed to process \"${B\": syntax error: missing '}'" },
	{ "${",
	  "failed to process \"${\": syntax error: missing '}'" },
	{ "${}",
	  "failed to process \"${}\": syntax error: bad substitution" },
	{ "${:x}",
	  "failed to process \"${:x}\": syntax error: bad substitution" },
	{ "${{B}",
	  "failed to process \"${{B}\": syntax error: bad substitution" },
	{ "${B!x}",
	  "failed to process \"${B!x}\": unsupported modifier (!) in substitution" },
	{ "${B:=x}",
	  "failed to process \"${B:=x}\": unsupported modifier (:=) in substitution" },
	{ "${B:",
	  "failed to process \"${B:\": syntax error: missing '}'" },
	{ "${NO:-x",
	  "failed to process \"${NO:-x\": syntax error: missing '}'" },
	{ "${B/x}",
	  "failed to process \"${B/x}\": syntax error: missing '/' in ${}" },
	{ "${B/x/y",
	  "failed to process \"${B/x/y\": syntax error: missing '}'" },
	{ "${B#\\x}",
	  "failed to process \"${B#\\x}\": invalid pattern (\\x) in substitution: invalid escape" },
	{ "'a",
	  "failed to process \"'a\": unexpected end of statement while looking for matching single-quote" },
	{ "\"a",
	  "failed to process \"\"a\": unexpected end of statement while looking for matching double-quote" },
	{ "\"a\\",
	  "failed to process \"\"a\\\": unexpected end of statement while looking for matching double-quote" },
	{ "${NO?}",
	  "failed to process \"${NO?}\": NO: is not allowed to be unset" },
	{ "${A:?}",
	  "failed to process \"${A:?}\": A: is not allowed to be empty" },
	{ "${NO:?give $B}",
	  "failed to process \"${NO:?give $B}\": NO: give b" },
};

static const struct row instructions[] = {
	{ "ENV A=$B B=2 C=$B",
	  "1 ENV {A|b} {B|2} {C|b}" },
	{ "ENV old $B 'x  y' \"z\"",
	  "1 ENV {old|b x  y z}" },
	{ "ENV $P='a b'",
	  "1 ENV {/usr|a b}" },
	{ "LABEL \"a b\"=\"$B\" c='$B'",
	  "1 LABEL {a b|b} {c|$B}" },
	{ "ARG A=${B}1 B",
	  "1 ARG {A|b1} {B}" },
	{ "WORKDIR $P/\"x\"",
	  "1 WORKDIR </usr/x>" },
	{ "USER ${NO:-me}:$B",
	  "1 USER <me:b>" },
	{ "STOPSIGNAL $B",
	  "1 STOPSIGNAL <b>" },
	{ "VOLUME $P /x",
	  "1 VOLUME </usr> </x>" },
	{ "VOLUME [\"$P\"]",
	  "1 VOLUME !</usr>" },
	{ "EXPOSE $C 80 \"$B\"/tcp",
	  "1 EXPOSE <a> <b> <c> <80> <b/tcp>" },
	{ "EXPOSE $A",
	  "1 EXPOSE" },
	{ "COPY --chown=$B --chmod=$B --exclude=$B a$B $P/",
	  "1 COPY --chown=b --chmod=b --exclude=b <ab> </usr/>" },
	{ "COPY [\"$B c\", \"$P\"]",
	  "1 COPY !<b c> !</usr>" },
	{ "ADD --checksum=$B $B /x",
	  "1 ADD --checksum=b <b> </x>" },
	{ "COPY <<E /f\n$B '$B' \"$B\" \\$B \\n\nE",
	  "1 COPY </f> <<E|b 'b' \"b\" $B n\n>>" },
	{ "COPY <<'E' /f\n$B\\n\nE",
	  "1 COPY </f> <<E|$B\\n\n>>" },
	{ "RUN --mount=type=$T,target=$P,id=$B x $B",
	  "1 RUN (cache at /usr id b rw) <x $B>" },
	{ "CMD $B",
	  "1 CMD <$B>" },
	{ "CMD [\"$B\"]",
	  "1 CMD !<$B>" },
	{ "ENTRYPOINT '$B'",
	  "1 ENTRYPOINT <'$B'>" },
	{ "SHELL [\"$B\"]",
	  "1 SHELL !<$B>" },
	{ "HEALTHCHECK CMD $B",
	  "1 HEALTHCHECK <$B>" },
	{ "MAINTAINER $B",
	  "1 MAINTAINER <$B>" },
	{ "ONBUILD RUN $B",
	  "1 ONBUILD <RUN $B>" },
};
/* clang-format on */

static void what_cannot_be_expanded_is_told(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char *have = NULL;
		struct err err = { 0 };

		if (df_expand_word(wrong[i].word, '\\', lookup, NULL, &have, &err) == 0)
			fail_msg("\"%s\" passed", wrong[i].word);
		assert_string_equal(err.msg, wrong[i].want);
	}
}

static void instructions_are_expanded_where_the_language_does(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		auto_df_list struct df_list list = { 0 };
		auto_buf struct buf out = { 0 };
		struct err err = { 0 };

		if (df_list_parse(instructions[i].word, &list, &err) < 0 ||
			df_expand(&list.items[0], lookup, NULL, &err) < 0)
			fail_msg("%s: %s", instructions[i].word, err.msg);
		show_instruction(&out, &list.items[0]);
		assert_string_equal(out.data, instructions[i].want);
	}
}

static void a_backtick_escapes_when_it_is_asked_to(void **unused)
{
	auto_free char *have = NULL;

	(void)unused;
	assert_int_equal(df_expand_word("c:\\$B`$B`` \"`\"\"", '`', lookup, NULL, &have, NULL), 0);
	assert_string_equal(have, "c:\\b$B` \"");
}

static void names_may_not_become_blank(void **unused)
{
	auto_df_list struct df_list list = { 0 };
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(df_list_parse("ENV $NO=x", &list, &err), 0);
	assert_true(df_expand(&list.items[0], lookup, NULL, &err) < 0);
	assert_string_equal(err.msg, "ENV names can not be blank");
}

static void mounts_are_checked_once_they_are_known(void **unused)
{
	auto_df_list struct df_list list = { 0 };
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(df_list_parse("RUN --mount=type=$B,target=/x y", &list, &err), 0);
	assert_true(df_expand(&list.items[0], lookup, NULL, &err) < 0);
	assert_string_equal(err.msg, "unsupported mount type \"b\"");
}

/* 2^20 and more characters, in few. */
static const char *lookup_long(void *arg, const char *name, size_t len)
{
	(void)name;
	(void)len;
	return arg;
}

static void values_do_not_grow_without_bounds(void **unused)
{
	auto_free char *value = xmalloc(700001), *have = NULL;
	struct err err = { 0 };

	(void)unused;
	memset(value, 'a', 700000);
	value[700000] = '\0';
	assert_int_equal(df_expand_word("$X", '\\', lookup_long, value, &have, &err), 0);
	assert_true(df_expand_word("$X$X", '\\', lookup_long, value, &have, &err) < 0);
	assert_non_null(strstr(err.msg, "the value is longer than 1048576 bytes"));
	assert_true(df_expand_word("${X//a/bc}", '\\', lookup_long, value, &have, &err) < 0);
	assert_non_null(strstr(err.msg, "the value is longer than 1048576 bytes"));
}

static void nesting_ends_somewhere(void **unused)
{
	auto_buf struct buf word = { 0 };
	char *have = NULL;
	struct err err = { 0 };

	(void)unused;
	for (int i = 0; i < 1000; i++)
		buf_adds(&word, "${NO:-");
	assert_true(df_expand_word(word.data, '\\', lookup, NULL, &have, &err) < 0);
	assert_non_null(strstr(err.msg, "variables are nested too deeply"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_replaced),
		cmocka_unit_test(quotes_and_escapes_go),
		cmocka_unit_test(defaults_stand_in),
		cmocka_unit_test(affixes_are_trimmed),
		cmocka_unit_test(matches_are_replaced),
		cmocka_unit_test(what_cannot_be_expanded_is_told),
		cmocka_unit_test(instructions_are_expanded_where_the_language_does),
		cmocka_unit_test(a_backtick_escapes_when_it_is_asked_to),
		cmocka_unit_test(names_may_not_become_blank),
		cmocka_unit_test(mounts_are_checked_once_they_are_known),
		cmocka_unit_test(values_do_not_grow_without_bounds),
		cmocka_unit_test(nesting_ends_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
