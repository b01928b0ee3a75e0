/* Names given to images and taken away, images removed. The rules for what may be removed, and the
 * words of the refusals, are Docker's:
 *   by name   only the name goes if the image has others; the last one takes the image with it
 *   by id     the image goes with its names, if they are at most one
 * The digest an image has in a repository (repository@sha256:…) is no name beside a tag there: it goes
 * with the last of them.
 *   force     all names go, and a stopped container does not hold the image; a running one does */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/str.h"
#include "core/containers.h"
#include "core/image_store.h"
#include "core/spawn.h"
#include "oci/event.h"
#include "oci/garbage.h"
#include "oci/layer.h"
#include "oci/lease.h"
#include "state/events.h"

#define SHORT_ID 12

/* ---- tag */

static int add_name(struct core *c, const char *ref, const struct image_ref *name, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	auto_free char *full = image_ref_full(name), *shown = image_ref_familiar(name), *id = NULL;
	auto_fd int lock = dirs_lock(&c->dirs);
	const char *found;
	int r;

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = oci_index_read(&c->dirs, &ix, err);
	if (r == 0)
		r = image_resolve(&ix, ref, &found, NULL, err);
	if (r < 0)
		return r;
	if (!*found)
		return image_missing(ref, err);
	id = xstrdup(found);
	oci_index_add_name(&ix, id, full);
	r = oci_index_write(&c->dirs, &ix, err);
	if (r == 0)
		image_event(&c->dirs, "tag", id, shown);
	return r;
}

int image_tag(struct core *c, const char *ref, const char *repo, const char *tag, struct err *err)
{
	auto_ref struct image_ref name = { 0 };
	int r = image_ref_make(repo, tag, &name, err);

	return r < 0 ? r : add_name(c, ref, &name, err);
}

/* ---- who uses an image */

struct usage {
	const char *image;
	char running[SHORT_ID + 1],
		stopped[SHORT_ID + 1]; /* a container of each kind, "" if none */
};

static int note_usage(void *arg, const struct container *ct)
{
	struct usage *u = arg;
	bool live = ct->status.state == RUN_RUNNING || ct->status.state == RUN_PAUSED ||
		ct->status.state == RUN_RESTARTING;

	if (ct->image_id && str_eq(ct->image_id, u->image))
		memcpy(live ? u->running : u->stopped, ct->id, SHORT_ID);
	return 0;
}

static int conflict(const struct usage *u, const char *how, const char *kind, const char *container,
	struct err *err)
{
	return err_set(err, ERR_CONFLICT, EBUSY,
		"conflict: unable to delete %.12s (%s) - image is being used by %s container %s",
		digest_hex(u->image), how, kind, container);
}

/* ---- remove */

struct removal {
	struct core *core;
	struct oci_index ix;
	char *id;
	struct usage usage;
	struct jsonw *w;
	char **untagged, **deleted; /* for the events, once it is done */
	char **layers; /* of what was deleted, each once; some may be needed by others */
};

static void removal_clear(struct removal *m)
{
	oci_index_clear(&m->ix);
	free(m->id);
	strv_free(m->untagged);
	strv_free(m->deleted);
	strv_free(m->layers);
}

static void untag(struct removal *m, size_t i)
{
	auto_ref struct image_ref ref = { 0 };
	auto_free char *shown = NULL;

	if (image_ref_parse(m->ix.entries[i].name, &ref, NULL) == 0)
		shown = image_ref_familiar(&ref);
	jw_object(m->w, NULL);
	jw_str(m->w, "Untagged", shown ? shown : m->ix.entries[i].name);
	jw_object_end(m->w);
	strv_add(&m->untagged, m->id);
	oci_index_untag(&m->ix, i);
}

/* An entry of the image that has a name, or -1. */
static ssize_t named_entry(const struct removal *m)
{
	for (size_t i = 0; i < m->ix.count; i++)
		if (m->ix.entries[i].name && str_eq(m->ix.entries[i].config, m->id))
			return (ssize_t)i;
	return -1;
}

/* The length of a name's repository. */
static size_t repository_len(const char *name)
{
	const char *end = strchr(name, '@');

	if (!end)
		end = strrchr(name, ':');
	return end ? (size_t)(end - name) : strlen(name);
}

static bool is_digest(const char *name)
{
	return strchr(name, '@') != NULL;
}

static bool same_repository(const char *a, const char *b)
{
	size_t len = repository_len(a);

	return len == repository_len(b) && strncmp(a, b, len) == 0;
}

/* The next of the image's names behind *at (start with -1) that is a digest, or a tag, in the
 * repository of another name (NULL: any); NULL at the end. */
