#include "core/build_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/container_filter.h"
#include "core/container_state.h"
#include "core/spawn.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layer.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "state/events.h"
#include "state/remove.h"
#include "json/text.h"

#define RECORD_MAX 4096
#define MOUNTS     BUILDS "/mounts"

/* A step, or a folder of RUN --mount=type=cache. */
struct item {
	char *name;
	char *layer; /* of a step that made one, else NULL */
	bool mount;
	bool shared, in_use;
	int64_t created, used; /* ns since 1970 */
	int64_t size;          /* 0 for a step whose layer another one before it has, too */
};

struct cache {
	struct core *core;
	int steps, mounts; /* their folders; FD_NONE: there is none */
	struct item *items;
	size_t count;
};

static void cache_clear(struct cache *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].name);
		free(c->items[i].layer);
	}
	free(c->items);
	(void)fd_close(c->steps);
	(void)fd_close(c->mounts);
}
#define auto_cache __attribute__((cleanup(cache_clear)))

/* ---- reading */

static struct item *add(struct cache *c, const char *name, const struct stat *st)
{
	int64_t used = st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec;

	if ((c->count & (c->count - 1)) == 0)
		c->items = xreallocarray(c->items, c->count ? 2 * c->count : 1, sizeof(*c->items));
	c->items[c->count] = (struct item){ .name = xstrdup(name), .created = used, .used = used };
	return &c->items[c->count++];
}

static void add_step(struct cache *c, const char *key, const struct stat *st)
{
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	struct item *item;
	const char *layer;
	size_t len;

	if (!id_valid(key))
		return;
	item = add(c, key, st);
	if (file_read_at(c->steps, key, RECORD_MAX, &text, &len) < 0 ||
		doc_parse(text, len, json_type_object, &doc, NULL) < 0)
		return;
	layer = doc_str(doc, "layer");
	if (digest_valid(layer))
		item->layer = xstrdup(layer);
	item->created = doc_int(doc, "created");
}

/* A build that uses the folder holds it locked. It may belong to any id: only from inside the user namespace
 * it can be read, and moved away. */
