#include "../unit.h"
#include "stream/event_filter.h"

static const char start[] =
	"{\"status\":\"start\",\"id\":\"abc123\",\"from\":\"repo/busybox:1\",\"Type\":\"container\","
	"\"Action\":\"start\",\"Actor\":{\"ID\":\"abc123\",\"Attributes\":{\"image\":\"repo/busybox:1\","
	"\"name\":\"web-1\",\"com.x\":\"y\",\"empty\":\"\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1}";
static const char exec[] =
	"{\"Type\":\"container\",\"Action\":\"exec_start: sh -c x\",\"Actor\":{\"ID\":\"abc123\","
	"\"Attributes\":{\"name\":\"web-1\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1}";
static const char pull[] =
	"{\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":{\"ID\":\"host:5000/busybox:1\",\"Attributes\":"
	"{\"name\":\"host:5000/busybox\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1}";
static const char volume[] =
	"{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"web-data\",\"Attributes\":"
	"{\"driver\":\"local\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1}";

static bool passes(const char *filters, const char *line)
{
	struct event_filter f;
	bool passed;

	assert_int_equal(event_filter_parse(filters, &f, NULL), 0);
	passed = event_filter_match(&f, line, strlen(line));
	event_filter_clear(&f);
	return passed;
}

static void without_filters_everything_passes(void **unused)
{
	(void)unused;
	assert_true(passes(NULL, start));
	assert_true(passes("", start));
	assert_true(passes("{}", start));
	assert_true(passes("{\"container\":{}}", volume));
	assert_true(passes("{\"container\":[]}", volume));
}

static void both_encodings_mean_the_same(void **unused)
{
	(void)unused;
	assert_true(passes("{\"type\":{\"container\":true}}", start));
	assert_true(passes("{\"type\":[\"container\"]}", start));
	assert_false(passes("{\"type\":{\"container\":true}}", pull));
	assert_false(passes("{\"type\":[\"container\"]}", pull));
}

static void values_are_alternatives_and_keys_are_conditions(void **unused)
{
	(void)unused;
	assert_true(passes("{\"event\":[\"die\",\"start\"]}", start));
	assert_false(passes("{\"event\":[\"die\",\"stop\"]}", start));
	assert_true(passes("{\"type\":[\"container\"],\"event\":[\"start\"]}", start));
	assert_false(passes("{\"type\":[\"image\"],\"event\":[\"start\"]}", start));
}

static void containers_are_found_by_the_beginning_of_name_or_id(void **unused)
{
	(void)unused;
	assert_true(passes("{\"container\":[\"web-1\"]}", start));
	assert_true(passes("{\"container\":[\"abc\"]}", start));
	assert_true(passes("{\"container\":[\"abc123\"]}", start));
	assert_false(passes("{\"container\":[\"bc123\"]}", start));
	assert_false(passes("{\"container\":[\"web\"]}", volume)); /* a volume is no container */
	assert_true(passes("{\"volume\":[\"web\"]}", volume));
	assert_false(passes("{\"network\":[\"web\"]}", start));
	assert_false(passes("{\"service\":[\"web\"]}", start));
}

static void actions_with_a_detail_are_found_by_their_name(void **unused)
{
	(void)unused;
	assert_true(passes("{\"event\":[\"exec_start\"]}", exec));
	assert_true(passes("{\"event\":[\"exec_start: sh -c x\"]}", exec));
	assert_false(passes("{\"event\":[\"exec\"]}", exec));
	assert_false(passes("{\"event\":[\"star\"]}", start));
}

static void images_are_found_with_and_without_tag(void **unused)
{
	(void)unused;
	assert_true(passes("{\"image\":[\"repo/busybox:1\"]}", start));
	assert_true(passes("{\"image\":[\"repo/busybox\"]}", start));
	assert_false(passes("{\"image\":[\"busybox\"]}", start));
	assert_false(passes("{\"image\":[\"repo/busybox:2\"]}", start));
	assert_true(passes("{\"image\":[\"host:5000/busybox\"]}", pull));
	assert_true(passes("{\"image\":[\"host:5000/busybox:1\"]}", pull));
	assert_false(passes("{\"image\":[\"host\"]}", pull));
}

static void every_label_must_hold(void **unused)
{
	(void)unused;
	assert_true(passes("{\"label\":[\"com.x\"]}", start));
	assert_true(passes("{\"label\":[\"com.x=y\"]}", start));
	assert_true(passes("{\"label\":{\"com.x=y\":true,\"empty\":true}}", start));
	assert_true(passes("{\"label\":[\"empty=\"]}", start));
	assert_false(passes("{\"label\":[\"com.x=z\"]}", start));
	assert_false(passes("{\"label\":[\"com.x=y\",\"other\"]}", start));
	assert_false(passes("{\"label\":[\"com\"]}", start));
	assert_false(passes("{\"label\":[\"com.x=\"]}", start));
}

static void the_making_of_images_can_be_hidden(void **unused)
{
	static const char create[] =
		"{\"Type\":\"image\",\"Action\":\"create\",\"Actor\":{\"ID\":\"sha256:1\"},\"timeNano\":1}";
	struct event_filter f = { .no_image_create = true };

	(void)unused;
	assert_true(passes(NULL, create));
	assert_false(event_filter_match(&f, create, strlen(create)));
	assert_true(event_filter_match(&f, volume, strlen(volume)));
	assert_true(event_filter_match(&f, pull, strlen(pull)));
}

static void unknown_keys_are_ignored(void **unused)
{
	(void)unused;
	assert_true(passes("{\"unheard\":[\"x\"],\"scope\":[\"local\"]}", start));
	assert_false(passes("{\"scope\":[\"swarm\"]}", start));
}

static void what_is_no_filter_is_refused(void **unused)
{
	static const char *const bad[] = { "{", "[]", "1", "\"x\"", "{\"type\":1}",
		"{\"type\":[1]}", "{\"type\":null}", "{\"type\":\"container\"}",
		"{\"type\":[\"a\"]}x" };

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct event_filter f;
		struct err err = { 0 };

		assert_true(event_filter_parse(bad[i], &f, &err) < 0);
		assert_int_equal(err_http_status(&err), 400);
		assert_true(err.msg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_filters_everything_passes),
		cmocka_unit_test(both_encodings_mean_the_same),
		cmocka_unit_test(values_are_alternatives_and_keys_are_conditions),
		cmocka_unit_test(containers_are_found_by_the_beginning_of_name_or_id),
		cmocka_unit_test(actions_with_a_detail_are_found_by_their_name),
		cmocka_unit_test(images_are_found_with_and_without_tag),
		cmocka_unit_test(every_label_must_hold),
		cmocka_unit_test(the_making_of_images_can_be_hidden),
		cmocka_unit_test(unknown_keys_are_ignored),
		cmocka_unit_test(what_is_no_filter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
