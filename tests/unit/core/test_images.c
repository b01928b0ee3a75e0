/* Finding and listing images, on a store of small files. */
#include "../unit.h"

#include "base/alloc.h"
#include "core/image_store.h"

#define HEX(c) c c c c c c c c c c c c c c c c /* 4 characters, 64 digits */
#define ID(c)  "sha256:" HEX(c)

#define OLD  "aaa1" /* two tags, a label */
#define NEW  "aab2" /* one tag, pulled once */
#define LOST "bbb3" /* dangling */

struct store {
	struct folder folder;
	struct core core;
	struct oci_index ix;
};

static void put_image(
	struct store *s, const char *config, const char *manifest, const char *document)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "oci/blobs/sha256/%s", config + 7);
	put_file(s->folder.fd, path, document);
	(void)snprintf(path, sizeof(path), "oci/blobs/sha256/%s", manifest + 7);
	put_file(s->folder.fd, path, "{}");
}

static void name(struct store *s, const char *config, const char *manifest, const char *ref)
{
	struct oci_new_entry e = { .manifest = manifest, .config = config, .name = ref, .size = 2 };

	oci_index_add(&s->ix, &e);
}

static int set_up(void **state)
{
	struct store *s = xcalloc(1, sizeof(*s));
	struct err err;

	s->folder = make_folder();
	s->core.dirs =
		(struct dirs){ .data = s->folder.fd, .run = FD_NONE, .data_path = s->folder.path };
	assert_int_equal(dir_make_at(s->folder.fd, "oci/blobs/sha256", 0700), 0);
	assert_int_equal(dir_make_at(s->folder.fd, "layers/" HEX("1111") "/diff", 0700), 0);
	put_file(s->folder.fd, "layers/" HEX("1111") "/size", "1234\n");
	put_image(s, ID(OLD), ID("0001"),
		"{\"created\":\"2020-01-01T00:00:00Z\",\"os\":\"linux\",\"architecture\":\"amd64\","
		"\"config\":{\"Labels\":{\"k\":\"v\"}},\"rootfs\":{\"diff_ids\":[\"" ID(
			"1111") "\"]},"
				"\"history\":[{\"created_by\":\"one\"},{\"created_by\":\"two\",\"empty_layer\":true}]}");
	put_image(s, ID(NEW), ID("0002"), "{\"created\":\"2021-01-01T00:00:00Z\"}");
	put_image(s, ID(LOST), ID("0003"), "{\"created\":\"2022-01-01T00:00:00Z\"}");
	name(s, ID(OLD), ID("0001"), "docker.io/library/old:latest");
	name(s, ID(OLD), ID("0001"), "quay.io/x/old:v1");
	name(s, ID(NEW), ID("0002"), "docker.io/library/new:latest");
	name(s, ID(NEW), ID("0002"), "docker.io/library/new@" ID("0002"));
	name(s, ID(LOST), ID("0003"), NULL);
	assert_int_equal(oci_index_write(&s->core.dirs, &s->ix, &err), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct store *s = *state;

	oci_index_clear(&s->ix);
	drop_folder(&s->folder);
	free(s);
	return 0;
}

static void an_image_is_found_by_every_way_to_say_it(void **state)
{
	static const struct {
		const char *text, *id; /* "": none */
	} rows[] = {
		{ "old", ID(OLD) },
		{ "old:latest", ID(OLD) },
		{ "docker.io/library/old", ID(OLD) },
		{ "quay.io/x/old:v1", ID(OLD) },
		{ "new@" ID("0002"), ID(NEW) },
		{ ID(OLD), ID(OLD) },
		{ HEX(OLD), ID(OLD) },
		{ "aaa1", ID(OLD) },
		{ "sha256:aab", ID(NEW) },
		{ "b", ID(LOST) },
		{ "old:v1", "" },
		{ "quay.io/x/old", "" },
		{ "other", "" },
		{ "c", "" },
		{ ID("0003"), "" },
		{ "aa", "" }, /* two begin so */
		{ "old@" ID("0001"), ID(OLD) },
		{ "new@" ID("0001"), "" },
	};
	struct store *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *id;
		struct err err;

		assert_int_equal(image_resolve(&s->ix, rows[i].text, &id, NULL, &err), 0);
		if (!str_eq(id, rows[i].id))
			fail_msg("%s: %s", rows[i].text, id);
	}
}