static void add_mount(struct cache *c, const char *name, const struct stat *st)
{
	struct item *item = add(c, name, st);
	auto_fd int fd = FD_NONE;

	if (c->core->copy && c->core->userns < 0)
		core_join_userns(c->core);
	fd = openat(c->mounts, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	item->mount = true;
	item->in_use = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0;
	item->size = tree_size_at(c->mounts, name);
}

/* Each name in data/path. */
static int read_folder(struct cache *c, const char *path, int *ret_dir,
	void (*fn)(struct cache *c, const char *name, const struct stat *st), struct err *err)
{
	DIR *d;
	struct dirent *e;

	*ret_dir = openat(c->core->dirs.data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = *ret_dir < 0 ? NULL : fdopendir(fcntl(*ret_dir, F_DUPFD_CLOEXEC, 3));
	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, errno, "read %s", path);
	while ((e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] != '.' &&
			fstatat(*ret_dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			fn(c, e->d_name, &st);
	}
	(void)closedir(d);
	return 0;
}

/* By layer, which brings equal ones together; those without come first. */
static int by_layer(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->layer ? x->layer : "", y->layer ? y->layer : "");
}

static int by_use(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used;
}

static int64_t blob_size(const struct dirs *d, const char *digest)
{
	auto_fd int fd = oci_blob_open(d, digest);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* Sizes, and what images and containers have. The items are sorted by layer. */
static int look_at_layers(struct cache *c, struct err *err)
{
	const struct dirs *d = &c->core->dirs;
	auto_index struct oci_index ix = { 0 };
	auto_free const char **layers = xcalloc(c->count + 1, sizeof(*layers));
	auto_free bool *used = xcalloc(c->count + 1, sizeof(*used));
	const char *before = "";
	int r = oci_index_read(d, &ix, err);

	for (size_t i = 0; i < c->count; i++)
		layers[i] = c->items[i].layer ? c->items[i].layer : "";
	if (r == 0)
		r = oci_layers_used(d, &ix, layers, c->count, used, err);
	for (size_t i = 0; r == 0 && i < c->count; i++) {
		struct item *item = &c->items[i];

		if (!item->layer)
			continue;
		item->shared = used[i];
		if (!str_eq(item->layer, before))
			item->size = layer_size(d, item->layer) + blob_size(d, item->layer);
		before = item->layer;
	}
	return r;
}

static struct cache cache_of(struct core *core)
{
	return (struct cache){ .core = core, .steps = FD_NONE, .mounts = FD_NONE };
}

/* A build's folder has a lock of its own; the store's is not held while they are measured. */
static int read_mounts(struct cache *c, struct err *err)
{
	return read_folder(c, MOUNTS, &c->mounts, add_mount, err);
}

/* After the mounts. */
static int read_steps(struct cache *c, struct err *err)
{
	int r = read_folder(c, BUILD_CACHE, &c->steps, add_step, err);

	if (r < 0 || !c->count)
		return r;
	qsort(c->items, c->count, sizeof(*c->items), by_layer);
	r = look_at_layers(c, err);
	qsort(c->items, c->count, sizeof(*c->items), by_use);
	return r;
}

/* In BuildKit's words. */
static const char *type_of(const struct item *item)
{
	return item->mount ? "exec.cachemount" : "regular";
}

/* ---- listing */

int build_cache_list(struct core *c, struct buf *out, struct err *err)
{
	auto_cache struct cache cache = cache_of(c);
	struct jsonw w = JSONW(out);
	int r = read_mounts(&cache, err);

	if (r == 0)
		r = read_steps(&cache, err);
	if (r < 0)
		return r;
	jw_array(&w, NULL);
	for (size_t i = 0; i < cache.count; i++) {
		const struct item *item = &cache.items[i];

		jw_object(&w, NULL);
		jw_str(&w, "ID", item->name);
		jw_str(&w, "Type", type_of(item));
		jw_str(&w, "Description", item->mount ? "cached mount" : "step of a build");
		jw_bool(&w, "InUse", item->in_use);
		jw_bool(&w, "Shared", item->shared);
		jw_int(&w, "Size", item->size);
		jw_time(&w, "CreatedAt", item->created);
		jw_time(&w, "LastUsedAt", item->used);
		jw_int(&w, "UsageCount", 1);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	return 0;
}

/* ---- pruning */

/* The filters, read. */
struct choice {
	const struct build_prune *how;
	int64_t before;              /* what was used since stays; 0: nothing does */
	int in_use, shared, private; /* -1: either */
};

static int read_choice(const struct build_prune *how, struct choice *ret, struct err *err)
{
	const struct filters *f = how->filters;
	const char *key = filters_get(f, "unused-for") ? "unused-for" : "until";
	int r;

	*ret = (struct choice){ .how = how };
	if (filters_get(f, "until") && filters_get(f, "unused-for"))
		return err_set(
			err, ERR_INVALID, EINVAL, "conflicting filters: until and unused-for");
	r = filters_time(f, key, &ret->before, err);
	if (r == 0)
		r = filters_bool(f, "inuse", &ret->in_use, err);
	if (r == 0)
		r = filters_bool(f, "shared", &ret->shared, err);
	return r < 0 ? r : filters_bool(f, "private", &ret->private, err);
}

static bool is_any(const struct filters *f, const char *key, const char *value)
{
	char *const *v = filters_get(f, key);

	return !v || !*v || strv_has(v, value);
}

/* docker system prune sends the labels that containers and images are to have; steps have none. */
static const char *no_label(void *unused, const char *label)
{
	(void)unused;
	(void)label;
	return NULL;
}

static bool is_chosen(const struct choice *c, const struct item *item)
{
	const struct filters *f = c->how->filters;

	if (!filters_match_labels(f, no_label, NULL))
		return false;
	if (item->in_use || c->in_use == 1)
		return false;
	if (!c->how->all && !item->mount && (item->shared || !item->layer))
		return false;
	if (c->before && item->used >= c->before)
		return false;
	if ((c->shared >= 0 && item->shared != (c->shared == 1)) ||
		(c->private >= 0 && item->shared == (c->private == 1)))
		return false;
	return is_any(f, "type", type_of(item)) && filters_match_pattern(f, "id", item->name);
}

static int64_t free_bytes(const struct core *c)
{
	struct statvfs st;

	return fstatvfs(c->dirs.data, &st) < 0 ? 0 : (int64_t)(st.f_bavail * st.f_frsize);
}

/* How much of all may stay, by BuildKit's rules. 0: nothing. */
static int64_t bytes_to_keep(
	const struct cache *cache, const struct build_prune *how, int64_t total)
{
	int64_t keep = how->max_used, excess = 0;

	if (how->min_free)
		excess = how->min_free - free_bytes(cache->core);
	if (!how->max_used && !how->min_free)
		return how->reserved;
	if (!how->max_used)
		keep = total;
	if (excess > 0 && total - excess < keep)
		keep = total - excess;
	return keep > how->reserved ? keep : how->reserved;
}

static int64_t own_size(const struct item *item)
{
	return item->shared ? 0 : item->size;
}

struct pruned {
	struct jsonw *w;
	char **layers; /* of the steps that went */
	size_t count;
	int64_t freed;
};

static void forget(struct cache *cache, const struct item *item, struct pruned *p)
{
	auto_fd int fd = FD_NONE;

	if (item->mount) {
		/* locked until it is away, so that no build takes it meanwhile */
		fd = openat(
			cache->mounts, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
			trash_put(&cache->core->dirs, cache->mounts, item->name) < 0)
			return;
		core_trashed(cache->core);
		p->freed += item->size;
	} else if ((item->layer && oci_unsettle(&cache->core->dirs) < 0) ||
		unlinkat(cache->steps, item->name, 0) < 0) {
		return;
	}
	if (item->layer && !strv_has(p->layers, item->layer))
		strv_add(&p->layers, item->layer);
	jw_str(p->w, NULL, item->name);
	p->count++;
}

/* The longest unused first. */
static void forget_chosen(struct cache *cache, const struct choice *c, struct pruned *p)
{
	int64_t total = 0, keep;

	for (size_t i = 0; i < cache->count; i++)
		total += own_size(&cache->items[i]);
	keep = bytes_to_keep(cache, c->how, total);
	for (size_t i = 0; i < cache->count && (!keep || total > keep); i++) {
		if (!is_chosen(c, &cache->items[i]))
			continue;
		forget(cache, &cache->items[i], p);
		total -= own_size(&cache->items[i]);
	}
}

/* What goes with the steps: layers that no image, container or other step has. */
static int collect(struct core *c, struct pruned *p, struct err *err)
{
	const struct dirs *d = &c->dirs;
	auto_index struct oci_index ix = { 0 };
	auto_free int64_t *sizes = xcalloc(strv_len(p->layers) + 1, sizeof(*sizes));
	int r = oci_index_read(d, &ix, err);

	for (size_t i = 0; i < strv_len(p->layers); i++)
		sizes[i] = layer_size(d, p->layers[i]) + blob_size(d, p->layers[i]);
	if (r == 0)
		r = oci_collect_garbage(d, &ix, err);
	if (r > 0)
		core_trashed(c);
	for (size_t i = 0; r >= 0 && i < strv_len(p->layers); i++)
		if (layer_state(d, p->layers[i]) == LAYER_MISSING)
			p->freed += sizes[i];
	return r < 0 ? r : 0;
}

static int prune(struct core *core, const struct choice *c, struct pruned *p, struct err *err)
{
	auto_cache struct cache cache = cache_of(core);
	auto_fd int lock = FD_NONE;
	int r = read_mounts(&cache, err);

	if (r < 0)
		return r;
	lock = dirs_lock(&core->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = read_steps(&cache, err);
	if (r < 0)
		return r;
	jw_array(p->w, NULL);
	forget_chosen(&cache, c, p);
	jw_array_end(p->w);
	return p->layers ? collect(core, p, err) : 0;
}

int build_prune(struct core *core, const struct build_prune *how, struct buf *out, struct err *err)
{
	auto_buf struct buf rows = { 0 };
	struct jsonw w = JSONW(&rows), reply = JSONW(out);
	struct pruned p = { .w = &w };
	struct choice c;
	int r = read_choice(how, &c, err);

	if (r == 0)
		r = prune(core, &c, &p, err);
	strv_free(p.layers);
	if (r < 0)
		return r;
	(void)event_prune(&core->dirs, "builder", p.freed);
	jw_object(&reply, NULL);
	if (p.count)
		jw_raw(&reply, "CachesDeleted", rows.data);
	else
		jw_null(&reply, "CachesDeleted");
	jw_int(&reply, "SpaceReclaimed", p.freed);
	jw_object_end(&reply);
	return 0;
}
