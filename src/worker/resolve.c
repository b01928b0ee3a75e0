#include "worker/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "json/text.h"

#define DEPTH_MAX   4
#define SCHEMA1     "application/vnd.docker.distribution.manifest.v1+json"
#define SCHEMA1_JWS "application/vnd.docker.distribution.manifest.v1+prettyjws"

void resolved_clear(struct resolved *r)
{
	buf_free(&r->text);
	buf_free(&r->config);
	free(r->media_type);
	manifest_clear(&r->manifest);
	strv_free(r->diff_ids);
	*r = (struct resolved){ 0 };
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (str_eq(s, *list))
			return true;
	return false;
}

/* ---- one document */

struct document {
	struct buf text;
	char digest[DIGEST_SIZE];
	char *type; /* "" if nobody says */
	bool index;
};

static void document_clear(struct document *d)
{
	buf_free(&d->text);
	free(d->type);
}

static const char *const manifest_types[] = { OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST,
	SCHEMA1, SCHEMA1_JWS, NULL };

/* What it is, by its own word and the registry's: who signs an image by its digest must mean what we
 * read into it, so that the two may not differ (CVE-2021-41190). */
static int find_type(
	const struct http_reply *reply, json_object *doc, struct document *d, struct err *err)
{
	const char *header = http_reply_header(reply, "content-type");
	auto_free char *said = header ? xstrndup(header, strcspn(header, "; ")) : xstrdup("");
	const char *own = doc_str(doc, "mediaType");

	if (own && is_one_of(said, manifest_types) && !str_eq(own, said))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"manifest %s: is of the kind %.100s, but was sent as %.100s", d->digest,
			own, said);
	d->type = xstrdup(own ? own : is_one_of(said, manifest_types) ? said : "");
	d->index = str_eq(d->type, OCI_INDEX) || str_eq(d->type, DOCKER_LIST) ||
		(!*d->type && doc_array(doc, "manifests"));
	if (doc_array(doc, "manifests") && (doc_array(doc, "layers") || doc_object(doc, "config")))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"manifest %s: is both an index and an image", d->digest);
	return 0;
}

static int check_type(
	json_object *doc, const struct document *d, const char *shown, struct err *err)
{
	if (str_eq(d->type, SCHEMA1) || str_eq(d->type, SCHEMA1_JWS) ||
		doc_int(doc, "schemaVersion") == 1)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"%.128s has a manifest of Docker's schema 1, which is not supported: its "
			"author has to push it again with a newer Docker",
			shown);
	if (*d->type && !is_one_of(d->type, manifest_types))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"%.128s: unsupported manifest media type %.128s", shown, d->type);
	return 0;
}

/* want: the digest it must have, or NULL for a tag; size: likewise, 0 if nobody said. */
static int read_document(struct registry *r, const char *what, const char *shown, const char *want,
	int64_t size, struct document *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	auto_reply struct http_reply reply = { 0 };
	int n = registry_manifest(r, what, shown, &reply, err);

	if (n < 0)
		return n;
	ret->text = reply.body;
	reply.body = (struct buf){ 0 };
	hash_bytes(ret->text.data ? ret->text.data : "", ret->text.len, ret->digest);
	if ((want && !str_eq(want, ret->digest)) || (size && size != (int64_t)ret->text.len))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"manifest verification failed for digest %s", want ? want : ret->digest);
	n = doc_parse(
		ret->text.data ? ret->text.data : "", ret->text.len, json_type_object, &doc, err);
	if (n < 0) {
		err->kind = ERR_SYSTEM; /* not the request is wrong */
		return err_prefix(err, "manifest %s", ret->digest);
	}
	n = find_type(&reply, doc, ret, err);
	return n < 0 ? n : check_type(doc, ret, shown, err);
}

/* ---- down the indexes */

static int no_match(const struct platform *want, struct err *err)
{
	char text[PLATFORM_TEXT];

	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"no matching manifest for %s in the manifest list entries",
		platform_text(want, text));
}

/* The entry for the platform, read in place of the index. */
static int descend(struct registry *r, const struct platform *want, const char *shown,
	struct document *d, struct err *err)
{
	__attribute__((cleanup(document_clear))) struct document next = { 0 };
	auto_image_index struct image_index ix = { 0 };
	const struct index_entry *e;
	char digest[DIGEST_SIZE];
	struct document old;
	int n = image_index_read(d->text.data, d->text.len, &ix, err);

	if (n < 0)
		return err_prefix(err, "manifest list %s", d->digest);
	e = image_index_match(&ix, want);
	if (!e)
		return no_match(want, err);
	n = index_entry_digest(e, digest, err);
	if (n == 0)
		n = read_document(r, digest, shown, digest, e->size, &next, err);
	if (n < 0)
		return n;
	old = *d;
	*d = next;
	next = old;
	return 0;
}

/* ---- what an image may be made of */

static int check_config_type(const struct manifest_part *part, const char *shown, struct err *err)
{
	static const char *const known[] = { OCI_CONFIG,
		"application/vnd.docker.container.image.v1+json",
		"application/octet-stream", /* of old registries */
		NULL };

	if (part->media_type && !is_one_of(part->media_type, known))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"%.128s is no image but something else: unsupported media type %.128s",
			shown, part->media_type);
	if (part->size < 0 || part->size > DOC_MAX)
		return err_set(err, ERR_SYSTEM, EFBIG,
			"%.128s: its configuration has no size, or one of more than %u bytes",
			shown, DOC_MAX);
	return 0;
}

