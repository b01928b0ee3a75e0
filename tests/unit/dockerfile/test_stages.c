/* From build arguments to the order in which stages are built. */
#include "show.h"

static const char *lookup(void *arg, const char *name, size_t len)
{
	char *const *args = arg;
	int i = strv_find_key(args, name, len);

	return i < 0 ? NULL : args[i] + len + 1;
}

/* args are as "A=1,B=2". */
static int resolve(struct dockerfile *f, const char *args, struct err *err)
{
	auto_strv char **platform = df_platform_args("linux/amd64", "linux/arm64/v8");
	auto_strv char **given = strv_split(args, ',');

	return dockerfile_resolve(f, lookup, given, platform, err);
}

/* Stages as "base" or "base->index", in order, with the platform behind "@". */
static char *bases(const struct dockerfile *f)
{
	auto_buf struct buf out = { 0 };

	for (size_t i = 0; i < f->stage_count; i++) {
		const struct df_stage *s = &f->stages[i];

		buf_printf(&out, "%s%s", i ? " " : "", s->base);
		if (s->base_stage >= 0)
			buf_printf(&out, "->%d", s->base_stage);
		if (s->platform)
			buf_printf(&out, "@%s", s->platform);
	}
	return buf_steal(&out);
}

static void global_arguments_choose_the_base(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *text, *args, *want;
	} rows[] = {
		{ "FROM a", "", "a" },
		{ "ARG V=1\nFROM a:$V", "", "a:1" },
		{ "ARG V=1\nFROM a:$V", "V=2", "a:2" },
		{ "ARG V\nFROM a:${V:-x}", "", "a:x" },
		{ "ARG V\nFROM a:${V:-x}", "V=", "a:x" },
		{ "ARG V\nFROM a:${V-x}", "V=", "a:" },
		{ "ARG A=1\nARG B=x$A\nFROM a:$B", "", "a:x1" },
		{ "ARG A=1\nARG B=x$A\nFROM a:$B", "A=2", "a:x2" },
		{ "ARG A=1 B=$A\nFROM a:$B", "", "a:1" },
		{ "FROM a:$V", "V=2", "a:" },
		{ "ARG V=\"1 \"\nFROM a:$V", "", "a:1 " },
		{ "FROM --platform=$BUILDPLATFORM a", "", "a@linux/amd64" },
		{ "FROM --platform=$TARGETPLATFORM a:$TARGETARCH$TARGETVARIANT", "", "a:arm64v8@linux/arm64/v8" },
		{ "FROM --platform=$NONE a", "", "a" },
		{ "FROM a:$TARGETARCH", "TARGETARCH=x", "a:x" },
		{ "FROM a AS b\nFROM b", "", "a b->0" },
		{ "FROM a AS b\nFROM B", "", "a B->0" },
		{ "FROM a AS b\nFROM $X", "X=b", NULL },
		{ "ARG X\nFROM a AS b\nFROM $X", "X=b", "a b->0" },
		{ "FROM a AS a\nFROM a", "", "a a->0" },
		{ "FROM b AS a\nFROM c AS b\nFROM b", "", "b c b->1" },
		{ "FROM a AS x\nFROM b AS x\nFROM x", "", "a b x->1" },
		{ "FROM 0\nFROM 0", "", "0 0" },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_dockerfile struct dockerfile *f = parse(rows[i].text);
		auto_free char *have = NULL;
		struct err err = { 0 };

		if (resolve(f, rows[i].args, &err) < 0) {
			if (rows[i].want)
				fail_msg("%s: %s", rows[i].text, err.msg);
			continue;
		}
		assert_non_null(rows[i].want);
		have = bases(f);
		assert_string_equal(have, rows[i].want);
	}
}

static void stages_see_the_global_values(void **unused)
{
	auto_dockerfile struct dockerfile *f = parse("ARG A=1\nARG B\nARG C=c\nFROM a");

	(void)unused;
	assert_int_equal(resolve(f, "C=d,D=e", NULL), 0);
	assert_true(strv_has(f->globals, "A=1"));
	assert_int_equal(strv_find_key(f->globals, "B", 1), -1);
	assert_true(strv_has(f->globals, "C=d"));
	assert_int_equal(strv_find_key(f->globals, "D", 1), -1);
	assert_true(strv_has(f->globals, "TARGETARCH=arm64"));
}

static void a_base_that_cannot_be_is_told(void **unused)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "FROM $X",
			"dockerfile parse error on line 1: base name ($X) should not be blank" },
		{ "FROM a\nFROM ${X:?no}",
			"dockerfile parse error on line 2: failed to process \"${X:?no}\": X: no" },
		{ "ARG A=${B\nFROM a",
			"dockerfile parse error on line 1: failed to process \"${B\": syntax error: missing '}'" },
		{ "FROM a\nCOPY --from=1 a b",
			"dockerfile parse error on line 2: invalid stage index 1" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_dockerfile struct dockerfile *f = parse(rows[i].text);
		struct err err = { 0 };

		assert_true(resolve(f, "", &err) < 0);
		assert_string_equal(err.msg, rows[i].want);
	}
}

