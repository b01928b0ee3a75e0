#include "oci/garbage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "oci/doc.h"
#include "oci/lease.h"
#include "oci/reference.h"
#include "state/remove.h"
#include "json/text.h"

#define CONTAINER_MAX (4u << 20)
#define NEEDS_MAX     (4u << 20) /* some 50000 digests */
#define RECORD_MAX    4096
#define UNSETTLED     "oci/unsettled"

/* Digests, sorted before they are searched. */
struct set {
	char **v;
	size_t count, room;
};

struct needs {
	struct set blobs, layers;
};

static void set_add(struct set *s, const char *digest)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->v = xreallocarray(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->count++] = xstrdup(digest);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void set_sort(struct set *s)
{
	if (s->count)
		qsort(s->v, s->count, sizeof(*s->v), compare);
}

static bool set_has(const struct set *s, const char *digest)
{
	return s->count && bsearch(&digest, s->v, s->count, sizeof(*s->v), compare);
}

static void needs_clear(struct needs *n)
{
	for (size_t i = 0; i < n->blobs.count; i++)
		free(n->blobs.v[i]);
	for (size_t i = 0; i < n->layers.count; i++)
		free(n->layers.v[i]);
	free(n->blobs.v);
	free(n->layers.v);
}

static void need_all(struct set *s, json_object *digests)
{
	for (size_t i = 0; i < doc_len(digests); i++) {
		const char *digest = doc_str_at(digests, i);

		if (digest)
			set_add(s, digest);
	}
}

static int needs_of_image(
	const struct dirs *d, const struct oci_entry *e, struct needs *n, struct err *err)
{
	auto_json json_object *manifest = NULL, *config = NULL;
	json_object *layers;
	int r;

	if (!*e->config)
		return err_set(err, ERR_SYSTEM, EBADMSG, "manifest %s cannot be read", e->manifest);
	r = oci_blob_doc(d, e->manifest, &manifest, err);
	if (r == 0)
		r = oci_blob_doc(d, e->config, &config, err);
	if (r < 0)
		return r;
	set_add(&n->blobs, e->manifest);
	if (e->twin)
		set_add(&n->blobs, e->twin);
	set_add(&n->blobs, e->config);
	layers = doc_array(manifest, "layers");
	for (size_t i = 0; i < doc_len(layers); i++) {
		const char *digest = doc_str(doc_object_at(layers, i), "digest");

		if (digest)
			set_add(&n->blobs, digest);
	}
	need_all(&n->layers, doc_array(doc_object(config, "rootfs"), "diff_ids"));
	return 0;
}

static int needs_of_container(int containers, const char *id, struct needs *n, struct err *err)
{
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	char path[ID_SIZE + 16];
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path), "%.64s/config.json", id);
	r = record_text_at(containers, path, CONTAINER_MAX, &text, &len);
	if (r == -ENOENT)
		return 0; /* never completed, or just gone */
	if (r < 0)
		return err_sys(err, r, "read configuration of container %.12s", id);
	r = json_parse(text, len, &doc, err);
	if (r < 0)
		return err_prefix(err, "configuration of container %.12s", id);
	need_all(&n->layers, doc_array(doc, "Layers"));
	return 0;
}

/* ---- builds */

static int needs_of_cache(int cache, const char *key, void *arg, struct err *err)
{
	struct needs *n = arg;
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	const char *layer;
	size_t len;
	int r = file_read_at(cache, key, RECORD_MAX, &text, &len);

	if (r < 0)
		return r == -ENOENT ? 0 : err_sys(err, r, "read the build cache");
	/* one that a power cut has spoilt is of no use to a build either */
	if (doc_parse(text, len, json_type_object, &doc, NULL) < 0)
		return 0;
	layer = doc_str(doc, "layer");
	if (layer) {
		set_add(&n->blobs, layer);
		set_add(&n->layers, layer);
	}
	return 0;
}

static int needs_of_build(int builds, const char *name, struct needs *n, struct err *err)
{
	auto_free char *text = NULL, *path = NULL;
	auto_strv char **lines = NULL;
	int r;

	if (!str_starts(name, BUILD_TMP))
		return 0;
	path = xasprintf("%s/" BUILD_NEEDS, name);
	r = file_read_at(builds, path, NEEDS_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : err_sys(err, r, "read %s", path);
	lines = strv_split(text, '\n');
	for (char **l = lines; *l; l++) {
		if (!**l)
			continue;
		set_add(&n->blobs, *l);
		set_add(&n->layers, *l);
	}
	return 0;
}

static int needs_of_builds(const struct dirs *d, struct needs *n, struct err *err)
{
	int fd = openat(d->data, BUILDS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		r = errno == ENOENT ? 0 : err_sys(err, errno, "open " BUILDS);
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir)))
		r = needs_of_build(dirfd(dir), e->d_name, n, err);
	(void)closedir(dir);
	return r;
}

/* Calls fn for each name in data/path. */
static int each_name(const struct dirs *d, const char *path,
	int (*fn)(int dir, const char *name, void *arg, struct err *err), void *arg,
	struct err *err)
{
	int fd = openat(d->data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		r = errno == ENOENT ? 0 : err_sys(err, errno, "open %s", path);
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir)))
		if (id_valid(e->d_name))
			r = fn(dirfd(dir), e->d_name, arg, err);
	(void)closedir(dir);
	return r;
}

