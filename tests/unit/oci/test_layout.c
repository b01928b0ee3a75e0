#include "../unit.h"

#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layout.h"
#include "oci/lease.h"

#define HEX(c)  c c c c c c c c c c c c c c c c /* 4 characters, 64 digits */
#define M1      "sha256:" HEX("aaa1")
#define M2      "sha256:" HEX("aaa2")
#define C1      "sha256:" HEX("ccc1")
#define C2      "sha256:" HEX("ccc2")
#define L1      "sha256:" HEX("1111")
#define L2      "sha256:" HEX("2222")
#define NAME    "docker.io/library/x:1"
#define BLOB(d) "oci/blobs/sha256/" d

struct store {
	struct folder folder;
	struct dirs dirs;
};

static int set_up(void **state)
{
	static const char *const subs[] = { "oci/blobs/sha256", "layers", "containers", "trash",
		NULL };
	struct store *s = calloc(1, sizeof(*s));

	s->folder = make_folder();
	s->dirs =
		(struct dirs){ .data = s->folder.fd, .run = FD_NONE, .data_path = s->folder.path };
	for (const char *const *sub = subs; *sub; sub++)
		assert_int_equal(dir_make_at(s->folder.fd, *sub, 0700), 0);
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

static struct oci_new_entry entry(const char *manifest, const char *config, const char *name)
{
	return (struct oci_new_entry){
		.manifest = manifest, .config = config, .name = name, .size = 7
	};
}

static void add(struct oci_index *ix, const char *manifest, const char *config, const char *name)
{
	struct oci_new_entry e = entry(manifest, config, name);

	oci_index_add(ix, &e);
}

static void what_is_written_is_read_again(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 }, again = { 0 };
	struct err err;

	assert_int_equal(oci_index_read(&s->dirs, &ix, &err), 0);
	assert_int_equal(ix.count, 0);
	add(&ix, M1, C1, NAME);
	add(&ix, M2, C2, NULL);
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), 0);
	assert_int_equal(oci_index_read(&s->dirs, &again, &err), 0);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.entries[0].manifest, M1);
	assert_string_equal(again.entries[0].config, C1);
	assert_string_equal(again.entries[0].name, NAME);
	assert_true(again.entries[0].tagged > 0);
	assert_null(again.entries[1].name);
	assert_string_equal(again.entries[1].config, C2);
	assert_file(s->folder.fd, "oci/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void a_name_belongs_to_one_image_and_its_old_one_dangles(void **state)
{
	auto_index struct oci_index ix = { 0 };

	(void)state;
	add(&ix, M1, C1, NAME);
	add(&ix, M2, C2, NAME);
	assert_int_equal(ix.count, 2);
	assert_string_equal(ix.entries[oci_index_find(&ix, NAME)].manifest, M2);
	assert_null(ix.entries[0].name);
	/* given back, nobody dangles twice */
	add(&ix, M1, C1, NAME);
	assert_int_equal(ix.count, 2);
	assert_string_equal(ix.entries[oci_index_find(&ix, NAME)].manifest, M1);
}

static void the_last_name_leaves_a_dangling_entry_others_just_go(void **state)
{
	auto_index struct oci_index ix = { 0 };

	(void)state;
	add(&ix, M1, C1, NAME);
	oci_index_add_name(&ix, C1, "docker.io/library/y:2");
	assert_int_equal(ix.count, 2);
	oci_index_untag(&ix, (size_t)oci_index_find(&ix, NAME));
	assert_int_equal(ix.count, 1);
	oci_index_untag(&ix, 0);
	assert_int_equal(ix.count, 1);
	assert_null(ix.entries[0].name);
	add(&ix, M1, C1, NULL);
	assert_int_equal(ix.count, 1);
}

static void entries_of_other_tools_are_understood_and_kept(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST "\","
		"\"digest\":\"" M1 "\",\"size\":9,\"platform\":{\"os\":\"linux\"},"
		"\"annotations\":{\"" OCI_REF_NAME "\":\"" NAME "\"}},"
		"{\"mediaType\":\"" OCI_INDEX "\",\"digest\":\"" M2 "\",\"size\":1},"
		"{\"digest\":\"md5:12\"},7]}";
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 };
	struct err err;
	char *written;

	put_file(s->folder.fd, "oci/index.json", text);
	put_file(s->folder.fd, BLOB(HEX("aaa1")), "{\"config\":{\"digest\":\"" C1 "\"}}");
	assert_int_equal(oci_index_read(&s->dirs, &ix, &err), 0);
	assert_int_equal(ix.count, 1);
	assert_string_equal(ix.entries[0].name, NAME);
	assert_string_equal(ix.entries[0].config, C1);
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), 0);
	assert_int_equal(file_read_at(s->folder.fd, "oci/index.json", 4096, &written, NULL), 0);
	assert_non_null(strstr(written, "\"platform\":{\"os\":\"linux\"}"));
	free(written);
}