static const char *next_name(
	const struct removal *m, ssize_t *at, bool digest, const char *repository_of)
{
	while (++*at < (ssize_t)m->ix.count) {
		const struct oci_entry *e = &m->ix.entries[*at];

		if (e->name && str_eq(e->config, m->id) && is_digest(e->name) == digest &&
			(!repository_of || same_repository(e->name, repository_of)))
			return e->name;
	}
	return NULL;
}

static bool has_name(const struct removal *m, bool digest, const char *repository_of)
{
	ssize_t at = -1;

	return next_name(m, &at, digest, repository_of) != NULL;
}

/* Tags count, and digests in repositories where there is no tag. */
static size_t count_names(const struct removal *m)
{
	const char *name;
	size_t n = 0;

	for (ssize_t at = -1; next_name(m, &at, false, NULL);)
		n++;
	for (ssize_t at = -1; (name = next_name(m, &at, true, NULL));)
		n += !has_name(m, false, name);
	return n;
}

/* Takes away the digests that a tag, which is gone, leaves alone in its repository. */
static void untag_digests(struct removal *m, const char *tag)
{
	ssize_t at = -1;

	if (is_digest(tag) || has_name(m, false, tag))
		return;
	while (next_name(m, &at, true, tag)) {
		untag(m, (size_t)at);
		at = -1;
	}
}

static void say_deleted(struct removal *m, const char *digest)
{
	jw_object(m->w, NULL);
	jw_str(m->w, "Deleted", digest);
	jw_object_end(m->w);
}

/* The topmost first, as Docker lists them. */
static void note_layers(struct removal *m)
{
	auto_image struct image *i = NULL;

	if (image_load(m->core, &m->ix, m->id, &i, NULL) < 0)
		return;
	for (size_t n = strv_len(i->diff_ids); n-- > 0;)
		if (!strv_has(m->layers, i->diff_ids[n]))
			strv_add(&m->layers, i->diff_ids[n]);
}

static void delete_image(struct removal *m)
{
	ssize_t named;

	note_layers(m);
	while ((named = named_entry(m)) >= 0)
		untag(m, (size_t)named);
	for (size_t i = m->ix.count; i-- > 0;)
		if (str_eq(m->ix.entries[i].config, m->id))
			oci_index_drop(&m->ix, i);
	say_deleted(m, m->id);
	strv_add(&m->deleted, m->id);
}

static int remove_by_id(struct removal *m, bool force, struct err *err)
{
	const struct usage *u = &m->usage;

	if (*u->running)
		return conflict(u, "cannot be forced", "running", u->running, err);
	if (!force && *u->stopped)
		return conflict(u, "must be forced", "stopped", u->stopped, err);
	if (!force && count_names(m) > 1)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"conflict: unable to delete %.12s (must be forced) - image is referenced in "
			"multiple repositories",
			digest_hex(m->id));
	delete_image(m);
	return 0;
}

static int remove_by_name(struct removal *m, const char *text, bool force, struct err *err)
{
	const char *user = *m->usage.running ? m->usage.running : m->usage.stopped;
	auto_ref struct image_ref ref = { 0 };
	auto_free char *full = NULL;
	size_t names = count_names(m);
	ssize_t i;
	int r;

	if (!force && names == 1 && *user)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"conflict: unable to remove repository reference \"%s\" (must force) - "
			"container %s is using its referenced image %.12s",
			text, user, digest_hex(m->id));
	r = image_ref_parse(text, &ref, err);
	if (r < 0)
		return r;
	full = image_ref_full(&ref);
	i = oci_index_find(&m->ix, full);
	if (i < 0)
		return image_missing(text, err);
	untag(m, (size_t)i);
	untag_digests(m, full);
	/* a running container keeps its image, which is left without a name */
	if (names == 1 && !*m->usage.running)
		delete_image(m);
	return 0;
}

/* Those that went with the images, by what they are called here (docs/decisions/004). Returns their bytes. */
static int64_t say_freed(struct removal *m, const int64_t *sizes)
{
	int64_t sum = 0;

	for (size_t i = 0; m->layers && m->layers[i]; i++) {
		if (layer_state(&m->core->dirs, m->layers[i]) != LAYER_MISSING)
			continue;
		say_deleted(m, m->layers[i]);
		sum += sizes[i];
	}
	return sum;
}

/* Writes the index, tells of what happened and frees what nobody needs. 1: something was. */
static int finish(struct removal *m, int64_t *ret_freed, struct err *err)
{
	const struct dirs *d = &m->core->dirs;
	size_t count = strv_len(m->layers);
	auto_free int64_t *sizes = xcalloc(count + 1, sizeof(*sizes));
	struct err problem;
	int r = oci_unsettle(d); /* until what nobody refers to any more is gone */

	*ret_freed = 0;
	if (r < 0)
		return err_sys(err, r, "begin the removal");
	r = oci_index_write(d, &m->ix, err);
	if (r < 0)
		return r;
	/* while the configurations with the labels are still there */
	for (char **id = m->untagged; id && *id; id++)
		image_event(d, "untag", *id, *id);
	for (char **id = m->deleted; id && *id; id++)
		image_event(d, "delete", *id, *id);
	for (size_t i = 0; i < count; i++)
		sizes[i] = layer_size(d, m->layers[i]);
	r = oci_collect_garbage(d, &m->ix, &problem);
	if (r < 0)
		log_warning("nothing was freed: %s", problem.msg);
	*ret_freed = say_freed(m, sizes);
	return r > 0;
}

