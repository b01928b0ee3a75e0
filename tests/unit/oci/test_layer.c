#include "../unit.h"

#include "oci/layer.h"

#define HEX(c)  c c c c c c c c c c c c c c c c /* 4 characters, 64 digits */
#define DIFF_ID "sha256:" HEX("aaa1")
#define DIGEST  "sha256:" HEX("bbb2")

struct store {
	struct folder folder;
	struct dirs dirs;
};

static int set_up(void **state)
{
	struct store *s = calloc(1, sizeof(*s));

	s->folder = make_folder();
	s->dirs =
		(struct dirs){ .data = s->folder.fd, .run = FD_NONE, .data_path = s->folder.path };
	assert_int_equal(dir_make_at(s->folder.fd, "layers/" HEX("aaa1"), 0700), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct store *s = *state;

	drop_folder(&s->folder);
	free(s);
	return 0;
}

static void what_a_layer_was_pushed_as_is_remembered(void **state)
{
	struct store *s = *state;
	char digest[LAYER_DIGEST_SIZE];
	int64_t size;

	assert_false(layer_pushed(&s->dirs, DIFF_ID, digest, &size));
	layer_set_pushed(&s->dirs, DIFF_ID, DIGEST, 77);
	assert_true(layer_pushed(&s->dirs, DIFF_ID, digest, &size));
	assert_string_equal(digest, DIGEST);
	assert_int_equal(size, 77);
}

static void a_record_that_is_none_is_as_if_there_were_none(void **state)
{
	static const char *const texts[] = { "", DIGEST, DIGEST " ", DIGEST " x\n", DIGEST " 0\n",
		DIGEST " -1\n", "sha256:../../../etc 5\n", " 5\n" };
	struct store *s = *state;
	char digest[LAYER_DIGEST_SIZE];
	int64_t size;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		put_file(s->folder.fd, "layers/" HEX("aaa1") "/pushed", texts[i]);
		assert_false(layer_pushed(&s->dirs, DIFF_ID, digest, &size));
	}
}

static void nothing_is_remembered_of_a_layer_that_is_gone(void **state)
{
	struct store *s = *state;
	char digest[LAYER_DIGEST_SIZE];
	int64_t size;

	layer_set_pushed(&s->dirs, DIGEST, DIFF_ID, 77);
	assert_false(layer_pushed(&s->dirs, DIGEST, digest, &size));
	assert_int_equal(faccessat(s->folder.fd, "layers/" HEX("bbb2"), F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_layer_was_pushed_as_is_remembered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_record_that_is_none_is_as_if_there_were_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nothing_is_remembered_of_a_layer_that_is_gone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
