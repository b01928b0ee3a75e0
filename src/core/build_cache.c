#include "core/build_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/container_filter.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layer.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "state/remove.h"
#include "json/text.h"

#define RECORD_MAX 4096
#define MOUNTS     BUILDS "/mounts"

struct prune {
	struct core *core;
	struct jsonw *w;
	int64_t before; /* ns since 1970: what is newer stays; 0: nothing does */
	char **layers;  /* of the records that went */
	size_t deleted;
};

/* The names in data/path, owned. */
static int names_in(struct core *c, const char *path, int *ret_dir, char ***ret)
{
	int fd = openat(c->dirs.data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	struct dirent *e;

	*ret_dir = fd;
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			strv_add(ret, e->d_name);
	(void)closedir(d);
	return 0;
}

static bool is_old(const struct prune *p, int dir, const char *name)
{
	struct stat st;

	if (!p->before)
		return true;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec < p->before;
}

static void forget(struct prune *p, int dir, const char *key)
{
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	const char *layer = NULL;
	size_t len;

	if (!id_valid(key) || !is_old(p, dir, key))
		return;
	if (file_read_at(dir, key, RECORD_MAX, &text, &len) == 0 &&
		doc_parse(text, len, json_type_object, &doc, NULL) == 0)
		layer = doc_str(doc, "layer");
	if (unlinkat(dir, key, 0) < 0)
		return;
	if (digest_valid(layer) && !strv_has(p->layers, layer))
		strv_add(&p->layers, layer);
	jw_str(p->w, NULL, key);
	p->deleted++;
}

static int forget_steps(struct prune *p, struct err *err)
{
	auto_strv char **names = NULL;
	auto_fd int dir = FD_NONE;
	int r = names_in(p->core, BUILD_CACHE, &dir, &names);

	if (r < 0)
		return err_sys(err, r, "read the build cache");
	for (char **n = names; n && *n; n++)
		forget(p, dir, *n);
	return 0;
}

/* A build that uses the folder holds it locked. */
static int drop_mounts(struct prune *p, struct err *err)
{
	auto_strv char **names = NULL;
	auto_fd int dir = FD_NONE;
	int r = names_in(p->core, MOUNTS, &dir, &names);

	if (r < 0)
		return err_sys(err, r, "read " MOUNTS);
	for (char **n = names; n && *n; n++) {
		auto_fd int fd = openat(dir, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_old(p, dir, *n) ||
			trash_put(&p->core->dirs, dir, *n) < 0)
			continue;
		core_trashed(p->core);
		jw_str(p->w, NULL, *n);
		p->deleted++;
	}
	return 0;
}

static int64_t blob_size(const struct dirs *d, const char *digest)
{
	auto_fd int fd = oci_blob_open(d, digest);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* What goes with the steps: layers that no image, container or other step has. */
static int collect(struct prune *p, int64_t *freed, struct err *err)
{
	const struct dirs *d = &p->core->dirs;
	auto_index struct oci_index ix = { 0 };
	auto_free int64_t *sizes = xcalloc(strv_len(p->layers) + 1, sizeof(*sizes));
	int r = oci_index_read(d, &ix, err);

	for (size_t i = 0; i < strv_len(p->layers); i++)
		sizes[i] = layer_size(d, p->layers[i]) + blob_size(d, p->layers[i]);
	if (r == 0)
		r = oci_collect_garbage(d, &ix, err);
	if (r > 0)
		core_trashed(p->core);
	for (size_t i = 0; r >= 0 && i < strv_len(p->layers); i++)
		if (layer_state(d, p->layers[i]) == LAYER_MISSING)
			*freed += sizes[i];
	return r < 0 ? r : 0;
}

int build_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	auto_buf struct buf rows = { 0 };
	struct jsonw w = JSONW(&rows), reply = JSONW(out);
	struct prune p = { .core = c, .w = &w };
	auto_fd int lock = FD_NONE;
	int64_t freed = 0;
	int r = prune_filter_until(f, &p.before, err);

	if (r < 0)
		return r;
	lock = dirs_lock(&c->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	jw_array(&w, NULL);
	r = forget_steps(&p, err);
	if (r == 0)
		r = drop_mounts(&p, err);
	jw_array_end(&w);
	if (r == 0 && p.layers)
		r = collect(&p, &freed, err);
	strv_free(p.layers);
	if (r < 0)
		return r;
	jw_object(&reply, NULL);
	if (p.deleted)
		jw_raw(&reply, "CachesDeleted", rows.data);
	else
		jw_null(&reply, "CachesDeleted");
	jw_int(&reply, "SpaceReclaimed", freed);
	jw_object_end(&reply);
	return 0;
}