static void a_missing_image_is_named_with_its_tag(void **state)
{
	struct store *s = *state;
	struct image *i;
	struct err err;

	assert_true(image_find(&s->core, "docker.io/library/gone", &i, &err) < 0);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "No such image: gone:latest");
	assert_true(image_find(&s->core, "Gone", &i, &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
}

static size_t rows_of(struct store *s, const char *filter, unsigned minor, struct buf *out)
{
	const struct image_list_how how = { .api_minor = minor };
	auto_filters struct filters *f = NULL;
	struct err err;
	size_t n = 0;

	assert_int_equal(filters_parse(filter, NULL, &f, &err), 0);
	buf_free(out);
	if (image_list(&s->core, f, &how, out, &err) < 0)
		fail_msg("%s: %s", filter, err.msg);
	for (const char *p = out->data; (p = strstr(p, "\"Id\":")); p++)
		n++;
	return n;
}

static void the_list_shows_each_image_once_newest_first(void **state)
{
	struct store *s = *state;
	auto_buf struct buf out = { 0 };

	assert_int_equal(rows_of(s, "", 47, &out), 3);
	assert_true(strstr(out.data, ID(LOST)) < strstr(out.data, ID(NEW)));
	assert_true(strstr(out.data, ID(NEW)) < strstr(out.data, ID(OLD)));
	assert_non_null(strstr(out.data, "\"RepoTags\":[\"old:latest\",\"quay.io/x/old:v1\"]"));
	assert_non_null(strstr(out.data, "\"RepoDigests\":[\"new@" ID("0002") "\"]"));
	assert_non_null(strstr(out.data, "\"Size\":1234"));
	assert_non_null(strstr(out.data, "\"Labels\":{\"k\":\"v\"}"));
	assert_null(strstr(out.data, "<none>"));
	assert_null(strstr(out.data, "null"));
}

static void old_clients_see_none_where_a_name_is_missing(void **state)
{
	struct store *s = *state;
	auto_buf struct buf out = { 0 };

	(void)rows_of(s, "", 42, &out);
	assert_non_null(strstr(
		out.data, "\"RepoDigests\":[\"<none>@<none>\"],\"RepoTags\":[\"<none>:<none>\"]"));
	/* a tag alone is a name */
	assert_non_null(strstr(out.data, "\"RepoDigests\":[],\"RepoTags\":[\"old:latest\""));
}

static void filters_choose_images(void **state)
{
	static const struct {
		const char *filter;
		size_t rows;
	} rows[] = {
		{ "{\"dangling\":[\"true\"]}", 1 },
		{ "{\"dangling\":[\"0\"]}", 2 },
		{ "{\"label\":[\"k\"]}", 1 },
		{ "{\"label\":[\"k=v\"]}", 1 },
		{ "{\"label\":[\"k=w\"]}", 0 },
		{ "{\"label!\":[\"k\"]}", 2 },
		{ "{\"label!\":[\"k=w\"]}", 3 },
		{ "{\"before\":[\"new\"]}", 1 },
		{ "{\"since\":[\"new\"]}", 1 },
		{ "{\"since\":[\"old\"],\"before\":[\"bbb3\"]}", 1 },
		{ "{\"reference\":[\"old\"]}", 1 },
		{ "{\"reference\":[\"*\"]}", 2 },
		{ "{\"reference\":[\"quay.io/*/*\"]}", 1 },
		{ "{\"reference\":[\"old:v*\"]}", 0 },
		{ "{\"until\":[\"2020-06-01T00:00:00Z\"]}", 1 },
		{ "{\"until\":[\"1h30m\"]}", 3 },
		{ "{\"until\":[\"0\"]}", 0 },
	};
	struct store *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_buf struct buf out = { 0 };
		size_t n = rows_of(s, rows[i].filter, 47, &out);

		if (n != rows[i].rows)
			fail_msg("%s: %zu rows", rows[i].filter, n);
	}
}