static void an_index_too_large_to_be_read_is_not_written(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 }, again = { 0 };
	char name[300];
	struct err err;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add(&ix, M1, C1, NAME);
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), 0);
	for (int i = 0; i < 9000; i++) {
		(void)snprintf(name, 6, "%05d", i);
		name[5] = '-';
		add(&ix, M1, C1, name);
	}
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "too many names"));
	assert_int_equal(oci_index_read(&s->dirs, &again, &err), 0);
	assert_int_equal(again.count, 1);
}

static void a_damaged_index_is_an_error_of_ours(void **state)
{
	struct store *s = *state;
	struct oci_index ix;
	struct err err;

	put_file(s->folder.fd, "oci/index.json", "{\"manifests\":[");
	assert_true(oci_index_read(&s->dirs, &ix, &err) < 0);
	assert_int_equal(err.kind, ERR_SYSTEM);
}

/* Image 1 has layer 1; a container has layer 2, whose image is gone. */
static void fill(struct store *s)
{
	put_file(s->folder.fd, BLOB(HEX("aaa1")),
		"{\"config\":{\"digest\":\"" C1 "\"},\"layers\":[{\"digest\":\"" L1 "\"}]}");
	put_file(s->folder.fd, BLOB(HEX("ccc1")), "{\"rootfs\":{\"diff_ids\":[\"" L1 "\"]}}");
	put_file(s->folder.fd, BLOB(HEX("1111")), "tar");
	put_file(s->folder.fd, BLOB(HEX("2222")), "tar");
	(void)dir_make_at(s->folder.fd, "layers/" HEX("1111") "/diff", 0700);
	(void)dir_make_at(s->folder.fd, "layers/" HEX("2222") "/diff", 0700);
	(void)dir_make_at(s->folder.fd, "layers/" HEX("3333") "/diff", 0700);
	(void)dir_make_at(s->folder.fd, "layers/.tmp-1", 0700);
	(void)dir_make_at(s->folder.fd, "containers/" HEX("dddd"), 0700);
	put_file(s->folder.fd, "containers/" HEX("dddd") "/config.json",
		"{\"Layers\":[\"" L2 "\"]}\n");
}

static bool is_there(struct store *s, const char *path)
{
	return faccessat(s->folder.fd, path, F_OK, 0) == 0;
}

static void garbage_is_what_neither_image_nor_container_needs(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 };
	struct err err;

	fill(s);
	add(&ix, M1, C1, NAME);
	assert_int_equal(oci_collect_garbage(&s->dirs, &ix, &err), 2);
	assert_true(is_there(s, BLOB(HEX("aaa1"))) && is_there(s, BLOB(HEX("ccc1"))));
	assert_true(is_there(s, BLOB(HEX("1111"))) && !is_there(s, BLOB(HEX("2222"))));
	assert_true(is_there(s, "layers/" HEX("1111")) && is_there(s, "layers/" HEX("2222")));
	assert_false(is_there(s, "layers/" HEX("3333")));
	assert_true(is_there(s, "layers/.tmp-1"));
}

static void nothing_is_garbage_while_an_image_cannot_be_read(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 };
	struct err err;

	fill(s);
	add(&ix, M2, C2, NAME);
	assert_true(oci_collect_garbage(&s->dirs, &ix, &err) < 0);
	assert_true(is_there(s, "layers/" HEX("3333")) && is_there(s, BLOB(HEX("2222"))));
}