/* The order for a target as "0 2 1", or the message. */
static char *order(const char *text, const char *target)
{
	auto_dockerfile struct dockerfile *f = parse(text);
	size_t list[DF_STAGES_MAX], count, wanted;
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };

	if (resolve(f, "", &err) < 0 || dockerfile_target(f, target, &wanted, &err) < 0 ||
		dockerfile_order(f, wanted, list, &count, &err) < 0)
		return xstrdup(err.msg);
	for (size_t i = 0; i < count; i++)
		buf_printf(&out, "%s%zu", i ? " " : "", list[i]);
	return buf_steal(&out);
}

static void only_what_the_target_takes_is_built(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *text, *target, *want;
	} rows[] = {
		{ "FROM a", NULL, "0" },
		{ "FROM a\nFROM b", "", "1" },
		{ "FROM a\nFROM b", "0", "0" },
		{ "FROM a AS x\nFROM b", "X", "0" },
		{ "FROM a AS x\nFROM x", NULL, "0 1" },
		{ "FROM a AS x\nFROM b AS y\nFROM x AS z\nFROM c\nCOPY --from=z a b", NULL, "0 2 3" },
		{ "FROM a AS x\nFROM b\nCOPY --from=0 a b", NULL, "0 1" },
		{ "FROM a AS x\nFROM b\nCOPY --from=X a b", NULL, "0 1" },
		{ "FROM a AS x\nFROM b\nCOPY --from=y a b", NULL, "1" },
		{ "FROM a AS x\nFROM b\nRUN --mount=from=x,target=/x a", NULL, "0 1" },
		{ "FROM a AS x\nFROM b\nRUN --mount=from=x,target=/x,type=$T a", NULL, "0 1" },
		{ "FROM a AS x\nFROM b\nRUN --mount=type=cache,from=x,target=/x a", NULL, "0 1" },
		{ "FROM a AS x\nCOPY --from=y a b\nFROM c AS y\nFROM x", NULL, "1 0 2" },
		{ "FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=x a b", NULL, "1 2" },
		{ "FROM a\nCOPY --from=0 a b", NULL, "circular dependency detected on stage: a" },
		{ "FROM a AS x\nCOPY --from=x a b", NULL, "circular dependency detected on stage: x" },
		{ "FROM a AS x\nCOPY --from=y a b\nFROM x AS y", NULL, "circular dependency detected on stage: y" },
		{ "FROM a AS x\nCOPY --from=x a b\nFROM b", NULL, "1" },
		{ "FROM a AS x\nRUN --mount=from=x,target=/b b", NULL, "circular dependency detected on stage: x" },
		{ "FROM a", "b", "target stage \"b\" could not be found" },
		{ "FROM a", "1", "target stage \"1\" could not be found" },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *have = order(rows[i].text, rows[i].target);

		assert_string_equal(have, rows[i].want);
	}
}

static void a_stage_says_what_it_waits_for(void **unused)
{
	auto_dockerfile struct dockerfile *f =
		parse("FROM a AS x\nFROM b AS y\nFROM x AS z\nFROM z\nCOPY --from=y a b");
	bool taken[4];

	(void)unused;
	assert_int_equal(resolve(f, "", NULL), 0);
	dockerfile_takes(f, 3, taken);
	assert_false(taken[0]);
	assert_true(taken[1]);
	assert_true(taken[2]);
	assert_false(taken[3]);
}

static void a_trigger_finds_its_stage(void **unused)
{
	auto_dockerfile struct dockerfile *f = parse("FROM a AS x\nFROM b AS y\nFROM c");
	struct err err = { 0 };
	int stage;

	(void)unused;
	assert_int_equal(dockerfile_find(f, "X", 2, &stage, &err), 0);
	assert_int_equal(stage, 0);
	assert_int_equal(dockerfile_find(f, "1", 2, &stage, &err), 0);
	assert_int_equal(stage, 1);
	assert_int_equal(dockerfile_find(f, "alpine:3", 2, &stage, &err), 0);
	assert_int_equal(stage, -1);
	assert_true(dockerfile_find(f, "3", 2, &stage, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_arguments_choose_the_base),
		cmocka_unit_test(stages_see_the_global_values),
		cmocka_unit_test(a_base_that_cannot_be_is_told),
		cmocka_unit_test(only_what_the_target_takes_is_built),
		cmocka_unit_test(a_stage_says_what_it_waits_for),
		cmocka_unit_test(a_trigger_finds_its_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
