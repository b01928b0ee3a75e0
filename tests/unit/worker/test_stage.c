/* Blobs and layers on their way into the store, without a user namespace: all is squashed to one id. */
#include "../unit.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "oci/layer.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "worker/stage.h"
#include "worker/targets.h"

#define FILES 200
#define BLOCK 512

struct store {
	struct folder folder;
	struct dirs dirs;
	struct stage *stage;
};

static int set_up(void **state)
{
	struct store *s = xcalloc(1, sizeof(*s));

	(void)umask(0);
	s->folder = make_folder();
	s->dirs =
		(struct dirs){ .data = s->folder.fd, .run = FD_NONE, .data_path = s->folder.path };
	assert_int_equal(dir_make_at(s->folder.fd, "trash", 0700), 0);
	s->stage = stage_new(&s->dirs, true);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct store *s = *state;

	stage_free(s->stage);
	drop_folder(&s->folder);
	free(s);
	return 0;
}

/* One ustar entry of an empty file. */
static void put_header(char *block, const char *name)
{
	unsigned sum = 0;

	(void)snprintf(block, 100, "%s", name);
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 108, "0000000", 8);
	memcpy(block + 116, "0000000", 8);
	memcpy(block + 124, "00000000000", 12);
	memcpy(block + 136, "00000000000", 12);
	memset(block + 148, ' ', 8);
	block[156] = '0';
	memcpy(block + 257, "ustar", 6);
	memcpy(block + 263, "00", 2);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
}

static char *make_layer(size_t *ret_len, char first)
{
	size_t len = (FILES + 2) * BLOCK;
	char *tar = xcalloc(1, len);

	for (int i = 0; i < FILES; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "%c%d", first, i);
		put_header(tar + i * BLOCK, name);
	}
	*ret_len = len;
	return tar;
}

/* In pieces, as from a socket. */
static struct stage_blob *bring_in(struct stage *s, const char *data, size_t len)
{
	struct stage_blob *b;
	struct stage_in *in;
	struct err err;

	assert_int_equal(stage_begin(s, true, &in, &err), 0);
	for (size_t at = 0; at < len; at += 1000)
		assert_int_equal(
			stage_data(in, data + at, len - at < 1000 ? len - at : 1000, &err), 0);
	assert_int_equal(stage_end(in, &b, &err), 0);
	return b;
}

static struct stage_blob *bring_layer(struct stage *s, char first)
{
	size_t len;
	auto_free char *tar = make_layer(&len, first);

	return bring_in(s, tar, len);
}

static void commit_image(struct store *s, const char *manifest, const char *config)
{
	static char name[] = "docker.io/library/x:1";
	char *names[] = { name, NULL };
	struct stage_image image = { .manifest = manifest, .config = config, .names = names };
	struct err err;

	if (stage_commit(s->stage, &image, 1, &err) < 0)
		fail_msg("%s", err.msg);
}

static bool is_there(struct store *s, const char *folder, const char *digest)
{
	auto_free char *path = xasprintf("%s/%s", folder, digest_hex(digest));

	return faccessat(s->folder.fd, path, F_OK, 0) == 0;
}

static void what_is_committed_is_in_the_store(void **state)
{
	struct store *s = *state;
	struct stage_blob *config, *layer = bring_layer(s->stage, 'a'),
				   *other = bring_layer(s->stage, 'b');
	auto_index struct oci_index ix = { 0 };
	struct err err;

	assert_int_equal(stage_bytes(s->stage, "{}", 2, &config, &err), 0);
	assert_int_equal(stage_want(s->stage, config->digest, &err), 0);
	/* a plain tar is its own diff-id */
	assert_int_equal(stage_want_layer(s->stage, layer->digest, layer->digest, 0, &err), 0);
	commit_image(s, config->digest, config->digest);
	assert_true(is_there(s, "oci/blobs/sha256", layer->digest));
	assert_true(is_there(s, "oci/blobs/sha256", config->digest));
	assert_int_equal(layer_state(&s->dirs, layer->digest), LAYER_READY);
	/* nobody asked for the other one */
	assert_false(is_there(s, "oci/blobs/sha256", other->digest));
	assert_int_equal(layer_state(&s->dirs, other->digest), LAYER_MISSING);
	assert_int_equal(oci_index_read(&s->dirs, &ix, &err), 0);
	assert_int_equal(ix.count, 1);
	assert_string_equal(ix.entries[0].name, "docker.io/library/x:1");
}