static void a_reference_filter_shows_only_names_that_fit(void **state)
{
	struct store *s = *state;
	auto_buf struct buf out = { 0 };

	assert_int_equal(rows_of(s, "{\"reference\":[\"old\"]}", 47, &out), 1);
	assert_non_null(strstr(out.data, "\"RepoTags\":[\"old:latest\"]"));
}

static void filters_that_mean_nothing_are_refused(void **state)
{
	const struct image_list_how how = { .api_minor = 47 };
	static const char *const rows[] = { "{\"dangling\":[\"maybe\"]}", "{\"until\":[\"soon\"]}",
		"{\"until\":[\"\"]}", "{\"until\":[\"1h\",\"2h\"]}", "{\"before\":[\"nobody\"]}" };
	struct store *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_filters struct filters *f = NULL;
		auto_buf struct buf out = { 0 };
		struct err err;

		assert_int_equal(filters_parse(rows[i], NULL, &f, &err), 0);
		assert_true(image_list(&s->core, f, &how, &out, &err) < 0);
	}
}

static void one_damaged_image_does_not_hide_the_others(void **state)
{
	struct store *s = *state;
	auto_buf struct buf out = { 0 };

	put_file(s->folder.fd, "oci/blobs/sha256/" HEX(NEW), "{");
	assert_int_equal(rows_of(s, "", 47, &out), 2);
}

static void history_gives_sizes_to_steps_that_made_a_layer(void **state)
{
	struct store *s = *state;
	auto_buf struct buf out = { 0 };
	struct err err;
	const char *one, *two;

	assert_int_equal(image_history(&s->core, "old", &out, &err), 0);
	two = strstr(out.data, "two");
	one = strstr(out.data, "one");
	assert_true(two && one && two < one); /* newest first */
	assert_non_null(strstr(two, "\"Id\":\"" ID(OLD) "\",\"Size\":0"));
	assert_non_null(strstr(one, "\"Id\":\"<missing>\",\"Size\":1234,\"Tags\":null"));
}

static void an_image_may_be_of_1970_or_not_say_when_it_was_made(void **state)
{
	static const char *const rows[][2] = {
		{ "{\"created\":\"1970-01-01T00:00:00Z\"}",
			"\"Created\":\"1970-01-01T00:00:00Z\"" },
		{ "{}", "\"Created\":\"0001-01-01T00:00:00Z\"" },
	};
	struct store *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_buf struct buf out = { 0 };
		struct err err;

		put_file(s->folder.fd, "oci/blobs/sha256/" HEX(NEW), rows[i][0]);
		assert_int_equal(image_inspect(&s->core, "new", &out, &err), 0);
		assert_non_null(strstr(out.data, rows[i][1]));
	}
}

static void a_layer_of_another_boot_is_not_used(void **state)
{
	struct store *s = *state;
	char *path = NULL;
	struct err err;

	assert_int_equal(image_layer_path(&s->core, ID("1111"), &path, &err), 0);
	assert_true(str_ends(path, "/layers/" HEX("1111") "/diff"));
	free(path);
	assert_true(image_layer_path(&s->core, ID("2222"), &path, &err) < 0);
	assert_int_equal(err.kind, ERR_SYSTEM);
	put_file(s->folder.fd, "layers/" HEX("1111") "/unsynced", "some-other-boot");
	assert_true(image_layer_path(&s->core, ID("1111"), &path, &err) < 0);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_image_is_found_by_every_way_to_say_it),
		TEST(a_missing_image_is_named_with_its_tag),
		TEST(the_list_shows_each_image_once_newest_first),
		TEST(old_clients_see_none_where_a_name_is_missing),
		TEST(filters_choose_images),
		TEST(a_reference_filter_shows_only_names_that_fit),
		TEST(filters_that_mean_nothing_are_refused),
		TEST(one_damaged_image_does_not_hide_the_others),
		TEST(history_gives_sizes_to_steps_that_made_a_layer),
		TEST(an_image_may_be_of_1970_or_not_say_when_it_was_made),
		TEST(a_layer_of_another_boot_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
