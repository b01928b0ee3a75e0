/* One image on its way to a registry: each of its layers unless the registry has it, its configuration,
 * its manifest.
 *
 * Layers that are stored without compression (docker load, import and commit leave them so) are
 * compressed while they are sent. Their descriptors change with that, and so does the manifest's digest,
 * as Docker's does; the image's id stays. What a layer came to is remembered beside it, so that it is
 * compressed once per registry that lacks it, not once per push. */
#include "worker/push.h"

#include <pthread.h>
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

#define DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

#define PUSH_AT_ONCE 5 /* as Docker */

struct layer {
	const char *local;        /* digest as it is stored */
	const char *diff_id;      /* NULL: the configuration is none of an image */
	char digest[DIGEST_SIZE]; /* as it is sent; "" until it was compressed for the first time */
	int64_t size;             /* likewise */
	int64_t total;            /* bytes that the progress counts: as it is stored */
	atomic_llong sent;        /* of these */
	int fd;
	bool compress;
	const struct layer *twin; /* the same layer further down: images may hold one twice */
	struct meter_item *item;
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
	atomic_size_t next;   /* layer to send */
	pthread_mutex_t lock; /* of what follows */
	int failed;           /* -errno, with err */
	struct err err;
};

static void image_clear(struct image *i)
{
	for (size_t n = 0; n < i->count; n++) {
		if (i->layers[n].item)
			meter_unwatch(i->layers[n].item); /* it looks at the layer */
		(void)fd_close(i->layers[n].fd);
	}
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

static const struct layer *find_twin(const struct image *i, const char *digest)
{
	for (size_t n = 0; n < i->count; n++)
		if (str_eq(i->layers[n].local, digest))
			return &i->layers[n];
	return NULL;
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
		l->twin = find_twin(i, l->local);
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

/* One of the threads that send layers, with a conversation of its own. */
struct lane {
	struct image *image;
	struct registry *registry;
	struct layer *layer; /* the one under way */
	struct gzip *gzip;   /* its compression, or NULL */
	pthread_t thread;
};

static int64_t sent_so_far(void *arg)
{
	const struct layer *l = arg;

	return atomic_load_explicit(&l->sent, memory_order_relaxed);
}

static void on_sent(void *arg, int64_t total)
{
	struct lane *n = arg;

	atomic_store_explicit(
		&n->layer->sent, n->gzip ? gzip_taken(n->gzip) : total, memory_order_relaxed);
}

static ssize_t on_read(void *arg, void *data, size_t len, struct err *err)
{
	struct lane *n = arg;
	ssize_t got = gzip_read(n->gzip, data, len, err);

	if (got == 0)
		gzip_result(n->gzip, n->layer->digest, &n->layer->size);
	return got;
}

static int on_rewind(void *arg, struct err *err)
{
	struct lane *n = arg;

	return gzip_rewind(n->gzip, err);
}

static void on_retrying(void *arg, unsigned seconds)
{
	struct lane *n = arg;
	auto_free char *line = xstrndup(line_of(n->layer), PROGRESS_ID);

	meter_line(n->image->push->meter, line, "Retrying in %u second%s", seconds,
		seconds == 1 ? "" : "s");
}

static int send_stored(struct lane *n, const char *session, struct err *err)
{
	struct layer *l = n->layer;
	const struct http_upload body = {
		.fd = l->fd, .length = l->size, .sent = on_sent, .arg = n
	};
	const struct registry_source source = { .body = &body, .digest = l->digest };

	return registry_put_blob(n->registry, session, &source, n->image->shown, err);
}

static int send_compressed(struct lane *n, const char *session, struct err *err)
{
	struct layer *l = n->layer;
	const struct http_upload body = {
		.read = on_read, .rewind = on_rewind, .sent = on_sent, .arg = n
	};
	const struct registry_source source = { .body = &body, .digest = l->digest };
	int r = gzip_new(l->fd, &n->gzip, err);

	if (r < 0)
		return r;
	r = registry_put_blob(n->registry, session, &source, n->image->shown, err);
	gzip_free(take_ptr(&n->gzip));
	if (r == 0 && l->diff_id)
		layer_set_pushed(&n->image->push->work->dirs, l->diff_id, l->digest, l->size);
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
static int spare(struct lane *n, char **ret_session, struct err *err)
{
	struct layer *l = n->layer;
	const char *from = find_other(n->image->push, l);
	int r;

	if (!*l->digest)
		return 0;
	r = registry_has_blob(n->registry, l->digest, err);
	if (r > 0)
		meter_state(l->item, "Layer already exists");
	if (r != 0 || !from)
		return r;
	r = registry_mount(n->registry, l->digest, from, ret_session, err);
	if (r > 0) {
		auto_free char *text = xasprintf("Mounted from %s", from);

		meter_state(l->item, text);
	}
	return r;
}

static int push_layer(struct lane *n, struct err *err)
{
	struct layer *l = n->layer;
	auto_free char *session = NULL;
	int r = spare(n, &session, err);

	if (r != 0)
		return r < 0 ? r : 0;
	meter_watch(l->item, "Pushing", l->total, sent_so_far, l);
	r = l->compress ? send_compressed(n, session, err) : send_stored(n, session, err);
	if (r == 0)
		meter_state(l->item, "Pushed");
	return r;
}

/* ---- all layers */

/* The first error is what the client is told; the others' are that they were stopped. */
static void fail(struct image *i, int r, const struct err *err)
{
	(void)pthread_mutex_lock(&i->lock);
	if (i->failed == 0) {
		i->failed = r;
		i->err = *err;
	}
	(void)pthread_mutex_unlock(&i->lock);
	meter_stop(i->push->meter);
}

static void *run_lane(void *arg)
{
	struct lane *n = arg;
	struct image *i = n->image;
	struct err err = { 0 };
	size_t next;
	int r = 0;

	while (r == 0 && (next = atomic_fetch_add(&i->next, 1)) < i->count) {
		n->layer = &i->layers[next];
		if (!n->layer->twin)
			r = push_layer(n, &err);
	}
	if (r < 0)
		fail(i, r, &err);
	return NULL;
}

static void show_layers(struct image *i)
{
	struct meter *m = i->push->meter;

	for (size_t n = i->count; n-- > 0;) {
		struct layer *l = &i->layers[n];
		auto_free char *line = xstrndup(line_of(l), PROGRESS_ID);

		if (l->twin)
			continue;
		l->item = meter_item_new(m, line);
		meter_state(l->item, "Preparing");
	}
	for (size_t n = PUSH_AT_ONCE; n < i->count; n++)
		if (!i->layers[n].twin)
			meter_state(i->layers[n].item, "Waiting");
}

static int push_layers(struct image *i, struct err *err)
{
	struct lane lanes[PUSH_AT_ONCE] = { 0 };
	size_t started = 0;

	(void)pthread_mutex_init(&i->lock, NULL);
	for (; started < PUSH_AT_ONCE && started < i->count; started++) {
		struct lane *n = &lanes[started];

		n->image = i;
		n->registry = registry_fork(i->push->registry, on_retrying, n);
		if (pthread_create(&n->thread, NULL, run_lane, n) != 0) {
			registry_free(n->registry);
			break;
		}
	}
	if (started == 0 && i->count)
		return err_set(err, ERR_SYSTEM, EAGAIN, "no thread can be started");
	for (size_t k = 0; k < started; k++) {
		(void)pthread_join(lanes[k].thread, NULL);
		registry_free(lanes[k].registry);
	}
	(void)pthread_mutex_destroy(&i->lock);
	if (i->failed < 0) {
		*err = i->err;
		return i->failed;
	}
	for (size_t k = 0; k < i->count; k++)
		if (i->layers[k].twin) {
			memcpy(i->layers[k].digest, i->layers[k].twin->digest, DIGEST_SIZE);
			i->layers[k].size = i->layers[k].twin->size;
		}
	return 0;
}

/* ---- configuration and manifest */

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
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	meter_line(i->push->meter, NULL, "%s: digest: %s size: %zu", i->tag, digest, i->len);
	jw_object(&w, NULL);
	jw_object(&w, "progressDetail");
	jw_object_end(&w);
	jw_object(&w, "aux");
	jw_str(&w, "Tag", i->tag);
	jw_str(&w, "Digest", digest);
	jw_uint(&w, "Size", i->len);
	jw_object_end(&w);
	jw_object_end(&w);
	meter_record(i->push->meter, json.data);
}

int push_image(struct push *p, const struct oci_entry *e, const char *tag,
	char ret_digest[DIGEST_SIZE], struct err *err)
{
	__attribute__((cleanup(image_clear))) struct image i = { .push = p, .tag = tag };
	int r;

	i.shown = xasprintf("%s:%s", p->ref.familiar, tag);
	r = open_image(&i, e, err);
	if (r < 0)
		return r;
	show_layers(&i);
	/* small, so who may not push learns it at once; and the lanes begin with its token */
	r = push_config(&i, err);
	if (r == 0)
		r = push_layers(&i, err);
	if (r < 0)
		return r;
	rewrite_manifest(&i);
	r = registry_put_manifest(p->registry, tag, media_type_of(&i), i.text, i.len, i.shown, err);
	if (r < 0)
		return r;
	hash_bytes(i.text, i.len, ret_digest);
	tell(&i, ret_digest);
	return 0;
}