static void the_same_bytes_are_one_blob(void **state)
{
	struct store *s = *state;

	assert_ptr_equal(bring_layer(s->stage, 'a'), bring_layer(s->stage, 'a'));
}

static void a_second_image_reuses_what_is_there(void **state)
{
	struct store *s = *state;
	struct stage_blob *layer = bring_layer(s->stage, 'a');
	char digest[DIGEST_SIZE];
	struct err err;

	memcpy(digest, layer->digest, sizeof(digest));
	assert_int_equal(stage_want_layer(s->stage, digest, digest, 0, &err), 0);
	commit_image(s, digest, digest);
	stage_free(s->stage);
	s->stage = stage_new(&s->dirs, true);
	assert_int_equal(stage_want_layer(s->stage, digest, digest, 0, &err), 0);
	commit_image(s, digest, digest);
	/* and notices if it goes away under its hands */
	assert_int_equal(tree_remove_at(s->folder.fd, "layers", NULL), 0);
	assert_true(stage_commit(s->stage, NULL, 0, &err) < 0);
	assert_non_null(strstr(err.msg, "removed while it was being used"));
}

static void a_layer_with_another_diff_id_is_refused(void **state)
{
	struct store *s = *state;
	struct stage_blob *a = bring_layer(s->stage, 'a'), *b = bring_layer(s->stage, 'b');
	struct err err;

	assert_true(stage_want_layer(s->stage, a->digest, b->digest, 3, &err) < 0);
	assert_non_null(strstr(err.msg, "invalid diffID for layer 3"));
}

