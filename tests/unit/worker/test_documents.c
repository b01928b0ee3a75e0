/* The documents in an archive of images: what they may say, and how much of it. */
#include "../unit.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "worker/documents.h"

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* before, n times element with commas between, after */
static char *text_of(const char *before, const char *element, size_t n, const char *after)
{
	auto_buf struct buf out = { 0 };

	buf_adds(&out, before);
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%s", i ? "," : "", element);
	buf_adds(&out, after);
	return buf_steal(&out);
}

static void refused(int r, const struct err *err, const char *part)
{
	assert_true(r < 0);
	if (!strstr(err->msg, part))
		fail_msg("%s: without %s", err->msg, part);
}

/* ---- manifest.json */

static int read_docker(const char *text, struct docker_images *ret, struct err *err)
{
	return docker_images_read(text, strlen(text), ret, err);
}

static void names_of_docker_images_are_completed(void **unused)
{
	auto_docker_images struct docker_images d = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(read_docker("[{\"Config\":\"c\",\"Layers\":[\"l/layer.tar\"],"
				     "\"RepoTags\":[\"busybox\",\"h:5000/a:b\"]},"
				     "{\"Config\":\"d\",\"Layers\":null,\"RepoTags\":null}]",
				 &d, &err),
		0);
	assert_int_equal(d.count, 2);
	assert_string_equal(d.items[0].config, "c");
	assert_string_equal(d.items[0].layers[0], "l/layer.tar");
	assert_string_equal(d.items[0].names[0], "docker.io/library/busybox:latest");
	assert_string_equal(d.items[0].names[1], "h:5000/a:b");
	assert_null(d.items[1].layers);
	assert_null(d.items[1].names);
}

static void docker_images_without_their_parts_are_refused(void **unused)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "", "unexpected end" },
		{ "{}", "an array expected" },
		{ "[]", "lists no images" },
		{ "[null]", "without Config" },
		{ "[{\"Config\":7}]", "without Config" },
		{ "[{\"Config\":\"c\\u0000d\"}]", "without Config" },
		{ "[{\"Config\":\"c\",\"Layers\":[{}]}]", "layer 0 is no name" },
		{ "[{\"Config\":\"c\",\"RepoTags\":[\"A b\"]}]", "invalid reference format" },
		{ "[{\"Config\":\"c\",\"RepoTags\":[null]}]", "invalid reference format" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct docker_images d = { 0 };
		struct err err;

		refused(read_docker(cases[i].text, &d, &err), &err, cases[i].part);
		assert_null(d.items);
	}
}

static void docker_images_have_limits(void **unused)
{
	auto_free char *images = text_of("[", "{}", IMAGES_MAX + 1, "]");
	auto_free char *layers =
		text_of("[{\"Config\":\"c\",\"Layers\":[", "\"l\"", LAYERS_MAX + 1, "]}]");
	auto_free char *names =
		text_of("[{\"Config\":\"c\",\"RepoTags\":[", "\"n\"", NAMES_MAX + 1, "]}]");
	/* names are counted over all images */
	auto_free char *half =
		text_of("{\"Config\":\"c\",\"RepoTags\":[", "\"n\"", NAMES_MAX / 2 + 1, "]}");
	auto_free char *halves = text_of("[", half, 2, "]");
	auto_free char *most =
		text_of("[{\"Config\":\"c\",\"Layers\":[", "\"l\"", LAYERS_MAX, "]}]");
	auto_docker_images struct docker_images d = { 0 };
	struct err err;

	(void)unused;
	refused(read_docker(images, &d, &err), &err, "more than 1000 images");
	refused(read_docker(layers, &d, &err), &err, "more than 127 layers");
	refused(read_docker(names, &d, &err), &err, "more than 2000 names");
	refused(read_docker(halves, &d, &err), &err, "more than 2000 names");
	assert_int_equal(read_docker(most, &d, &err), 0);
}

/* ---- indexes */

static int read_index(const char *text, struct image_index *ret, struct err *err)
{
	return image_index_read(text, strlen(text), ret, err);
}

