/* One image: what it is made of, what of that the store has, and the rest. */
#include "worker/disk.h"
#include "worker/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/event.h"
#include "oci/layout.h"
#include "worker/fetch.h"
#include "worker/manifest.h"
#include "worker/resolve.h"
#include "worker/stage.h"

#define SHORT_ID 12
/* Left free on the disk, besides what has been unpacked by then. */

struct image {
	const struct pull *pull;
	const struct image_ref *ref;
	struct resolved r;
	struct stage *stage;
	struct fetch_layer *layers; /* that have to come; each once */
	size_t count;
	bool done; /* it is in the index */
};

static void image_clear(struct image *i)
{
	for (size_t k = 0; k < i->count; k++)
		meter_unwatch(i->layers[k].item); /* it looks at the layers and their blobs */
	fetch_end_leases(&i->pull->work->dirs, i->layers, i->count, i->done);
	resolved_clear(&i->r);
	stage_free(i->stage);
	free(i->layers);
}

static bool has_blob(const struct image *i, const char *digest)
{
	auto_fd int fd = oci_blob_open(&i->pull->work->dirs, digest);

	return fd >= 0;
}

static bool has_layer(const struct image *i, size_t n)
{
	return has_blob(i, i->r.manifest.layers[n]) &&
		stage_knows_layer(i->stage, i->r.manifest.layers[n], i->r.diff_ids[n]);
}

static bool has_everything(const struct image *i)
{
	if (!has_blob(i, i->r.digest) || !has_blob(i, i->r.manifest.config))
		return false;
	for (size_t n = 0; i->r.diff_ids && i->r.diff_ids[n]; n++)
		if (!has_layer(i, n))
			return false;
	return true;
}

/* ---- layers */

static bool came_before(const struct image *i, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (str_eq(i->r.manifest.layers[k], i->r.manifest.layers[n]))
			return true;
	return false;
}

static struct fetch_layer *find_layer(const struct image *i, const char *digest)
{
	for (size_t k = 0; k < i->count; k++)
		if (str_eq(i->layers[k].digest, digest))
			return &i->layers[k];
	return NULL;
}

static struct meter_item *new_item(const struct image *i, size_t n)
{
	char id[SHORT_ID + 1];

	(void)snprintf(id, sizeof(id), "%.12s", digest_hex(i->r.manifest.layers[n]));
	return meter_item_new(i->pull->meter, id);
}

/* Which layers have to come. Those that are here already are told at once. */
static void list_layers(struct image *i)
{
	size_t n = strv_len(i->r.manifest.layers);

	i->layers = xcalloc(n + 1, sizeof(*i->layers));
	for (size_t k = 0; k < n; k++) {
		struct meter_item *item;

		if (came_before(i, k))
			continue;
		item = new_item(i, k);
		if (has_blob(i, i->r.manifest.layers[k])) {
			meter_state(item, "Already exists");
			continue;
		}
		meter_state(item, "Pulling fs layer");
		i->layers[i->count].digest = i->r.manifest.layers[k];
		i->layers[i->count].size = i->r.manifest.parts[k].size;
		i->layers[i->count].lease = FD_NONE;
		i->layers[i->count++].item = item;
	}
	for (size_t k = FETCH_AT_ONCE; k < i->count; k++)
		meter_state(i->layers[k].item, "Waiting");
}

static int check_room(const struct image *i, struct err *err)
{
	int64_t room = disk_room(i->pull->work->dirs.data), wanted = 0;

	for (size_t k = 0; k < i->count; k++) {
		if (i->layers[k].size > room - wanted)
			return err_sys(err, ENOSPC, "layers of this size");
		wanted += i->layers[k].size;
	}
	return 0;
}

static int64_t unpacked(void *arg)
{
	struct fetch_layer *l = arg;

	return stage_unpacked(l->blob);
}

static int want_layer(struct image *i, struct fetch *f, size_t n, struct err *err)
{
	struct fetch_layer *l = find_layer(i, i->r.manifest.layers[n]);
	bool first = l && !came_before(i, n);
	int r = l ? fetch_wait(f, l, err) : 0;

	if (r == 0 && atomic_load(meter_cancel(i->pull->meter)))
		r = err_set(err, ERR_SYSTEM, ECANCELED, "cancelled");
	if (r < 0)
		return r;
	if (first && l->blob)
		meter_watch(l->item, "Extracting", l->size, unpacked, l);
	r = stage_want_layer(i->stage, i->r.manifest.layers[n], i->r.diff_ids[n], n, err);
	if (r < 0)
		return err_prefix(err, "failed to register layer");
	if (first)
		meter_state(l->item, "Pull complete");
	return 0;
}

