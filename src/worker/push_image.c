/* One image on its way to a registry: each of its layers unless the registry has it, its configuration,
 * its manifest.
 *
 * Layers that are stored without compression (docker load, import and commit leave them so) are
 * compressed while they are sent. Their descriptors change with that, and so does the manifest's digest,
 * as Docker's does; the image's id stays. What a layer came to is remembered beside it, so that it is
 * compressed once per registry that lacks it, not once per push. */
#include "worker/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/layer.h"
#include "registry/upload.h"
#include "worker/documents.h"
#include "worker/gzip.h"
#include "worker/progress.h"
#include "json/text.h"

#define DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

struct layer {
	const char *local;        /* digest as it is stored */
	const char *diff_id;      /* NULL: the configuration is none of an image */
	char digest[DIGEST_SIZE]; /* as it is sent; "" until it was compressed for the first time */
	int64_t size;             /* likewise */
	int64_t total;            /* bytes that the progress counts: as it is stored */
	int fd;
	bool compress;
};

struct image {
	struct push *push;
	const char *tag;
	char *shown; /* "busybox:latest" */
	char *text;  /* the manifest */
	size_t len;
	json_object *doc; /* the same */
	struct manifest manifest;
	char **diff_ids;
	struct layer *layers;
	size_t count;
};

static void image_clear(struct image *i)
{
	for (size_t n = 0; n < i->count; n++)
		(void)fd_close(i->layers[n].fd);
	free(i->layers);
	free(i->shown);
	free(i->text);
	json_object_put(i->doc);
	manifest_clear(&i->manifest);
	strv_free(i->diff_ids);
}

/* The line of a layer: people know the diff-ids from pulling. */
static const char *line_of(const struct layer *l)
{
	return digest_hex(l->diff_id ? l->diff_id : l->local);
}

/* ---- what there is to send */

static int read_blob(
	const struct dirs *d, const char *digest, char **ret, size_t *ret_len, struct err *err)
{
	auto_fd int fd = oci_blob_open(d, digest);
	int r = fd < 0 ? fd : fd_read_text(fd, DOC_MAX, ret, ret_len);

	return r < 0 ? err_sys(err, r, "read blob %.19s", digest) : 0;
}

static int open_layer(const struct dirs *d, struct layer *l, struct err *err)
{
	struct stat st;

	l->fd = oci_blob_open(d, l->local);
	if (l->fd < 0)
		return err_sys(err, l->fd, "open layer %.19s", l->local);
	if (fstat(l->fd, &st) < 0)
		return err_sys(err, errno, "open layer %.19s", l->local);
	l->total = st.st_size;
	l->compress = !gzip_needless(l->fd);
	if (!l->compress) {
		(void)snprintf(l->digest, sizeof(l->digest), "%s", l->local);
		l->size = l->total;
	} else if (l->diff_id && !layer_pushed(d, l->diff_id, l->digest, &l->size)) {
		*l->digest = '\0';
	}
	return 0;
}

/* Opens everything: whoever removes the image meanwhile does not disturb. */
static int open_layers(struct image *i, struct err *err)
{
	size_t n = strv_len(i->manifest.layers);
	int r = 0;

	i->layers = xcalloc(n + 1, sizeof(*i->layers));
	while (r == 0 && i->count < n) {
		struct layer *l = &i->layers[i->count];

		l->local = i->manifest.layers[i->count];
		l->diff_id = i->diff_ids ? i->diff_ids[i->count] : NULL;
		l->fd = FD_NONE;
		i->count++;
		r = open_layer(&i->push->work->dirs, l, err);
	}
	return r;
}

static int open_image(struct image *i, const struct oci_entry *e, struct err *err)
{
	const struct dirs *d = &i->push->work->dirs;
	auto_free char *config = NULL;
	size_t len;
	int r;

	r = read_blob(d, e->manifest, &i->text, &i->len, err);
	if (r == 0)
		r = doc_parse(i->text, i->len, json_type_object, &i->doc, err);
	if (r == 0)
		r = manifest_read(i->text, i->len, &i->manifest, err);
	if (r == 0)
		r = read_blob(d, i->manifest.config, &config, &len, err);
	if (r < 0)
		return r;
	if (diff_ids_read(config, len, strv_len(i->manifest.layers), &i->diff_ids, NULL) < 0)
		i->diff_ids = NULL;
	return open_layers(i, err);
}

