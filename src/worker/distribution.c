/* GET /distribution/NAME/json: what a registry has under a name, and for which platforms. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "worker/hash.h"
#include "worker/jobs.h"
#include "json/text.h"

#define PLATFORMS_MAX 1000

struct question {
	struct settings settings;
	struct credentials credentials;
	struct image_ref ref;
	char *shown;
	struct registry *registry;
	struct http_reply manifest;
	char digest[DIGEST_SIZE];
	json_object *doc; /* the manifest */
};

static void question_clear(struct question *q)
{
	registry_free(q->registry);
	http_reply_clear(&q->manifest);
	json_object_put(q->doc);
	image_ref_clear(&q->ref);
	credentials_clear(&q->credentials);
	settings_clear(&q->settings);
	free(q->shown);
}

static const char *media_type(const struct question *q)
{
	const char *type = doc_str(q->doc, "mediaType");

	if (!type)
		type = http_reply_header(&q->manifest, "content-type");
	return type ? type : OCI_MANIFEST;
}

/* ---- asking */

static int fetch_manifest(struct question *q, struct err *err)
{
	const char *wanted = q->ref.digest;
	int r;

	r = registry_manifest(
		q->registry, wanted ? wanted : q->ref.tag, q->shown, &q->manifest, err);
	if (r < 0)
		return r;
	hash_bytes(q->manifest.body.data, q->manifest.body.len, q->digest);
	if (wanted && !str_eq(wanted, q->digest))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"manifest verification failed for digest %s: it has %s", wanted, q->digest);
	r = doc_parse(q->manifest.body.data, q->manifest.body.len, json_type_object, &q->doc, err);
	if (r < 0) {
		err->kind = ERR_SYSTEM;
		return err_prefix(err, "manifest of %.160s", q->shown);
	}
	return 0;
}

static int collect(void *arg, const void *data, size_t len, struct err *err)
{
	struct buf *b = arg;

	if (b->len + len > DOC_MAX)
		return err_set(err, ERR_SYSTEM, EMSGSIZE, "larger than %u bytes", DOC_MAX);
	buf_add(b, data, len);
	return 0;
}

static int fetch_config(struct question *q, json_object **ret, struct err *err)
{
	json_object *descriptor = doc_object(q->doc, "config");
	const char *digest = doc_str(descriptor, "digest");
	auto_buf struct buf text = { 0 };
	char have[DIGEST_SIZE];
	int r;

	if (!digest_valid(digest))
		return err_set(
			err, ERR_SYSTEM, EBADMSG, "manifest of %.160s: no configuration", q->shown);
	r = registry_blob(q->registry, digest, doc_int(descriptor, "size"), collect, &text, err);
	if (r < 0)
		return err_prefix(err, "configuration of %.160s", q->shown);
	hash_bytes(text.data, text.len, have);
	if (!str_eq(have, digest))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"configuration of %.160s: its digest is %s, not %s", q->shown, have,
			digest);
	r = doc_parse(text.data ? text.data : "", text.len, json_type_object, ret, err);
	if (r < 0)
		err->kind = ERR_SYSTEM;
	return r;
}

/* ---- the answer */

/* from: a "platform" of an index, or a configuration, which has the same members and more. */
static void print_platform(struct jsonw *w, json_object *from)
{
	static const char *const members[] = { "architecture", "os", "os.version", "variant" };
	json_object *features = doc_array(from, "os.features");

	jw_object(w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *value = doc_str(from, members[i]);

		if (value && *value)
			jw_str(w, members[i], value);
	}
	if (doc_len(features))
		json_write(w, "os.features", features);
	jw_object_end(w);
}

static void print(struct question *q, json_object *config, struct buf *out)
{
	json_object *list = doc_array(q->doc, "manifests");
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_object(&w, "Descriptor");
	jw_str(&w, "mediaType", media_type(q));
	jw_str(&w, "digest", q->digest);
	jw_uint(&w, "size", q->manifest.body.len);
	jw_object_end(&w);
	jw_array(&w, "Platforms");
	if (config)
		print_platform(&w, config);
	for (size_t i = 0; i < doc_len(list) && i < PLATFORMS_MAX; i++) {
		json_object *platform = doc_object(doc_object_at(list, i), "platform");

		if (platform)
			print_platform(&w, platform);
	}
	jw_array_end(&w);
	jw_object_end(&w);
}

static int answer_question(struct question *q, struct work *w, struct buf *out, struct err *err)
{
	auto_json json_object *config = NULL;
	struct registry_how how = {
		.actions = "pull",
		.credentials = &q->credentials,
		.settings = &q->settings,
	};
	int r;

	/* what cannot be read counts as none, as for a pull */
	(void)work_credentials(&q->credentials, NULL);
	work_drain();
	r = image_ref_parse(work_get(w, "name", ""), &q->ref, err);
	if (r == 0)
		r = settings_read(&q->settings, err);
	if (r < 0)
		return r;
	q->shown = image_ref_familiar(&q->ref);
	how.repository = q->ref.repository;
	r = registry_open(&how, &q->registry, err);
	if (r == 0)
		r = fetch_manifest(q, err);
	if (r == 0 && !doc_array(q->doc, "manifests"))
		r = fetch_config(q, &config, err);
	if (r == 0)
		print(q, config, out);
	return r;
}

int job_distribution(struct work *w, struct err *err)
{
	__attribute__((cleanup(question_clear))) struct question q = { 0 };
	auto_buf struct buf out = { 0 };
	int r = answer_question(&q, w, &out, err);

	return answer_with(&w->answer, r, &out, err);
}
