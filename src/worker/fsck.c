/* Puts the store in order after a crash: what was half-made is taken away, layers that may have lost
 * contents are unpacked again from their blobs, and what cannot be mended is told, one line each on
 * standard output. Nothing complete is ever removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layer.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "state/remove.h"
#include "worker/jobs.h"
#include "worker/leftovers.h"
#include "worker/stage.h"
#include "json/text.h"

static void __attribute__((format(printf, 1, 2))) report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

static const char *title(const struct oci_entry *e)
{
	return e->name ? e->name : e->manifest;
}

/* ---- layers */

/* A layer that is not there as it should be. */
static void repair_layer(struct work *w, struct stage *s, const char *digest, const char *diff_id,
	size_t n, unsigned *repaired)
{
	struct err err;

	if (!digest_valid(digest) || !digest_valid(diff_id) ||
		layer_state(&w->dirs, diff_id) == LAYER_READY)
		return;
	if (stage_want_layer(s, digest, diff_id, n, &err) < 0) {
		report("layer %s cannot be unpacked again: %s", diff_id, err.msg);
		return;
	}
	report("layer %s is unpacked again", diff_id);
	++*repaired;
}

static void repair_image(
	struct work *w, struct stage *s, const struct oci_entry *e, unsigned *repaired)
{
	auto_json json_object *manifest = NULL, *config = NULL;
	json_object *layers, *diff_ids;

	if (oci_blob_doc(&w->dirs, e->manifest, &manifest, NULL) < 0 || !*e->config ||
		oci_blob_doc(&w->dirs, e->config, &config, NULL) < 0)
		return; /* told by drop_broken() */
	layers = doc_array(manifest, "layers");
	diff_ids = doc_array(doc_object(config, "rootfs"), "diff_ids");
	for (size_t i = 0; i < doc_len(layers) && i < doc_len(diff_ids); i++)
		repair_layer(w, s, doc_str(doc_object_at(layers, i), "digest"),
			doc_str_at(diff_ids, i), i, repaired);
}

static int repair_layers(struct work *w, struct err *err)
{
	auto_stage struct stage *s = stage_new(&w->dirs, w->single_id);
	auto_index struct oci_index ix = { 0 };
	unsigned repaired = 0;
	int r = oci_index_read(&w->dirs, &ix, err);

	for (size_t i = 0; r == 0 && i < ix.count; i++)
		repair_image(w, s, &ix.entries[i], &repaired);
	return r == 0 && repaired ? stage_commit(s, NULL, 0, err) : r;
}

/* ---- the index */

static bool readable(const struct dirs *d, const char *digest)
{
	auto_json json_object *doc = NULL;

	return *digest && oci_blob_doc(d, digest, &doc, NULL) == 0;
}

/* Entries without manifest or configuration are no images any more. */
static bool drop_broken(const struct dirs *d, struct oci_index *ix)
{
	bool changed = false;

	for (size_t i = ix->count; i-- > 0;) {
		const struct oci_entry *e = &ix->entries[i];

		if (readable(d, e->manifest) && readable(d, e->config))
			continue;
		report("image %s has lost its %s and is taken out of the index", title(e),
			readable(d, e->manifest) ? "configuration" : "manifest");
		oci_index_drop(ix, i);
		changed = true;
	}
	return changed;
}

static int clean_index(const struct dirs *d, struct err *err)
{
	auto_fd int lock = dirs_lock(d);
	auto_index struct oci_index ix = { 0 };
	bool expected;
	int r;

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = oci_index_read(d, &ix, err);
	if (r == 0 && drop_broken(d, &ix))
		r = oci_index_write(d, &ix, err);
	if (r < 0)
		return r;
	expected = oci_is_unsettled(d); /* a sweep would have done the same */
	r = oci_collect_garbage(d, &ix, err);
	if (r > 0 && !expected)
		report("%d blobs and layers that nothing refers to are removed", r);
	return r < 0 ? r : 0;
}

static int check_store(struct work *w, struct err *err)
{
	int r;

	layers_drop_unfinished(&w->dirs);
	r = containers_drop_unfinished(&w->dirs, err);
	if (r > 0)
		report("%d half-made containers, names and records are removed", r);
	if (r >= 0)
		r = repair_layers(w, err);
	if (r >= 0)
		r = clean_index(&w->dirs, err);
	if (r < 0)
		return r;
	work_sync_layers(&w->dirs);
	r = trash_sweep(&w->dirs);
	return r < 0 ? err_sys(err, r, "empty the trash") : 0;
}

int job_fsck(struct work *w, struct err *err)
{
	auto_fd int alone = openat(w->dirs.data, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (alone < 0)
		return err_sys(err, errno, "open oci");
	if (flock(alone, LOCK_EX | LOCK_NB) < 0)
		return 0; /* another one is at it */
	r = work_enter(w, err);
	return r < 0 ? r : check_store(w, err);
}