static int check_layer_type(const char *digest, const struct manifest_part *part, struct err *err)
{
	static const char *const known[] = { OCI_LAYER, OCI_LAYER "+gzip", OCI_LAYER "+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd", NULL };

	if (part->size < 0)
		return err_set(err, ERR_SYSTEM, EBADMSG, "layer %s has no size", digest);
	if (!part->media_type || is_one_of(part->media_type, known))
		return 0;
	if (strstr(part->media_type, "foreign") || strstr(part->media_type, "nondistributable"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"layer %s is foreign (%.128s): the registry does not have it, and fetching "
			"it from elsewhere is not supported",
			digest, part->media_type);
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP, "layer %s: unsupported media type %.128s",
		digest, part->media_type);
}

static int check_parts(const struct manifest *m, const char *shown, struct err *err)
{
	int r = check_config_type(&m->config_part, shown, err);

	for (size_t i = 0; r == 0 && m->layers && m->layers[i]; i++)
		r = check_layer_type(m->layers[i], &m->parts[i], err);
	return r;
}

/* ---- the configuration */

static int take(void *arg, const void *data, size_t len, struct err *err)
{
	struct buf *b = arg;

	(void)err; /* registry_blob() keeps to the size */
	buf_add(b, data, len);
	return 0;
}

static int fetch_config(
	struct registry *r, const struct manifest *m, struct buf *ret, struct err *err)
{
	char digest[DIGEST_SIZE];
	int n = registry_blob(r, m->config, m->config_part.size, take, ret, err);

	if (n < 0)
		return n;
	hash_bytes(ret->data ? ret->data : "", ret->len, digest);
	if (!str_eq(digest, m->config))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"image config verification failed for digest %s", m->config);
	return 0;
}

static int read_config(const struct pull *p, struct registry *r, struct resolved *s, char **ret,
	size_t *ret_len, struct err *err)
{
	auto_fd int fd = oci_blob_open(&p->work->dirs, s->manifest.config);
	int n;

	if (fd >= 0) {
		n = fd_read_text(fd, DOC_MAX, ret, ret_len);
		return n < 0 ? err_sys(err, n, "read blob %s", s->manifest.config) : 0;
	}
	n = fetch_config(r, &s->manifest, &s->config, err);
	if (n < 0)
		return n;
	*ret = xstrndup(s->config.data ? s->config.data : "", s->config.len);
	*ret_len = s->config.len;
	return 0;
}

/* A lone manifest need not say what it is for; its configuration does. */
static int check_platform(const struct pull *p, const struct resolved *s, const char *text,
	size_t len, const char *shown, struct err *err)
{
	char want[PLATFORM_TEXT], is[PLATFORM_TEXT];
	auto_json json_object *doc = NULL;
	struct platform have;
	int r = doc_parse(text, len, json_type_object, &doc, err);

	if (r < 0)
		return r;
	platform_from_doc(doc, &have);
	if (*have.os && !str_eq(have.os, "linux"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"image operating system \"%.32s\" cannot be used on this platform",
			have.os);
	if (!p->platform || !*have.os || !str_eq(s->top, s->digest) ||
		platform_match(p->platform, &have))
		return 0;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"image with reference %.128s was found but does not match the specified platform: "
		"wanted %s, actual: %s",
		shown, platform_text(p->platform, want), platform_text(&have, is));
}

static int understand_config(const struct pull *p, struct registry *r, struct resolved *s,
	const char *shown, struct err *err)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int n = read_config(p, r, s, &text, &len, err);

	if (n < 0)
		return n;
	n = check_platform(p, s, text, len, shown, err);
	if (n == 0)
		n = diff_ids_read(text, len, strv_len(s->manifest.layers), &s->diff_ids, err);
	if (n < 0 && err->kind == ERR_INVALID)
		err->kind = ERR_SYSTEM;
	return n;
}

/* ---- all of it */

static int find_manifest(const struct pull *p, struct registry *r, const struct image_ref *ref,
	const char *shown, struct resolved *s, struct err *err)
{
	__attribute__((cleanup(document_clear))) struct document d = { 0 };
	struct platform want;
	int n;

	if (p->platform)
		want = *p->platform;
	else
		platform_host(&want);
	n = read_document(r, ref->digest ? ref->digest : ref->tag, shown, ref->digest, 0, &d, err);
	if (n < 0)
		return n;
	memcpy(s->top, d.digest, DIGEST_SIZE);
	for (int depth = 0; n == 0 && d.index; depth++) {
		if (depth == DEPTH_MAX)
			return err_set(err, ERR_SYSTEM, ELOOP, "indexes are nested too deeply");
		n = descend(r, &want, shown, &d, err);
	}
	if (n < 0)
		return n;
	memcpy(s->digest, d.digest, DIGEST_SIZE);
	s->text = d.text;
	d.text = (struct buf){ 0 };
	s->media_type = *d.type ? take_ptr(&d.type) : NULL;
	return 0;
}

int image_resolve_remote(const struct pull *p, struct registry *r, const struct image_ref *ref,
	struct resolved *ret, struct err *err)
{
	auto_free char *shown = image_ref_familiar(ref);
	auto_resolved struct resolved s = { 0 };
	int n = find_manifest(p, r, ref, shown, &s, err);

	if (n < 0)
		return n;
	n = manifest_read(s.text.data, s.text.len, &s.manifest, err);
	if (n < 0) {
		err->kind = ERR_SYSTEM;
		return err_prefix(err, "manifest %s", s.digest);
	}
	n = check_parts(&s.manifest, shown, err);
	if (n == 0)
		n = understand_config(p, r, &s, shown, err);
	if (n < 0)
		return n;
	*ret = s;
	s = (struct resolved){ 0 };
	return 0;
}