static int remove_locked(struct removal *m, const char *ref, bool force, struct err *err)
{
	const char *found;
	int64_t freed;
	bool by_id;
	int r;

	r = oci_index_read(&m->core->dirs, &m->ix, err);
	if (r == 0)
		r = image_resolve(&m->ix, ref, &found, &by_id, err);
	if (r < 0)
		return r;
	if (!*found)
		return image_missing(ref, err);
	m->id = xstrdup(found);
	m->usage.image = m->id;
	r = container_foreach(m->core, note_usage, &m->usage, err);
	if (r == 0)
		r = by_id ? remove_by_id(m, force, err) : remove_by_name(m, ref, force, err);
	return r < 0 ? r : finish(m, &freed, err);
}

int image_remove(
	struct core *c, const char *ref, bool force, bool prune, struct buf *out, struct err *err)
{
	struct jsonw w = JSONW(out);
	__attribute__((cleanup(removal_clear))) struct removal m = { .core = c, .w = &w };
	auto_fd int lock = dirs_lock(&c->dirs);
	int r;

	(void)prune;
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	jw_array(&w, NULL);
	r = remove_locked(&m, ref, force, err);
	jw_array_end(&w);
	if (r > 0)
		core_trashed(c);
	return r < 0 ? r : 0;
}

/* ---- prune */

struct prune_choice {
	const struct filters *f;
	bool dangling; /* only such */
	int64_t until; /* 0: whatever their age */
};

static int read_choice(const struct filters *f, struct prune_choice *ret, struct err *err)
{
	int dangling, r = filters_bool(f, "dangling", &dangling, err);

	*ret = (struct prune_choice){ .f = f, .dangling = dangling != 0 };
	return r < 0 ? r : filters_time(f, "until", &ret->until, err);
}

static int prune_one(
	struct removal *m, const char *id, const struct prune_choice *choice, struct err *err)
{
	auto_image struct image *i = NULL;
	int r;

	if (image_load(m->core, &m->ix, id, &i, NULL) < 0 ||
		(choice->dangling && !image_dangling(i)) ||
		!image_matches(i, choice->f, choice->until))
		return 0;
	free(m->id);
	m->id = xstrdup(id);
	m->usage = (struct usage){ .image = m->id };
	r = container_foreach(m->core, note_usage, &m->usage, err);
	if (r < 0 || *m->usage.running || *m->usage.stopped)
		return r;
	delete_image(m);
	return 0;
}

static int prune_locked(struct removal *m, const struct filters *f, int64_t *freed, struct err *err)
{
	auto_strv char **ids = NULL;
	struct prune_choice choice;
	int r;

	r = read_choice(f, &choice, err);
	if (r == 0)
		r = oci_index_read(&m->core->dirs, &m->ix, err);
	if (r < 0)
		return r;
	ids = image_ids(&m->ix);
	for (char **id = ids; r == 0 && id && *id; id++)
		r = prune_one(m, *id, &choice, err);
	if (r < 0)
		return r;
	lease_end_all(&m->core->dirs); /* what broken-off pulls keep is unused, too */
	return m->deleted ? finish(m, freed, err) : oci_collect_leftovers(&m->core->dirs, err);
}

int image_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	auto_buf struct buf rows = { 0 };
	struct jsonw w = JSONW(&rows), reply = JSONW(out);
	__attribute__((cleanup(removal_clear))) struct removal m = { .core = c, .w = &w };
	auto_fd int pruning = core_lock_prune(c, "images", err);
	auto_fd int lock = pruning < 0 ? FD_NONE : dirs_lock(&c->dirs);
	int64_t freed = 0;
	int r;

	if (pruning < 0)
		return pruning;
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	jw_array(&w, NULL);
	r = prune_locked(&m, f, &freed, err);
	jw_array_end(&w);
	if (r < 0)
		return r;
	(void)event_prune(&c->dirs, "image", freed);
	jw_object(&reply, NULL);
	if (m.deleted)
		jw_raw(&reply, "ImagesDeleted", rows.data);
	else
		jw_null(&reply, "ImagesDeleted");
	jw_int(&reply, "SpaceReclaimed", freed);
	jw_object_end(&reply);
	if (r > 0)
		core_trashed(c);
	return 0;
}
