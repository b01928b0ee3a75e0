/* What is wrong with Dockerfiles, in the words people know, and on which line. */
#include "show.h"

struct row {
	const char *text, *want;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct dockerfile *f = NULL;
		struct err err = { 0 };

		if (dockerfile_parse(rows[i].text, strlen(rows[i].text), "Dockerfile", &f, &err) ==
			0)
			fail_msg("\"%s\" passed", rows[i].text);
		assert_null(f);
		assert_true(err.kind == ERR_INVALID || err.kind == ERR_UNSUPPORTED);
		assert_string_equal(err.msg, rows[i].want);
	}
}

/* clang-format off */
static void what_is_no_dockerfile(void **unused)
{
	static const struct row rows[] = {
		{ "",
		  "the Dockerfile (Dockerfile) cannot be empty" },
		{ "# only a comment\n\n",
		  "file with no instructions" },
		{ "\\\n",
		  "file with no instructions" },
		{ "ARG A=1\n",
		  "dockerfile contains no stages to build" },
		{ "RUN x\nFROM a",
		  "dockerfile parse error on line 1: no build stage in current context" },
		{ "ARG A\n\nENV x=y",
		  "dockerfile parse error on line 3: no build stage in current context" },
		{ "FROM a\nFOO bar",
		  "dockerfile parse error on line 2: unknown instruction: FOO" },
		{ "FROM a\n\n# c\nfoo",
		  "dockerfile parse error on line 4: unknown instruction: foo" },
		{ "FROM a\nRUN x \\\n y\nAND z",
		  "dockerfile parse error on line 4: unknown instruction: AND" },
		{ "FROM a\nRUN <<E\nx\nE\nBAR",
		  "dockerfile parse error on line 5: unknown instruction: BAR" },
		{ "# escape=x\nFROM a",
		  "dockerfile parse error on line 1: invalid escape token 'x' does not match ` or \\" },
		{ "# escape=`\n# escape=\\\nFROM a",
		  "dockerfile parse error on line 2: only one escape parser directive can be used" },
		{ "# syntax=a\n# Syntax=b\nFROM a",
		  "dockerfile parse error on line 2: only one syntax parser directive can be used" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void what_lacks_or_has_too_many_arguments(void **unused)
{
	static const struct row rows[] = {
		{ "FROM",
		  "dockerfile parse error on line 1: FROM requires either one or three arguments" },
		{ "FROM a b",
		  "dockerfile parse error on line 1: FROM requires either one or three arguments" },
		{ "FROM a as b c",
		  "dockerfile parse error on line 1: FROM requires either one or three arguments" },
		{ "FROM a is b",
		  "dockerfile parse error on line 1: FROM requires either one or three arguments" },
		{ "FROM a as 1b",
		  "dockerfile parse error on line 1: invalid name for build stage: \"1b\", name can't start with a number or contain symbols" },
		{ "FROM a as b/c",
		  "dockerfile parse error on line 1: invalid name for build stage: \"b/c\", name can't start with a number or contain symbols" },
		{ "FROM a\nRUN",
		  "dockerfile parse error on line 2: RUN requires at least one argument" },
		{ "FROM a\nRUN []",
		  "dockerfile parse error on line 2: RUN requires at least one argument" },
		{ "FROM a\nCMD",
		  "dockerfile parse error on line 2: CMD requires at least one argument" },
		{ "FROM a\nENTRYPOINT ",
		  "dockerfile parse error on line 2: ENTRYPOINT requires at least one argument" },
		{ "FROM a\nENV",
		  "dockerfile parse error on line 2: ENV requires at least one argument" },
		{ "FROM a\nLABEL",
		  "dockerfile parse error on line 2: LABEL requires at least one argument" },
		{ "FROM a\nARG",
		  "dockerfile parse error on line 2: ARG requires at least one argument" },
		{ "FROM a\nEXPOSE",
		  "dockerfile parse error on line 2: EXPOSE requires at least one argument" },
		{ "FROM a\nVOLUME",
		  "dockerfile parse error on line 2: VOLUME requires at least one argument" },
		{ "FROM a\nVOLUME []",
		  "dockerfile parse error on line 2: VOLUME requires at least one argument" },
		{ "FROM a\nVOLUME [\"/a\", \" \"]",
		  "dockerfile parse error on line 2: VOLUME specified can not be an empty string" },
		{ "FROM a\nONBUILD",
		  "dockerfile parse error on line 2: ONBUILD requires at least one argument" },
		{ "FROM a\nHEALTHCHECK",
		  "dockerfile parse error on line 2: HEALTHCHECK requires at least one argument" },
		{ "FROM a\nUSER",
		  "dockerfile parse error on line 2: USER requires exactly one argument" },
		{ "FROM a\nWORKDIR",
		  "dockerfile parse error on line 2: WORKDIR requires exactly one argument" },
		{ "FROM a\nSTOPSIGNAL",
		  "dockerfile parse error on line 2: STOPSIGNAL requires exactly one argument" },
		{ "FROM a\nMAINTAINER",
		  "dockerfile parse error on line 2: MAINTAINER requires exactly one argument" },
		{ "FROM a\nCOPY a",
		  "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined" },
		{ "FROM a\nADD",
		  "dockerfile parse error on line 2: ADD requires at least two arguments, but only one was provided. Destination could not be determined" },
		{ "FROM a\nCOPY [\"a\"]",
		  "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined" },
		{ "FROM a\nSHELL",
		  "dockerfile parse error on line 2: SHELL requires at least one argument" },
		{ "FROM a\nSHELL []",
		  "dockerfile parse error on line 2: SHELL requires at least one argument" },
		{ "FROM a\nSHELL /bin/sh -c",
		  "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form: SHELL /bin/sh -c" },
		{ "FROM a\nCMD [1]",
		  "dockerfile parse error on line 2: when using JSON array syntax, arrays must be comprised of strings only" },
		{ "FROM a\nCOPY [\"a\", null]",
		  "dockerfile parse error on line 2: when using JSON array syntax, arrays must be comprised of strings only" },
		{ "FROM a\nCMD [\"a\\u0000b\"]",
		  "dockerfile parse error on line 2: a string holds a NUL character" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void what_is_wrong_in_pairs(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nENV A",
		  "dockerfile parse error on line 2: ENV must have two arguments" },
		{ "FROM a\nLABEL A",
		  "dockerfile parse error on line 2: LABEL must have two arguments" },
		{ "FROM a\nENV A=b c",
		  "dockerfile parse error on line 2: Syntax error - can't find = in \"c\". Must be of the form: name=value" },
		{ "FROM a\nENV =b",
		  "dockerfile parse error on line 2: ENV names can not be blank" },
		{ "FROM a\nLABEL a=b =c",
		  "dockerfile parse error on line 2: LABEL names can not be blank" },
		{ "FROM a\nARG =b",
		  "dockerfile parse error on line 2: ARG names can not be blank" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void flags_are_checked(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nCOPY --foo=x a b",
		  "dockerfile parse error on line 2: unknown flag: --foo" },
		{ "FROM a\nRUN --from=x y",
		  "dockerfile parse error on line 2: unknown flag: --from" },
		{ "FROM a\nENV --a=b c=d",
		  "dockerfile parse error on line 2: unknown flag: --a" },
		{ "FROM a\nADD --from=x a b",
		  "dockerfile parse error on line 2: unknown flag: --from" },
		{ "FROM a\nCOPY --checksum=x a b",
		  "dockerfile parse error on line 2: unknown flag: --checksum" },
		{ "FROM a\nCOPY --from a b",
		  "dockerfile parse error on line 2: missing a value on flag: --from" },
		{ "FROM a\nCOPY --from=a --from=b c d",
		  "dockerfile parse error on line 2: duplicate flag specified: --from" },
		{ "FROM a\nCOPY --link=maybe a b",
		  "dockerfile parse error on line 2: expecting boolean value for flag --link, not: maybe" },
		{ "FROM a\nCOPY --link= a b",
		  "dockerfile parse error on line 2: missing a value on flag: --link" },
		{ "FROM a\nCOPY --from=$X a b",
		  "dockerfile parse error on line 2: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround" },
		{ "FROM a\nCOPY --from= a b",
		  "dockerfile parse error on line 2: invalid empty --from" },
		{ "FROM a\nCOPY --parents a b",
		  "dockerfile parse error on line 2: COPY --parents is not supported" },
		{ "FROM a\nRUN --device=x y",
		  "dockerfile parse error on line 2: RUN --device is not supported" },
		{ "FROM a\nRUN --security=insecure x",
		  "dockerfile parse error on line 2: --security=insecure is not supported: a build never has more rights than a container" },
		{ "FROM a\nRUN --security=x y",
		  "dockerfile parse error on line 2: security \"x\" is not valid" },
		{ "FROM a\nRUN --network=x y",
		  "dockerfile parse error on line 2: invalid network mode: \"x\"" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void mounts_are_checked(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN --mount=type=foo,target=/a x",
		  "dockerfile parse error on line 2: unsupported mount type \"foo\"" },
		{ "FROM a\nRUN --mount=foo=1 x",
		  "dockerfile parse error on line 2: unexpected key 'foo' in 'foo=1'" },
		{ "FROM a\nRUN --mount=target x",
		  "dockerfile parse error on line 2: invalid field 'target' must be a key=value pair" },
		{ "FROM a\nRUN --mount=type=bind x",
		  "dockerfile parse error on line 2: invalid mount target \"\"" },
		{ "FROM a\nRUN --mount=type=cache,target=/ x",
		  "dockerfile parse error on line 2: invalid mount target \"/\"" },
		{ "FROM a\nRUN --mount=target=/a,size=1 x",
		  "dockerfile parse error on line 2: unexpected key 'size' for mount type 'bind'" },
		{ "FROM a\nRUN --mount=target=/a,required x",
		  "dockerfile parse error on line 2: unexpected key 'required' for mount type 'bind'" },
		{ "FROM a\nRUN --mount=type=tmpfs,target=/a,size=x y",
		  "dockerfile parse error on line 2: invalid value for size: x" },
		{ "FROM a\nRUN --mount=type=cache,target=/a,sharing=x y",
		  "dockerfile parse error on line 2: unsupported sharing value \"x\"" },
		{ "FROM a\nRUN --mount=type=cache,target=/a,mode=9 y",
		  "dockerfile parse error on line 2: invalid value for mode: 9" },
		{ "FROM a\nRUN --mount=type=cache,target=/a,uid=-1 y",
		  "dockerfile parse error on line 2: invalid value for uid: -1" },
		{ "FROM a\nRUN --mount=target=/a,ro=x y",
		  "dockerfile parse error on line 2: invalid value for ro: x" },
		{ "FROM a\nRUN --mount=type=secret x",
		  "dockerfile parse error on line 2: invalid secret mount. one of source, target required" },
		{ "FROM a\nRUN --mount=type=secret,id=a,src=b x",
		  "dockerfile parse error on line 2: both source and id can't be set" },
		{ "FROM a\nRUN --mount=type=secret,id=a,from=b x",
		  "dockerfile parse error on line 2: unexpected key 'from' for mount type 'secret'" },
		{ "FROM a\nRUN --mount=target=/a,from=$X y",
		  "dockerfile parse error on line 2: 'from' doesn't support variable expansion, define alias stage instead" },
		{ "FROM a\nRUN --mount=\\\"target=/a x",
		  "dockerfile parse error on line 2: failed to parse csv mounts: wrong quotes in \"\"target=/a\"" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void healthchecks_are_checked(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nHEALTHCHECK x",
		  "dockerfile parse error on line 2: Unknown type \"x\" in HEALTHCHECK (try CMD)" },
		{ "FROM a\nHEALTHCHECK CMD",
		  "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD" },
		{ "FROM a\nHEALTHCHECK CMD []",
		  "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD" },
		{ "FROM a\nHEALTHCHECK NONE x",
		  "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments" },
		{ "FROM a\nHEALTHCHECK --interval=x CMD y",
		  "dockerfile parse error on line 2: time: invalid duration \"x\"" },
		{ "FROM a\nHEALTHCHECK --interval=1us CMD y",
		  "dockerfile parse error on line 2: Interval \"interval\" cannot be less than 1ms" },
		{ "FROM a\nHEALTHCHECK --retries=x CMD y",
		  "dockerfile parse error on line 2: --retries: \"x\" is not a number" },
		{ "FROM a\nHEALTHCHECK --retries=-1 CMD y",
		  "dockerfile parse error on line 2: --retries cannot be negative (-1)" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void heredocs_and_triggers_are_checked(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN <<E\nx\n",
		  "dockerfile parse error on line 2: unterminated heredoc" },
		{ "FROM a\nCOPY a <<E\nx\nE",
		  "dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination" },
		{ "FROM a\nONBUILD ONBUILD RUN x",
		  "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
		{ "FROM a\nONBUILD from x",
		  "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger" },
		{ "FROM a\nONBUILD MAINTAINER x",
		  "dockerfile parse error on line 2: MAINTAINER isn't allowed as an ONBUILD trigger" },
		{ "FROM a\nONBUILD FOO",
		  "dockerfile parse error on line 2: unknown instruction: FOO" },
		{ "FROM a\nONBUILD # x",
		  "dockerfile parse error on line 2: unknown instruction: #" },
		{ "FROM a\nONBUILD COPY a",
		  "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

/* clang-format on */

/* The message for a text that is piece, repeated so often. */
static void check_many(const char *head, const char *piece, size_t times, const char *want)
{
	auto_buf struct buf text = { 0 };
	struct dockerfile *f = NULL;
	struct err err = { 0 };

	buf_adds(&text, head);
	for (size_t i = 0; i < times; i++)
		buf_adds(&text, piece);
	assert_true(dockerfile_parse(text.data, text.len, "x/Dockerfile", &f, &err) < 0);
	assert_string_equal(err.msg, want);
}

static void sizes_are_limited(void **unused)
{
	(void)unused;
	check_many("FROM a\n", "CMD x\n", 4096,
		"dockerfile parse error on line 4097: more than 4096 instructions");
	check_many("", "FROM a\n", 257, "dockerfile parse error on line 257: more than 256 stages");
	check_many("FROM a\nCMD ", "x", 65536,
		"dockerfile parse error on line 2: dockerfile line greater than max allowed size of 65535");
	check_many("FROM a\nEXPOSE", " 1", 4097,
		"dockerfile parse error on line 2: more than 4096 words");
	check_many("FROM a\nRUN", " <<a", 65,
		"dockerfile parse error on line 2: more than 64 heredocs");
	check_many("FROM a\nRUN", " --mount=target=/a", 65,
		"dockerfile parse error on line 2: more than 64 mounts");
	check_many("FROM a\n", "#\n", 1 << 19,
		"the Dockerfile (x/Dockerfile) is larger than 1048576 bytes");
}

static void a_file_is_text(void **unused)
{
	static const char text[] = "FROM a\0b";
	struct dockerfile *f = NULL;
	struct err err = { 0 };

	(void)unused;
	assert_true(dockerfile_parse(text, sizeof(text) - 1, "Dockerfile", &f, &err) < 0);
	assert_string_equal(err.msg, "the Dockerfile (Dockerfile) is not text");
}

static void what_needs_a_file_is_refused_without_one(void **unused)
{
	struct df_list list = { 0 };
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(df_list_parse("\n# nothing\n", &list, &err), 0);
	assert_int_equal(list.count, 0);
	assert_true(df_list_parse("USER a\nFROM b", &list, &err) < 0);
	assert_string_equal(err.msg, "FROM is not a valid change command");
	assert_true(df_list_parse("USER a\nFOO", &list, &err) < 0);
	assert_string_equal(err.msg, "dockerfile parse error on line 2: unknown instruction: FOO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_dockerfile),
		cmocka_unit_test(what_lacks_or_has_too_many_arguments),
		cmocka_unit_test(what_is_wrong_in_pairs),
		cmocka_unit_test(flags_are_checked),
		cmocka_unit_test(mounts_are_checked),
		cmocka_unit_test(healthchecks_are_checked),
		cmocka_unit_test(heredocs_and_triggers_are_checked),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(a_file_is_text),
		cmocka_unit_test(what_needs_a_file_is_refused_without_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
