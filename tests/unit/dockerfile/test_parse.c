/* What Dockerfiles mean, as a table: a text and what was understood of it (show.h). */
#include "show.h"

struct row {
	const char *text, *want;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		auto_dockerfile struct dockerfile *f = parse(rows[i].text);
		auto_free char *have = show_file(f);

		if (!str_eq(have, rows[i].want))
			fail_msg("%s\n=>\n%s\ninstead of\n%s", rows[i].text, have, rows[i].want);
	}
}

/* clang-format off */
static void lines_are_joined_and_comments_left_out(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN x \\\n  y\n",
		  "1 FROM <a>\n2 RUN <x   y>\n" },
		{ "from a\nrun x\nCmD y",
		  "1 FROM <a>\n2 RUN <x>\n3 CMD <y>\n" },
		{ "# c\n\n  # c\nFROM a\n",
		  "4 FROM <a>\n" },
		{ "FROM a\nRUN x \\\n# c\n   # c\n  y",
		  "1 FROM <a>\n2 RUN <x   y>\n" },
		{ "FROM a\nRUN x \\\n\n\n  y\nRUN z",
		  "1 FROM <a>\n2 RUN <x   y>\n6 RUN <z>\n" },
		{ "FROM a\nRUN x \\   \n y",
		  "1 FROM <a>\n2 RUN <x  y>\n" },
		{ "FROM a\nRUN x\\\\\nRUN y",
		  "1 FROM <a>\n2 RUN <x\\\\>\n3 RUN <y>\n" },
		{ "FROM a\nRUN x \\",
		  "1 FROM <a>\n2 RUN <x>\n" },
		{ "FROM a\n\\\nRUN x",
		  "1 FROM <a>\n2 RUN <x>\n" },
		{ "FROM a\nRUN x # y",
		  "1 FROM <a>\n2 RUN <x # y>\n" },
		{ "FROM a\r\nRUN x \\\r\n  y\r\n",
		  "1 FROM <a>\n2 RUN <x   y>\n" },
		{ "\357\273\277FROM a\n",
		  "1 FROM <a>\n" },
		{ "  FROM a\n\tRUN x",
		  "1 FROM <a>\n2 RUN <x>\n" },
		{ "FROM a\nRUN \\\n\\\n x",
		  "1 FROM <a>\n2 RUN <x>\n" },
		{ "FROM a\nRUN x \\\n",
		  "1 FROM <a>\n2 RUN <x>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void parser_directives_come_first(void **unused)
{
	static const struct row rows[] = {
		{ "# escape=`\nFROM a\nRUN x `\n y\nRUN c:\\\n",
		  "2 FROM <a>\n3 RUN <x  y>\n5 RUN <c:\\>\n" },
		{ "#escape = `\nFROM a\nRUN x `\n y",
		  "2 FROM <a>\n3 RUN <x  y>\n" },
		{ "# ESCAPE=`\nFROM a\nRUN x `\n y",
		  "2 FROM <a>\n3 RUN <x  y>\n" },
		{ "# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM a\nRUN x `\n y",
		  "4 FROM <a>\n5 RUN <x  y>\n" },
		{ "# comment\n# escape=`\nFROM a\nRUN x `\nRUN y",
		  "3 FROM <a>\n4 RUN <x `>\n5 RUN <y>\n" },
		{ "\n# escape=`\nFROM a\nRUN x `\nRUN y",
		  "3 FROM <a>\n4 RUN <x `>\n5 RUN <y>\n" },
		{ "# unknown=1\n# escape=`\nFROM a\nRUN x `\nRUN y",
		  "3 FROM <a>\n4 RUN <x `>\n5 RUN <y>\n" },
		{ "FROM a\n# escape=x\nRUN y",
		  "1 FROM <a>\n3 RUN <y>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void commands_are_lists_or_lines_for_the_shell(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nCMD [\"x\", \"y z\"]",
		  "1 FROM <a>\n2 CMD !<x> !<y z>\n" },
		{ "FROM a\nCMD [ ]",
		  "1 FROM <a>\n2 CMD !\n" },
		{ "FROM a\nENTRYPOINT []",
		  "1 FROM <a>\n2 ENTRYPOINT !\n" },
		{ "FROM a\nCMD ['x']",
		  "1 FROM <a>\n2 CMD <['x']>\n" },
		{ "FROM a\nCMD [\"x\"",
		  "1 FROM <a>\n2 CMD <[\"x\">\n" },
		{ "FROM a\nCMD [\"x\"] y",
		  "1 FROM <a>\n2 CMD <[\"x\"] y>\n" },
		{ "FROM a\nCMD [\"\\u00e9\\n\"]",
		  "1 FROM <a>\n2 CMD !<\303\251\n>\n" },
		{ "FROM a\nENTRYPOINT exec \"top\" $X",
		  "1 FROM <a>\n2 ENTRYPOINT <exec \"top\" $X>\n" },
		{ "FROM a\nRUN [\"a\", \\\n \"b\"]",
		  "1 FROM <a>\n2 RUN !<a> !<b>\n" },
		{ "FROM a\nSHELL [\"/bin/bash\",\"-c\"]",
		  "1 FROM <a>\n2 SHELL !</bin/bash> !<-c>\n" },
		{ "FROM a\nRUN -- --x",
		  "1 FROM <a>\n2 RUN <--x>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void pairs_keep_their_quotes(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nENV A=b C=d",
		  "1 FROM <a>\n2 ENV {A|b} {C|d}\n" },
		{ "FROM a\nENV A=\"b c\" D='e f' G=h\\ i",
		  "1 FROM <a>\n2 ENV {A|\"b c\"} {D|'e f'} {G|h\\ i}\n" },
		{ "FROM a\nENV A= B=",
		  "1 FROM <a>\n2 ENV {A|} {B|}\n" },
		{ "FROM a\nENV A=b=c",
		  "1 FROM <a>\n2 ENV {A|b=c}\n" },
		{ "FROM a\nENV A b c  d",
		  "1 FROM <a>\n2 ENV {A|b c  d}\n" },
		{ "FROM a\nENV A b=c",
		  "1 FROM <a>\n2 ENV {A|b=c}\n" },
		{ "FROM a\nENV A \"b\"",
		  "1 FROM <a>\n2 ENV {A|\"b\"}\n" },
		{ "FROM a\nLABEL \"a b\"=c d.e=f",
		  "1 FROM <a>\n2 LABEL {\"a b\"|c} {d.e|f}\n" },
		{ "FROM a\nLABEL a b",
		  "1 FROM <a>\n2 LABEL {a|b}\n" },
		{ "FROM a\nLABEL a=1 \\\n  b=2",
		  "1 FROM <a>\n2 LABEL {a|1} {b|2}\n" },
		{ "FROM a\nARG A",
		  "1 FROM <a>\n2 ARG {A}\n" },
		{ "FROM a\nARG A=1 B C=\"d e\"",
		  "1 FROM <a>\n2 ARG {A|1} {B} {C|\"d e\"}\n" },
		{ "ARG A=1\nARG B\nFROM a",
		  "1 ARG {A|1}\n2 ARG {B}\n3 FROM <a>\n" },
		{ "# escape=`\nFROM a\nENV A=b` c",
		  "2 FROM <a>\n3 ENV {A|b` c}\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void stages_have_a_base_and_maybe_a_name(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nFROM b",
		  "1 FROM <a>\n2 FROM <b>\n" },
		{ "FROM a AS x\nFROM x as Y-1.z_",
		  "1 FROM <a> as x\n2 FROM <x> as y-1.z_\n" },
		{ "FROM --platform=linux/arm64 a:b@sha256:c AS x",
		  "1 FROM --platform=linux/arm64 <a:b@sha256:c> as x\n" },
		{ "FROM --platform=$BUILDPLATFORM ${X:-a}",
		  "1 FROM --platform=$BUILDPLATFORM <${X:-a}>\n" },
		{ "FROM scratch",
		  "1 FROM <scratch>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void files_are_copied_with_flags(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nCOPY a b c/",
		  "1 FROM <a>\n2 COPY <a> <b> <c/>\n" },
		{ "FROM a\nCOPY [\"a b\", \"c\"]",
		  "1 FROM <a>\n2 COPY !<a b> !<c>\n" },
		{ "FROM a\nCOPY --from=x --chown=1:2 --chmod=644 --link a b",
		  "1 FROM <a>\n2 COPY --from=x --chown=1:2 --chmod=644 --link <a> <b>\n" },
		{ "FROM a\nCOPY --link=false --exclude=*.o --exclude=x/** a b",
		  "1 FROM <a>\n2 COPY --exclude=*.o --exclude=x/** <a> <b>\n" },
		{ "FROM a\nADD --checksum=sha256:x --keep-git-dir=true --unpack=false u d",
		  "1 FROM <a>\n2 ADD --checksum=sha256:x --keep-git-dir --unpack=false <u> <d>\n" },
		{ "FROM a\nADD --unpack u d",
		  "1 FROM <a>\n2 ADD --unpack=true <u> <d>\n" },
		{ "FROM a\nCOPY --chown=\"a b\" x y",
		  "1 FROM <a>\n2 COPY --chown=a b <x> <y>\n" },
		{ "FROM a\nCOPY \\\n --from=x \\\n a \\\n b",
		  "1 FROM <a>\n2 COPY --from=x <a> <b>\n" },
		{ "FROM a\nCOPY -- --from=x y",
		  "1 FROM <a>\n2 COPY <--from=x> <y>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void run_takes_mounts_and_a_network(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN --network=none x",
		  "1 FROM <a>\n2 RUN --network=none <x>\n" },
		{ "FROM a\nRUN --security=sandbox x",
		  "1 FROM <a>\n2 RUN <x>\n" },
		{ "FROM a\nRUN --mount=type=cache,target=/c x",
		  "1 FROM <a>\n2 RUN (cache at /c rw) <x>\n" },
		{ "FROM a\nRUN --mount=type=cache,dst=/c,id=i,sharing=locked,mode=700,uid=1,gid=2,from=s,src=/p,ro x",
		  "1 FROM <a>\n2 RUN (cache at /c of /p from s id i locked ro mode 700 owner 1:2) <x>\n" },
		{ "FROM a\nRUN --mount=target=/b x",
		  "1 FROM <a>\n2 RUN (bind at /b ro) <x>\n" },
		{ "FROM a\nRUN --mount=type=bind,source=s,target=/b,rw x",
		  "1 FROM <a>\n2 RUN (bind at /b of s rw) <x>\n" },
		{ "FROM a\nRUN --mount=type=bind,target=/b,readonly=false x",
		  "1 FROM <a>\n2 RUN (bind at /b rw) <x>\n" },
		{ "FROM a\nRUN --mount=type=tmpfs,target=/t,size=64m x",
		  "1 FROM <a>\n2 RUN (tmpfs at /t rw size 67108864) <x>\n" },
		{ "FROM a\nRUN --mount=size=1.5kB,type=tmpfs,target=/t x",
		  "1 FROM <a>\n2 RUN (tmpfs at /t rw size 1536) <x>\n" },
		{ "FROM a\nRUN --mount=type=secret,id=s,required x",
		  "1 FROM <a>\n2 RUN (secret at /run/secrets/s id s ro required) <x>\n" },
		{ "FROM a\nRUN --mount=type=secret,target=/a/s x",
		  "1 FROM <a>\n2 RUN (secret at /a/s id s ro) <x>\n" },
		{ "FROM a\nRUN --mount=type=secret,src=s,env=E x",
		  "1 FROM <a>\n2 RUN (secret id s env E ro) <x>\n" },
		{ "FROM a\nRUN --mount=type=ssh x",
		  "1 FROM <a>\n2 RUN (ssh ro) <x>\n" },
		{ "FROM a\nRUN --mount=target=/a --mount=target=/b x",
		  "1 FROM <a>\n2 RUN (bind at /a ro) (bind at /b ro) <x>\n" },
		{ "FROM a\nRUN --mount=\\\"target=/a,b\\\" x",
		  "1 FROM <a>\n2 RUN (bind at /a,b ro) <x>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void heredocs_are_taken_along(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN <<EOF\nx\ny\nEOF\nRUN z",
		  "1 FROM <a>\n2 RUN <x\ny\n>\n6 RUN <z>\n" },
		{ "FROM a\nRUN <<-EOF\n\tx\n\t\ty\n\tEOF\n",
		  "1 FROM <a>\n2 RUN <x\ny\n>\n" },
		{ "FROM a\nRUN <<'EOF'\n$x\nEOF",
		  "1 FROM <a>\n2 RUN <$x\n>\n" },
		{ "FROM a\nRUN <<EOF\n#!/bin/x\ny\nEOF",
		  "1 FROM <a>\n2 RUN <#!/bin/x\ny\n> script EOF\n" },
		{ "FROM a\nRUN cat <<EOF > /f\nx\nEOF",
		  "1 FROM <a>\n2 RUN <cat <<EOF > /f\nx\nEOF>\n" },
		{ "FROM a\nRUN cat <<A <<'B'\nx\nA\ny\nB\nCMD z",
		  "1 FROM <a>\n2 RUN <cat <<A <<'B'\nx\nA\ny\nB>\n7 CMD <z>\n" },
		{ "FROM a\nRUN cat <<-A\n\tx\n\tA",
		  "1 FROM <a>\n2 RUN <cat <<-A\n\tx\nA>\n" },
		{ "FROM a\nRUN --network=none <<E\nx\nE",
		  "1 FROM <a>\n2 RUN --network=none <x\n>\n" },
		{ "FROM a\nRUN 3<<E cat\nx\nE",
		  "1 FROM <a>\n2 RUN <3<<E cat\nx\nE>\n" },
		{ "FROM a\nRUN <<E\n# no comment \\\nFROM b\n\nE",
		  "1 FROM <a>\n2 RUN <# no comment \\\nFROM b\n\n>\n" },
		{ "FROM a\nRUN <<E\nE",
		  "1 FROM <a>\n2 RUN <>\n" },
		{ "FROM a\nRUN cat <<< x",
		  "1 FROM <a>\n2 RUN <cat <<< x>\n" },
		{ "FROM a\nRUN echo $((1 << 2))",
		  "1 FROM <a>\n2 RUN <echo $((1 << 2))>\n" },
		{ "FROM a\nRUN echo '<<E'",
		  "1 FROM <a>\n2 RUN <echo '<<E'>\n" },
		{ "FROM a\nCMD <<E",
		  "1 FROM <a>\n2 CMD <<<E>\n" },
		{ "FROM a\nCOPY <<E /f\nx\nE",
		  "1 FROM <a>\n2 COPY </f> <<E|x\n>>\n" },
		{ "FROM a\nCOPY <<-\"E\" a <<F /d/\n\tx\nE\ny\nF",
		  "1 FROM <a>\n2 COPY <a> </d/> <<E|x\n>> <<F|y\n>>\n" },
		{ "FROM a\nADD --chmod=755 <<E /f\nx\nE\n",
		  "1 FROM <a>\n2 ADD --chmod=755 </f> <<E|x\n>>\n" },
		{ "FROM a\nONBUILD RUN <<E\nx\nE\nCMD y",
		  "1 FROM <a>\n2 ONBUILD <RUN <<E\nx\nE>\n5 CMD <y>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

static void the_rest_is_words(void **unused)
{
	static const struct row rows[] = {
		{ "FROM a\nEXPOSE 80 90-91/udp $P",
		  "1 FROM <a>\n2 EXPOSE <80> <90-91/udp> <$P>\n" },
		{ "FROM a\nVOLUME /a /b",
		  "1 FROM <a>\n2 VOLUME </a> </b>\n" },
		{ "FROM a\nVOLUME [\"/a b\"]",
		  "1 FROM <a>\n2 VOLUME !</a b>\n" },
		{ "FROM a\nUSER a:b",
		  "1 FROM <a>\n2 USER <a:b>\n" },
		{ "FROM a\nWORKDIR /a b",
		  "1 FROM <a>\n2 WORKDIR </a b>\n" },
		{ "FROM a\nSTOPSIGNAL SIGTERM",
		  "1 FROM <a>\n2 STOPSIGNAL <SIGTERM>\n" },
		{ "FROM a\nMAINTAINER a b <c@d>",
		  "1 FROM <a>\n2 MAINTAINER <a b <c@d>>\n" },
		{ "FROM a\nONBUILD COPY --chown=1 a b",
		  "1 FROM <a>\n2 ONBUILD <COPY --chown=1 a b>\n" },
		{ "FROM a\nonbuild  run x",
		  "1 FROM <a>\n2 ONBUILD <run x>\n" },
		{ "FROM a\nHEALTHCHECK NONE",
		  "1 FROM <a>\n2 HEALTHCHECK none\n" },
		{ "FROM a\nHEALTHCHECK CMD x || y",
		  "1 FROM <a>\n2 HEALTHCHECK <x || y>\n" },
		{ "FROM a\nHEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --start-interval=1.5s --retries=3 cmd [\"x\",\"y\"]",
		  "1 FROM <a>\n2 HEALTHCHECK interval 90000000000 timeout 500000000 start-period 7200000000000 start-interval 1500000000 retries 3 !<x> !<y>\n" },
	};

	(void)unused;
	check(rows, ARRAY_SIZE(rows));
}

/* clang-format on */

static void an_instruction_keeps_its_text_and_lines(void **unused)
{
	auto_dockerfile struct dockerfile *f =
		parse("ARG A\nFROM a\n  run x \\\n  y  \nCOPY <<E /f\nz\nE\n");
	const struct df_stage *s = &f->stages[0];

	(void)unused;
	assert_string_equal(f->args[0].text, "ARG A");
	assert_string_equal(s->from.text, "FROM a");
	assert_string_equal(s->items[0].text, "run x   y");
	assert_int_equal(s->items[0].line, 3);
	assert_int_equal(s->items[0].last_line, 4);
	assert_string_equal(s->items[1].text, "COPY <<E /f");
	assert_int_equal(s->items[1].last_line, 7);
	assert_int_equal(dockerfile_steps(f), 4);
}

static void empty_continuation_lines_are_warned_of(void **unused)
{
	auto_dockerfile struct dockerfile *f = parse("FROM a\nRUN x \\\n\n y\nRUN z \\\n# c\n w\n");

	(void)unused;
	assert_int_equal(strv_len(f->warnings), 1);
	assert_string_equal(
		f->warnings[0], "[WARNING]: Empty continuation line found in:\n    RUN x  y");
}

static void a_trigger_is_read_by_itself(void **unused)
{
	auto_df_list struct df_list list = { 0 };
	auto_buf struct buf out = { 0 };

	(void)unused;
	assert_int_equal(df_list_parse("COPY --from=x <<E /a\nb\nE", &list, NULL), 0);
	show_list(&out, list.items, list.count);
	assert_string_equal(out.data, "1 COPY --from=x </a> <<E|b\n>>\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_joined_and_comments_left_out),
		cmocka_unit_test(parser_directives_come_first),
		cmocka_unit_test(commands_are_lists_or_lines_for_the_shell),
		cmocka_unit_test(pairs_keep_their_quotes),
		cmocka_unit_test(stages_have_a_base_and_maybe_a_name),
		cmocka_unit_test(files_are_copied_with_flags),
		cmocka_unit_test(run_takes_mounts_and_a_network),
		cmocka_unit_test(heredocs_are_taken_along),
		cmocka_unit_test(the_rest_is_words),
		cmocka_unit_test(an_instruction_keeps_its_text_and_lines),
		cmocka_unit_test(empty_continuation_lines_are_warned_of),
		cmocka_unit_test(a_trigger_is_read_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
