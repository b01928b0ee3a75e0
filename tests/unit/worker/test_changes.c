#include "../unit.h"

#include "base/buf.h"
#include "worker/changes.h"
#include "json/text.h"

/* The configuration after these instructions, as JSON. */
static char *after(const char *const *changes)
{
	auto_json json_object *config = json_object_new_object();
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	struct err err;

	for (; *changes; changes++)
		if (change_parse(config, *changes, &err) < 0)
			fail_msg("%s: %s", *changes, err.msg);
	json_write(&w, NULL, config);
	return buf_steal(&out);
}

static void instructions_change_the_configuration_as_in_a_dockerfile(void **unused)
{
	static const struct {
		const char *changes[4];
		const char *json;
	} rows[] = {
		{ { "CMD [\"cat\",\"/keep\"]" }, "{\"Cmd\":[\"cat\",\"/keep\"]}" },
		{ { "cmd echo $HOME" }, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $HOME\"]}" },
		{ { "ENTRYPOINT [\"/e\"]" }, "{\"Entrypoint\":[\"/e\"]}" },
		{ { "ENV A=b C=\"d e\"", "ENV A=f" }, "{\"Env\":[\"A=f\",\"C=d e\"]}" },
		{ { "ENV A b c", "ENV D=$A/${A}x" }, "{\"Env\":[\"A=b c\",\"D=b c/b cx\"]}" },
		{ { "ENV A='$B' C=\\$D" }, "{\"Env\":[\"A=$B\",\"C=$D\"]}" },
		{ { "LABEL a=1 \"b c\"=2" }, "{\"Labels\":{\"a\":\"1\",\"b c\":\"2\"}}" },
		{ { "EXPOSE 80 53/udp" }, "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}" },
		{ { "USER 1:2" }, "{\"User\":\"1:2\"}" },
		{ { "WORKDIR /a", "WORKDIR b" }, "{\"WorkingDir\":\"/a/b\"}" },
		{ { "VOLUME /v /w" }, "{\"Volumes\":{\"/v\":{},\"/w\":{}}}" },
		{ { "VOLUME [\"/v w\"]" }, "{\"Volumes\":{\"/v w\":{}}}" },
		{ { "STOPSIGNAL SIGINT" }, "{\"StopSignal\":\"SIGINT\"}" },
		{ { "ONBUILD RUN x y" }, "{\"OnBuild\":[\"RUN x y\"]}" },
		{ { "HEALTHCHECK NONE" }, "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}" },
		{ { "HEALTHCHECK --interval=1m30s --retries=2 CMD test -e /x" },
			"{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"test -e /x\"],"
			"\"Interval\":90000000000,\"Retries\":2}}" },
		{ { "HEALTHCHECK --timeout=1.5s CMD [\"a\"]" },
			"{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\"],\"Timeout\":1500000000}}" },
		{ { "USER a\nWORKDIR /b/../c//d/\nENV X=${Y:-z}" },
			"{\"User\":\"a\",\"WorkingDir\":\"/c/d\",\"Env\":[\"X=z\"]}" },
		{ { "EXPOSE 8000-8001/udp" },
			"{\"ExposedPorts\":{\"8000/udp\":{},\"8001/udp\":{}}}" },
		{ { "", "# nothing", "  USER x  " }, "{\"User\":\"x\"}" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *json = after(rows[i].changes);

		assert_string_equal(json, rows[i].json);
		free(json);
	}
}

static void what_an_image_cannot_record_is_refused(void **unused)
{
	static const char *const rows[] = { "RUN true", "COPY a b", "CMD", "CMDx y", "ENV A",
		"ENV =x", "ENV A=\"b", "EXPOSE 0", "EXPOSE 80/icmp", "EXPOSE 99999", "CMD [1]",
		"LABEL x=1 y", "HEALTHCHECK true", "HEALTHCHECK --interval=x CMD a",
		"HEALTHCHECK CMD", "ONBUILD ONBUILD RUN x", "VOLUME [\"\"]", "VOLUME $X", "FROM x",
		"SHELL [\"sh\"]", "MAINTAINER me", "ARG x", "ENV X=${Y:?no}" };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_json json_object *config = json_object_new_object();
		struct err err = { 0 };

		if (change_parse(config, rows[i], &err) == 0)
			fail_msg("\"%s\" passed", rows[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_true(err.msg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_change_the_configuration_as_in_a_dockerfile),
		cmocka_unit_test(what_an_image_cannot_record_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