/* ---- one layer */

struct sending {
	struct push *push;
	struct layer *layer;
	struct gzip *gzip; /* NULL: as it is stored */
	struct progress_pace pace;
};

static void show(struct sending *s, int64_t current)
{
	if (!progress_due(&s->pace))
		return;
	progress_bytes(
		&s->push->work->answer, line_of(s->layer), "Pushing", current, s->layer->total);
	push_look_after_client(s->push);
}

static void on_sent(void *arg, int64_t total)
{
	struct sending *s = arg;

	show(s, s->gzip ? gzip_taken(s->gzip) : total);
}

static ssize_t on_read(void *arg, void *data, size_t len, struct err *err)
{
	struct sending *s = arg;
	ssize_t n = gzip_read(s->gzip, data, len, err);

	if (n == 0)
		gzip_result(s->gzip, s->layer->digest, &s->layer->size);
	return n;
}

static int on_rewind(void *arg, struct err *err)
{
	struct sending *s = arg;

	return gzip_rewind(s->gzip, err);
}

static int send_stored(struct image *i, struct layer *l, const char *session, struct err *err)
{
	struct sending s = { .push = i->push, .layer = l };
	const struct http_upload body = {
		.fd = l->fd, .length = l->size, .sent = on_sent, .arg = &s
	};
	const struct registry_source source = { .body = &body, .digest = l->digest };

	return registry_put_blob(i->push->registry, session, &source, i->shown, err);
}

static int send_compressed(struct image *i, struct layer *l, const char *session, struct err *err)
{
	auto_gzip struct gzip *gzip = NULL;
	struct sending s = { .push = i->push, .layer = l };
	const struct http_upload body = {
		.read = on_read, .rewind = on_rewind, .sent = on_sent, .arg = &s
	};
	const struct registry_source source = { .body = &body, .digest = l->digest };
	int r = gzip_new(l->fd, &gzip, err);

	if (r < 0)
		return r;
	s.gzip = gzip;
	r = registry_put_blob(i->push->registry, session, &source, i->shown, err);
	if (r == 0 && l->diff_id)
		layer_set_pushed(&i->push->work->dirs, l->diff_id, l->digest, l->size);
	return r;
}

/* The repository to ask for the layer: one that surely is there, else one that may be. */
static const char *find_other(const struct push *p, const struct layer *l)
{
	const char *found = NULL;

	for (size_t i = 0; i < p->other_count; i++) {
		const struct push_other *o = &p->others[i];

		if ((o->known || !found) && strv_has(o->blobs, l->local))
			found = o->path;
		if (found == o->path && o->known)
			break;
	}
	return found;
}

/* 1: the registry has it already, or has taken it from elsewhere. */
static int spare(struct image *i, struct layer *l, char **ret_session, struct err *err)
{
	struct answer *a = &i->push->work->answer;
	const char *from = find_other(i->push, l);
	int r;

	if (!*l->digest)
		return 0;
	r = registry_has_blob(i->push->registry, l->digest, err);
	if (r > 0)
		progress_status(a, line_of(l), "Layer already exists");
	if (r != 0 || !from)
		return r;
	r = registry_mount(i->push->registry, l->digest, from, ret_session, err);
	if (r > 0) {
		auto_free char *text = xasprintf("Mounted from %s", from);

		progress_status(a, line_of(l), text);
	}
	return r;
}