static void a_broken_layer_is_refused_and_a_broken_stranger_is_not(void **state)
{
	struct store *s = *state;
	size_t len;
	auto_free char *tar = make_layer(&len, 'a');
	struct stage_blob *good = bring_layer(s->stage, 'b'), *bad;
	struct err err;

	tar[BLOCK + 150] ^= 1; /* a checksum */
	bad = bring_in(s->stage, tar, len);
	assert_true(stage_want_layer(s->stage, bad->digest, bad->digest, 0, &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
	bad->wanted = false;
	assert_int_equal(stage_want_layer(s->stage, good->digest, good->digest, 0, &err), 0);
	commit_image(s, good->digest, good->digest);
	assert_int_equal(layer_state(&s->dirs, good->digest), LAYER_READY);
}

/* A tree filled in by its user, as a build step does it. */
static struct stage_blob *build_layer(struct store *s, const char *text)
{
	const struct targets made = { 0 };
	const struct pack_how how = { .made = &made, .clamp = true };
	struct stage_tree tree;
	struct stage_blob *b;
	struct packed packed;
	struct err err;

	assert_int_equal(stage_tree_new(s->stage, &tree, &err), 0);
	assert_true(dir_make_at(tree.dir, "work/work", 0700) >= 0);
	assert_true(dir_make_at(tree.diff, "etc", 0755) >= 0);
	put_file(tree.diff, "etc/hosts", "");
	put_file(tree.diff, "file", text);
	if (stage_tree_pack(s->stage, &tree, &how, &packed, &b, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(packed.entries, 1);
	assert_int_equal(packed.size, strlen(text));
	return b;
}

static void a_tree_made_here_becomes_a_layer_as_it_is(void **state)
{
	struct store *s = *state;
	struct stage_blob *b = build_layer(s, "text"), *again = build_layer(s, "text");
	auto_free char *path = xasprintf("layers/%s/diff/file", digest_hex(b->digest));
	auto_free char *folder = xasprintf("layers/%s/work", digest_hex(b->digest));
	auto_free char *etc = xasprintf("layers/%s/diff/etc", digest_hex(b->digest));

	assert_ptr_equal(b, again);
	commit_image(s, b->digest, b->digest);
	assert_int_equal(layer_state(&s->dirs, b->digest), LAYER_READY);
	assert_int_equal(layer_size(&s->dirs, b->digest), 4);
	assert_file(s->folder.fd, path, "text");
	assert_int_equal(faccessat(s->folder.fd, folder, F_OK, 0), -1);
	assert_int_equal(faccessat(s->folder.fd, etc, F_OK, 0), -1);
	assert_true(is_there(s, "oci/blobs/sha256", b->digest));
	/* a second commit changes nothing */
	commit_image(s, b->digest, b->digest);
	assert_file(s->folder.fd, path, "text");
}

static void a_folder_in_use_is_packed_and_unpacked_beside_it(void **state)
{
	struct store *s = *state;
	const struct pack_how how = { 0 };
	auto_fd int dir = dir_open_make_at(s->folder.fd, "upper", 0755);
	struct stage_blob *b;
	struct packed packed;
	struct err err;

	put_file(dir, "file", "text");
	assert_int_equal(stage_pack(s->stage, dir, &how, &packed, &b, &err), 0);
	assert_int_equal(stage_want_layer(s->stage, b->digest, b->digest, 0, &err), 0);
	commit_image(s, b->digest, b->digest);
	assert_int_equal(layer_state(&s->dirs, b->digest), LAYER_READY);
	assert_file(dir, "file", "text");
}

static void a_blob_that_a_power_cut_has_spoilt_is_replaced(void **state)
{
	struct store *s = *state;
	struct stage_blob *config, *layer = bring_layer(s->stage, 'a');
	auto_free char *path = xasprintf("oci/blobs/sha256/%s", digest_hex(layer->digest));
	struct err err;
	struct stat st;

	put_file(s->folder.fd, path, "");
	assert_int_equal(stage_bytes(s->stage, "{}", 2, &config, &err), 0);
	config->wanted = true;
	assert_int_equal(stage_want_layer(s->stage, layer->digest, layer->digest, 0, &err), 0);
	commit_image(s, config->digest, config->digest);
	assert_int_equal(fstatat(s->folder.fd, path, &st, 0), 0);
	assert_int_equal(st.st_size, layer->size);
}

static void what_is_not_committed_leaves_nothing(void **state)
{
	struct store *s = *state;
	size_t len;
	auto_free char *tar = make_layer(&len, 'a');
	struct stage_in *in;
	struct err err;

	(void)bring_layer(s->stage, 'b');
	assert_int_equal(stage_begin(s->stage, true, &in, &err), 0);
	assert_int_equal(stage_data(in, tar, len / 2, &err), 0);
	stage_abort(in); /* while its unpacking waits for more */
	stage_free(s->stage);
	s->stage = NULL;
	assert_int_equal(unlinkat(s->folder.fd, "layers", AT_REMOVEDIR), 0); /* empty, that is */
	assert_int_equal(unlinkat(s->folder.fd, "oci/blobs/sha256", AT_REMOVEDIR), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_committed_is_in_the_store),
		TEST(the_same_bytes_are_one_blob),
		TEST(a_second_image_reuses_what_is_there),
		TEST(a_layer_with_another_diff_id_is_refused),
		TEST(a_broken_layer_is_refused_and_a_broken_stranger_is_not),
		TEST(a_tree_made_here_becomes_a_layer_as_it_is),
		TEST(a_folder_in_use_is_packed_and_unpacked_beside_it),
		TEST(a_blob_that_a_power_cut_has_spoilt_is_replaced),
		TEST(what_is_not_committed_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