static void what_was_cut_short_is_collected_by_the_next(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 };
	const struct oci_new_entry e = entry(M1, C1, NAME);
	struct err err;

	fill(s);
	oci_index_add(&ix, &e);
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), 0);
	assert_int_equal(oci_collect_leftovers(&s->dirs, &err), 0);
	assert_true(is_there(s, BLOB(HEX("2222"))));
	assert_int_equal(oci_unsettle(&s->dirs), 0);
	assert_int_equal(oci_unsettle(&s->dirs), 1);
	assert_int_equal(oci_collect_leftovers(&s->dirs, &err), 2);
	assert_true(is_there(s, BLOB(HEX("1111"))) && !is_there(s, BLOB(HEX("2222"))));
	/* what the container alone has is looked at again when it is gone */
	assert_true(is_there(s, "layers/" HEX("2222")));
	assert_true(oci_is_unsettled(&s->dirs));
	assert_int_equal(tree_remove_at(s->folder.fd, "containers/" HEX("dddd"), NULL), 0);
	assert_int_equal(oci_collect_leftovers(&s->dirs, &err), 1);
	assert_false(is_there(s, "layers/" HEX("2222")));
	assert_false(oci_is_unsettled(&s->dirs));
}

static void what_has_a_lease_is_no_garbage_until_its_time_is_over(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 };
	int held = lease_take(&s->dirs, L2);
	struct err err;

	fill(s);
	add(&ix, M1, C1, NAME);
	assert_true(held >= 0);
	lease_share(held);
	lease_end_all(&s->dirs); /* this one is held */
	assert_int_equal(oci_collect_garbage(&s->dirs, &ix, &err), 1);
	(void)fd_close(held);
	assert_int_equal(oci_collect_garbage(&s->dirs, &ix, &err), 0);
	lease_end_all(&s->dirs);
	assert_int_equal(oci_collect_garbage(&s->dirs, &ix, &err), 1);
	assert_false(is_there(s, BLOB(HEX("2222"))));
	assert_false(is_there(s, LEASES "/" HEX("2222")));
}

static void dockers_manifest_is_the_images_and_its_twin_is_what_others_see(void **state)
{
	struct store *s = *state;
	auto_index struct oci_index ix = { 0 }, again = { 0 };
	struct oci_new_entry e = entry(M1, C1, NAME);
	struct err err;

	fill(s);
	put_file(s->folder.fd, BLOB(HEX("aaa2")), "{}");
	e.twin = M2;
	oci_index_add(&ix, &e);
	oci_index_add_name(&ix, C1, NAME "b");
	assert_int_equal(oci_index_write(&s->dirs, &ix, &err), 0);
	assert_int_equal(oci_index_read(&s->dirs, &again, &err), 0);
	assert_int_equal(again.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(again.entries[i].manifest, M1);
		assert_string_equal(again.entries[i].twin, M2);
		assert_string_equal(doc_str(again.entries[i].descriptor, "digest"), M2);
	}
	assert_int_equal(oci_collect_garbage(&s->dirs, &again, &err), 2);
	assert_true(is_there(s, BLOB(HEX("aaa1"))) && is_there(s, BLOB(HEX("aaa2"))));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_again),
		TEST(a_name_belongs_to_one_image_and_its_old_one_dangles),
		TEST(the_last_name_leaves_a_dangling_entry_others_just_go),
		TEST(entries_of_other_tools_are_understood_and_kept),
		TEST(an_index_too_large_to_be_read_is_not_written),
		TEST(a_damaged_index_is_an_error_of_ours),
		TEST(garbage_is_what_neither_image_nor_container_needs),
		TEST(nothing_is_garbage_while_an_image_cannot_be_read),
		TEST(what_was_cut_short_is_collected_by_the_next),
		TEST(what_has_a_lease_is_no_garbage_until_its_time_is_over),
		TEST(dockers_manifest_is_the_images_and_its_twin_is_what_others_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