static int push_layer(struct image *i, struct layer *l, struct err *err)
{
	auto_free char *session = NULL;
	int r;

	i->push->line = line_of(l);
	r = spare(i, l, &session, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = l->compress ? send_compressed(i, l, session, err) : send_stored(i, l, session, err);
	if (r == 0)
		progress_status(&i->push->work->answer, line_of(l), "Pushed");
	return r;
}

/* The one before that is the same: images may hold a layer twice. */
static const struct layer *twin_of(const struct image *i, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (str_eq(i->layers[k].local, i->layers[n].local))
			return &i->layers[k];
	return NULL;
}

static int push_layers(struct image *i, struct err *err)
{
	struct answer *a = &i->push->work->answer;
	int r = 0;

	for (size_t n = i->count; n-- > 0;)
		progress_status(a, line_of(&i->layers[n]), "Preparing");
	for (size_t n = 1; n < i->count; n++)
		progress_status(a, line_of(&i->layers[n]), "Waiting");
	for (size_t n = 0; r == 0 && n < i->count; n++) {
		const struct layer *twin = twin_of(i, n);
		struct layer *l = &i->layers[n];

		push_look_after_client(i->push);
		if (!twin) {
			r = push_layer(i, l, err);
			continue;
		}
		memcpy(l->digest, twin->digest, sizeof(l->digest));
		l->size = twin->size;
		progress_status(a, line_of(l), "Layer already exists");
	}
	return r;
}

/* ---- what follows them */

static int push_config(struct image *i, struct err *err)
{
	const char *digest = i->manifest.config;
	auto_fd int fd = oci_blob_open(&i->push->work->dirs, digest);
	struct http_upload body = { .fd = fd };
	const struct registry_source source = { .body = &body, .digest = digest };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : errno, "open configuration %.19s", digest);
	body.length = st.st_size;
	r = registry_has_blob(i->push->registry, digest, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return registry_put_blob(i->push->registry, NULL, &source, i->shown, err);
}

static const char *media_type_of(const struct image *i)
{
	const char *type = doc_str(i->doc, "mediaType");

	return type ? type : OCI_MANIFEST;
}

/* The manifest with the layers as they were sent; all its other members are kept. */
static void rewrite_manifest(struct image *i)
{
	bool docker = str_eq(media_type_of(i), DOCKER_MANIFEST);
	json_object *list = doc_array(i->doc, "layers");
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	bool changed = false;

	for (size_t n = 0; n < i->count; n++) {
		json_object *o = doc_object_at(list, n);
		const struct layer *l = &i->layers[n];

		if (!l->compress)
			continue;
		json_object_object_add(o, "mediaType",
			json_object_new_string(docker ? DOCKER_LAYER_GZIP : OCI_LAYER "+gzip"));
		json_object_object_add(o, "digest", json_object_new_string(l->digest));
		json_object_object_add(o, "size", json_object_new_int64(l->size));
		changed = true;
	}
	if (!changed)
		return;
	json_write(&w, NULL, i->doc);
	free(i->text);
	i->len = out.len;
	i->text = buf_steal(&out);
}

static void tell(struct image *i, const char *digest)
{
	struct answer *a = &i->push->work->answer;
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	progress_message(a, "%s: digest: %s size: %zu", i->tag, digest, i->len);
	jw_object(&w, NULL);
	jw_object(&w, "progressDetail");
	jw_object_end(&w);
	jw_object(&w, "aux");
	jw_str(&w, "Tag", i->tag);
	jw_str(&w, "Digest", digest);
	jw_uint(&w, "Size", i->len);
	jw_object_end(&w);
	jw_object_end(&w);
	answer_record(a, json.data);
}

int push_image(struct push *p, const struct oci_entry *e, const char *tag,
	char ret_digest[DIGEST_SIZE], struct err *err)
{
	__attribute__((cleanup(image_clear))) struct image i = { .push = p, .tag = tag };
	int r;

	i.shown = xasprintf("%s:%s", p->ref.familiar, tag);
	r = open_image(&i, e, err);
	if (r == 0)
		r = push_layers(&i, err);
	if (r == 0)
		r = push_config(&i, err);
	if (r < 0)
		return r;
	p->line = NULL;
	rewrite_manifest(&i);
	r = registry_put_manifest(p->registry, tag, media_type_of(&i), i.text, i.len, i.shown, err);
	if (r < 0)
		return r;
	hash_bytes(i.text, i.len, ret_digest);
	tell(&i, ret_digest);
	return 0;
}