static void an_index_names_manifests_and_further_indexes(void **unused)
{
	auto_image_index struct image_index ix = { 0 };
	char digest[DIGEST_SIZE];
	struct err err;

	(void)unused;
	assert_int_equal(read_index("{\"manifests\":[{\"digest\":\"" DIGEST "\",\"annotations\":"
				    "{\"org.opencontainers.image.ref.name\":\"latest\","
				    "\"io.containerd.image.name\":\"docker.io/library/a:b\"}},"
				    "{\"digest\":\"sha512:0\",\"mediaType\":\""
				    "application/vnd.oci.image.index.v1+json\",\"annotations\":"
				    "{\"org.opencontainers.image.ref.name\":\"Not a name\"}}]}",
				 &ix, &err),
		0);
	assert_int_equal(ix.count, 2);
	assert_string_equal(ix.items[0].name, "docker.io/library/a:b");
	assert_int_equal(index_entry_digest(&ix.items[0], digest, &err), 0);
	assert_string_equal(digest, DIGEST);
	assert_false(ix.items[0].nested);
	assert_true(ix.items[1].nested);
	assert_null(ix.items[1].name);
	/* whoever needs it is told; nobody need need it */
	refused(index_entry_digest(&ix.items[1], digest, &err), &err, "digest sha512:0");
}

static void a_media_type_too_long_to_be_one_is_none(void **unused)
{
	auto_free char *text = text_of("{\"manifests\":[{\"mediaType\":\"", "long", 60, "\"}]}");
	auto_image_index struct image_index ix = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(read_index(text, &ix, &err), 0);
	assert_null(ix.items[0].media_type);
}

static void of_many_platforms_only_this_machines_is_chosen(void **unused)
{
	auto_image_index struct image_index one = { 0 }, two = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(
		read_index("{\"manifests\":[{\"platform\":{\"os\":\"plan9\"}}]}", &one, &err), 0);
	assert_ptr_equal(image_index_choose(&one), one.items);
	assert_int_equal(
		read_index("{\"manifests\":[{\"platform\":{\"os\":\"plan9\"}},{}]}", &two, &err),
		0);
	assert_null(image_index_choose(&two));
}

static void an_index_has_limits(void **unused)
{
	auto_free char *many = text_of("{\"manifests\":[", "{}", IMAGES_MAX + 1, "]}");
	struct image_index ix = { 0 };
	struct err err;

	(void)unused;
	refused(read_index("{}", &ix, &err), &err, "lists no images");
	refused(read_index("{\"manifests\":{}}", &ix, &err), &err, "lists no images");
	refused(read_index(many, &ix, &err), &err, "more than 1000 images");
}

/* ---- manifest and configuration */

static int read_manifest(const char *text, struct manifest *ret, struct err *err)
{
	return manifest_read(text, strlen(text), ret, err);
}

#define CONFIG "\"config\":{\"digest\":\"" DIGEST "\"}"

static void a_manifest_has_a_configuration_and_layers(void **unused)
{
	auto_free char *deep = text_of(
		"{" CONFIG ",\"layers\":[", "{\"digest\":\"" DIGEST "\"}", LAYERS_MAX + 1, "]}");
	auto_manifest struct manifest m = { 0 };
	struct err err;

	(void)unused;
	refused(read_manifest("{\"layers\":[]}", &m, &err), &err, "digest missing");
	refused(read_manifest("{" CONFIG ",\"layers\":[{}]}", &m, &err), &err, "digest missing");
	refused(read_manifest(deep, &m, &err), &err, "more than 127 layers");
	assert_int_equal(
		read_manifest("{" CONFIG ",\"layers\":[{\"digest\":\"" DIGEST "\"}]}", &m, &err),
		0);
	assert_string_equal(m.config, DIGEST);
	assert_int_equal(strv_len(m.layers), 1);
}

static int read_diff_ids(const char *text, size_t n, char ***ret, struct err *err)
{
	return diff_ids_read(text, strlen(text), n, ret, err);
}

static void there_is_a_diff_id_for_every_layer(void **unused)
{
	static const char one[] = "{\"rootfs\":{\"diff_ids\":[\"" DIGEST "\"]}}";
	auto_strv char **ids = NULL;
	struct err err;

	(void)unused;
	refused(read_diff_ids(one, 2, &ids, &err), &err, "expected 2, got 1");
	refused(read_diff_ids("{\"rootfs\":{\"diff_ids\":[\"x\"]}}", 1, &ids, &err), &err,
		"invalid diffID for layer 0");
	assert_int_equal(read_diff_ids("{}", 0, &ids, &err), 0);
	assert_null(ids);
	assert_int_equal(read_diff_ids(one, 1, &ids, &err), 0);
	assert_string_equal(ids[0], DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_docker_images_are_completed),
		cmocka_unit_test(docker_images_without_their_parts_are_refused),
		cmocka_unit_test(docker_images_have_limits),
		cmocka_unit_test(an_index_names_manifests_and_further_indexes),
		cmocka_unit_test(a_media_type_too_long_to_be_one_is_none),
		cmocka_unit_test(of_many_platforms_only_this_machines_is_chosen),
		cmocka_unit_test(an_index_has_limits),
		cmocka_unit_test(a_manifest_has_a_configuration_and_layers),
		cmocka_unit_test(there_is_a_diff_id_for_every_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
