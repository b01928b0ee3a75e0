/* The configuration of an image made from a container. */
#include "../unit.h"

#include <json-c/json_object.h>

#include "worker/commit.h"
#include "json/text.h"

static json_object *parse(const char *text)
{
	json_object *o = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &o, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return o;
}

static void assert_merged(const char *body, const char *container, const char *want)
{
	auto_json json_object *config = parse(body), *from = parse(container),
			      *wanted = parse(want);
	struct err err;

	assert_int_equal(commit_config_check(config, &err), 0);
	commit_config_merge(config, from);
	if (!json_object_equal(config, wanted))
		fail_msg("%s on %s: %s, not %s", body, container,
			json_object_to_json_string(config), want);
}

static void what_the_body_leaves_out_is_the_containers(void **unused)
{
	(void)unused;
	assert_merged("{}",
		"{\"User\":\"1\",\"WorkingDir\":\"/w\",\"StopSignal\":\"INT\",\"Shell\":[\"sh\"]}",
		"{\"User\":\"1\",\"WorkingDir\":\"/w\",\"StopSignal\":\"INT\",\"Shell\":[\"sh\"]}");
	assert_merged("{\"User\":\"2\",\"WorkingDir\":\"\"}",
		"{\"User\":\"1\",\"WorkingDir\":\"/w\"}", "{\"User\":\"2\",\"WorkingDir\":\"/w\"}");
}

static void maps_and_variables_are_merged_one_by_one(void **unused)
{
	(void)unused;
	assert_merged("{\"Env\":[\"A=1\"]}", "{\"Env\":[\"A=2\",\"B=3\",\"PATH\"]}",
		"{\"Env\":[\"A=1\",\"B=3\"]}");
	assert_merged("{\"Labels\":{\"a\":\"1\"}}", "{\"Labels\":{\"a\":\"2\",\"b\":\"3\"}}",
		"{\"Labels\":{\"a\":\"1\",\"b\":\"3\"}}");
	assert_merged("{\"ExposedPorts\":{\"1/tcp\":{}}}",
		"{\"ExposedPorts\":{\"2/tcp\":{}},\"Volumes\":{\"/v\":{}}}",
		"{\"ExposedPorts\":{\"1/tcp\":{},\"2/tcp\":{}},\"Volumes\":{\"/v\":{}}}");
}

static void an_entrypoint_of_the_bodys_keeps_the_containers_command_out(void **unused)
{
	const char *container = "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}";

	(void)unused;
	assert_merged("{}", container, container);
	assert_merged("{\"Cmd\":[\"x\"]}", container, "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"x\"]}");
	assert_merged("{\"Entrypoint\":[\"x\"]}", container, "{\"Entrypoint\":[\"x\"]}");
	assert_merged("{\"Cmd\":\"x y\"}", "{}", "{\"Cmd\":[\"x y\"]}");
	/* [] asks for none */
	assert_merged("{\"Entrypoint\":[]}", container, "{\"Cmd\":[\"c\"]}");
}

static void what_is_a_containers_alone_is_not_kept(void **unused)
{
	(void)unused;
	assert_merged("{\"Hostname\":\"h\",\"Tty\":true,\"Image\":\"i\",\"X\":1}",
		"{\"Hostname\":\"h\",\"OpenStdin\":true,\"Cmd\":[\"c\"],\"Env\":[]}",
		"{\"Cmd\":[\"c\"]}");
}

static void a_member_of_another_type_is_refused_by_its_name(void **unused)
{
	static const char *const rows[] = { "{\"Cmd\":[1]}", "{\"Env\":{}}",
		"{\"Labels\":{\"a\":1}}", "{\"User\":[]}", "{\"ExposedPorts\":[]}",
		"{\"Volumes\":{\"/v\":1}}", "{\"Healthcheck\":\"x\"}", "{\"StopTimeout\":\"1\"}" };
	struct err err;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_json json_object *config = parse(rows[i]);
		char name[20];

		(void)sscanf(rows[i], "{\"%19[A-Za-z]", name);
		assert_true(commit_config_check(config, &err) < 0);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_non_null(strstr(err.msg, name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_body_leaves_out_is_the_containers),
		cmocka_unit_test(maps_and_variables_are_merged_one_by_one),
		cmocka_unit_test(an_entrypoint_of_the_bodys_keeps_the_containers_command_out),
		cmocka_unit_test(what_is_a_containers_alone_is_not_kept),
		cmocka_unit_test(a_member_of_another_type_is_refused_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