static int get_layers(struct image *i, struct registry *r, struct err *err)
{
	auto_fetch struct fetch *f = NULL;
	int ret = check_room(i, err);

	if (ret < 0)
		return ret;
	f = fetch_new(&i->pull->work->dirs, i->stage, r, i->pull->meter, i->layers, i->count);
	for (size_t n = 0; ret == 0 && i->r.diff_ids && i->r.diff_ids[n]; n++)
		ret = want_layer(i, f, n, err);
	if (ret < 0)
		meter_stop(i->pull->meter); /* else the threads went on to the end */
	return ret;
}

/* ---- documents */

static int want_document(
	struct image *i, const char *digest, const struct buf *text, struct err *err)
{
	struct stage_blob *b;
	int r = 0;

	if (text->len)
		r = stage_bytes(i->stage, text->data, text->len, &b, err);
	return r == 0 ? stage_want(i->stage, digest, err) : r;
}

/* ---- names */

/* Under its tag, and under the digest the registry has for it: what RepoDigests shows. */
static char **names_of(const struct image *i)
{
	char **names = NULL;

	if (!i->ref->digest)
		strv_add_take(&names, image_ref_full(i->ref));
	strv_add_take(&names, xasprintf("%s@%s", i->ref->repository, i->r.top));
	return names;
}

/* Whether every name means this manifest already. */
static bool is_named(const struct image *i, char *const *names)
{
	auto_index struct oci_index ix = { 0 };

	if (oci_index_read(&i->pull->work->dirs, &ix, NULL) < 0)
		return false;
	for (; *names; names++) {
		ssize_t at = oci_index_find(&ix, *names);

		if (at < 0 || !str_eq(ix.entries[at].manifest, i->r.digest))
			return false;
	}
	return true;
}

static int commit(struct image *i, char *const *names, struct err *err)
{
	struct stage_image image = {
		.manifest = i->r.digest,
		.media_type = i->r.media_type,
		.config = i->r.manifest.config,
		.manifest_size = (int64_t)i->r.text.len,
		.names = names,
	};
	struct stage_blob *twin = NULL;
	int r = manifest_twin(
		i->stage, i->r.media_type, i->r.manifest.config, i->r.manifest.layers, &twin, err);

	image.twin = twin;
	return r == 0 ? stage_commit(i->stage, &image, 1, err) : r;
}

/* ---- the whole */

static void tell_begin(const struct image *i)
{
	const char *path = strchr(i->ref->repository, '/');
	const char *id = i->ref->digest ? i->ref->digest : i->ref->tag;

	meter_line(i->pull->meter, id, "Pulling from %s", path + 1);
}

static int get_image(struct image *i, struct registry *r, bool *ret_newer, struct err *err)
{
	auto_strv char **names = names_of(i);
	int ret;

	tell_begin(i);
	*ret_newer = !is_named(i, names);
	if (has_everything(i) && !*ret_newer)
		return 0;
	if (!has_everything(i))
		list_layers(i);
	ret = get_layers(i, r, err);
	if (ret == 0)
		ret = want_document(i, i->r.digest, &i->r.text, err);
	if (ret == 0)
		ret = want_document(i, i->r.manifest.config, &i->r.config, err);
	if (ret == 0)
		ret = commit(i, names, err);
	i->done = ret == 0;
	return ret;
}

static void tell_event(const struct image *i)
{
	auto_free char *shown = image_ref_familiar(i->ref);

	image_event_as(&i->pull->work->dirs, "pull", shown, i->ref->familiar, i->r.manifest.config);
}

int pull_over(const struct pull *p, struct registry *r, const struct image_ref *ref,
	struct pulled *ret, struct err *err)
{
	__attribute__((cleanup(image_clear))) struct image i = { .pull = p, .ref = ref };
	bool newer = false;
	int n = image_resolve_remote(p, r, ref, &i.r, err);

	if (n < 0)
		return n;
	i.stage = stage_new_cancellable(&p->work->dirs, p->work->single_id, meter_cancel(p->meter));
	n = get_image(&i, r, &newer, err);
	if (n < 0)
		return n;
	meter_line(p->meter, NULL, "Digest: %s", i.r.top);
	tell_event(&i);
	memcpy(ret->config, i.r.manifest.config, DIGEST_SIZE);
	memcpy(ret->digest, i.r.top, DIGEST_SIZE);
	ret->newer = newer;
	return 0;
}

int pull_open(const struct pull *p, const char *repository, struct registry **ret, struct err *err)
{
	const struct registry_how how = {
		.repository = repository,
		.actions = "pull",
		.credentials = p->credentials,
		.settings = p->settings,
		.cancel = meter_cancel(p->meter),
	};

	return registry_open(&how, ret, err);
}

int pull_reference(
	const struct pull *p, const struct image_ref *ref, struct pulled *ret, struct err *err)
{
	auto_registry struct registry *r = NULL;
	int n = pull_open(p, ref->repository, &r, err);

	return n < 0 ? n : pull_over(p, r, ref, ret, err);
}