static int add_container(int dir, const char *name, void *arg, struct err *err)
{
	return needs_of_container(dir, name, arg, err);
}

struct sweep {
	const struct dirs *dirs;
	const struct set *keep; /* needed as long as nobody removes an image */
	const struct set *held; /* needed by containers and builds */
	int moved, later;
};

static int move_unneeded(int dir, const char *name, void *arg, struct err *err)
{
	char digest[sizeof("sha256:") + ID_LEN];
	struct sweep *s = arg;
	int r;

	(void)snprintf(digest, sizeof(digest), "sha256:%s", name);
	if (set_has(s->keep, digest))
		return 0;
	if (set_has(s->held, digest)) {
		s->later++;
		return 0;
	}
	r = trash_put(s->dirs, dir, name);
	if (r < 0)
		return err_sys(err, r, "remove %.19s", digest);
	s->moved++;
	return 0;
}

/* ---- leases */

struct leases {
	char **held, **over;
};

static void leases_clear(struct leases *l)
{
	strv_free(l->held);
	strv_free(l->over);
}
#define auto_leases __attribute__((cleanup(leases_clear)))

static int leases_read(const struct dirs *d, struct leases *ret, struct err *err)
{
	int r = lease_list(d, &ret->held, &ret->over);

	return r < 0 ? err_sys(err, r, "read " LEASES) : 0;
}

/* Last, when what they stood for is gone: who dies before that has left them for the next. */
static void leases_drop(const struct dirs *d, const struct leases *l)
{
	for (char **digest = l->over; digest && *digest; digest++)
		lease_drop(d, *digest);
}

/* ---- the store's state */

int oci_unsettle(const struct dirs *d)
{
	auto_fd int fd = openat(d->data, UNSETTLED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 1 : -errno;
	return 0;
}

void oci_settle(const struct dirs *d)
{
	(void)unlinkat(d->data, UNSETTLED, 0);
}

bool oci_is_unsettled(const struct dirs *d)
{
	return faccessat(d->data, UNSETTLED, F_OK, 0) == 0;
}

/* ---- collecting */

#define auto_needs __attribute__((cleanup(needs_clear)))

static int needs_of_images(
	const struct dirs *d, const struct oci_index *ix, struct needs *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ix->count; i++)
		r = needs_of_image(d, &ix->entries[i], ret, err);
	return r;
}

static int read_lasting(
	const struct dirs *d, const struct oci_index *ix, struct needs *ret, struct err *err)
{
	int r = needs_of_images(d, ix, ret, err);

	return r == 0 ? each_name(d, BUILD_CACHE, needs_of_cache, ret, err) : r;
}

static int read_passing(const struct dirs *d, struct needs *ret, struct err *err)
{
	int r = each_name(d, "containers", add_container, ret, err);

	return r == 0 ? needs_of_builds(d, ret, err) : r;
}

static void needs_sort(struct needs *n)
{
	set_sort(&n->blobs);
	set_sort(&n->layers);
}

int oci_collect_garbage(const struct dirs *d, const struct oci_index *ix, struct err *err)
{
	auto_needs struct needs lasting = { 0 }, passing = { 0 };
	auto_leases struct leases leases = { 0 };
	struct sweep blobs = { d, &lasting.blobs, &passing.blobs, 0, 0 };
	struct sweep layers = { d, &lasting.layers, &passing.layers, 0, 0 };
	int r = read_lasting(d, ix, &lasting, err);

	if (r == 0)
		r = read_passing(d, &passing, err);
	if (r == 0)
		r = leases_read(d, &leases, err);
	if (r < 0)
		return r;
	for (char **digest = leases.held; digest && *digest; digest++)
		set_add(&lasting.blobs, *digest);
	needs_sort(&lasting);
	needs_sort(&passing);
	r = each_name(d, "layers", move_unneeded, &layers, err);
	if (r == 0)
		r = each_name(d, "oci/blobs/sha256", move_unneeded, &blobs, err);
	if (r < 0)
		return r;
	leases_drop(d, &leases);
	if (blobs.later || layers.later)
		(void)oci_unsettle(d);
	else
		oci_settle(d);
	return blobs.moved + layers.moved;
}

int oci_collect_leftovers(const struct dirs *d, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	auto_leases struct leases leases = { 0 };
	int r = leases_read(d, &leases, err);

	if (r < 0 || (!leases.over && !oci_is_unsettled(d)))
		return r;
	r = oci_index_read(d, &ix, err);
	return r < 0 ? r : oci_collect_garbage(d, &ix, err);
}

int oci_layers_used(const struct dirs *d, const struct oci_index *ix, const char *const *digests,
	size_t count, bool *ret, struct err *err)
{
	auto_needs struct needs n = { 0 };
	int r = needs_of_images(d, ix, &n, err);

	if (r == 0)
		r = each_name(d, "containers", add_container, &n, err);
	if (r < 0)
		return r;
	set_sort(&n.layers);
	for (size_t i = 0; i < count; i++)
		ret[i] = set_has(&n.layers, digests[i]);
	return 0;
}
