/* `docker diff`: what the container's own layer changes in its image. Folders count as changed if
 * something in them is, or their owner or mode; times of folders say nothing. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "worker/container.h"
#include "worker/jobs.h"
#include "worker/targets.h"

enum change_kind { CHANGED, ADDED, DELETED }; /* as Docker counts them */

struct change {
	char *path;
	enum change_kind kind;
};

struct diff {
	const struct merged *own;
	struct merged below;
	struct targets made;
	struct change *items;
	size_t count;
};

static void diff_clear(struct diff *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->items[i].path);
	free(d->items);
}

static void add(struct diff *d, const char *path, enum change_kind kind)
{
	if ((d->count & (d->count - 1)) == 0)
		d->items = xreallocarray(d->items, d->count ? 2 * d->count : 1, sizeof(*d->items));
	d->items[d->count++] = (struct change){ xstrdup(path), kind };
}

static bool same_meta(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* A file is copied up with its time, so one that was only opened for writing is the same. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return same_meta(a, b) && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static char *join(const char *folder, const char *name)
{
	return *folder ? xasprintf("%s/%s", folder, name) : xstrdup(name);
}

/* A folder while it is compared; below: what lies under it, none if it is new; covered: it hides that. */
struct level {
	const char *path;
	struct merged_at below;
	bool covered;
};

static int compare_folder(struct diff *d, const struct level *l, struct err *err);

static int compare_inside(struct diff *d, const struct level *up, const char *path,
	const struct stat *below, struct err *err)
{
	struct level l = { .path = path };
	auto_fd int fd = merged_open_folder(d->own, 0, path);

	if (below && S_ISDIR(below->st_mode)) {
		merged_down(&d->below, &up->below, path, &l.below);
		l.covered = up->covered || (fd >= 0 && is_opaque(fd));
	}
	fd = fd_close(fd); /* trees may be deeper than there are descriptors */
	return compare_folder(d, &l, err);
}

static int compare_entry(struct diff *d, const struct level *l, const char *name, const char *path,
	const struct stat *st, struct err *err)
{
	struct stat below;
	bool there = merged_find(&d->below, &l->below, l->path, name, &below, NULL) == 0;
	size_t before = d->count;
	int r = 0;

	if (is_whiteout(st)) {
		if (there)
			add(d, path, DELETED);
		return 0;
	}
	if (target_left_out(d->own, &d->made, path, st))
		return 0;
	if (S_ISDIR(st->st_mode))
		r = compare_inside(d, l, path, there ? &below : NULL, err);
	if (!there)
		add(d, path, ADDED);
	else if (S_ISDIR(st->st_mode) && S_ISDIR(below.st_mode)
			? d->count != before || !same_meta(st, &below)
			: !same_file(st, &below))
		add(d, path, CHANGED);
	return r;
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct merged_name *)item)->name);
}

/* What a folder hides that was made anew in place of another. */
static int add_covered(
	struct diff *d, const struct level *l, const struct merged_names *have, struct err *err)
{
	auto_names struct merged_names hidden = { 0 };
	int r = merged_list(&d->below, &l->below, l->path, &hidden);

	if (r < 0)
		return err_sys(err, r, "read /%.200s", l->path);
	for (size_t i = 0; i < hidden.count; i++) {
		const char *name = hidden.items[i].name;
		auto_free char *path = join(l->path, name);

		if (!have->count ||
			!bsearch(
				name, have->items, have->count, sizeof(*have->items), compare_name))
			add(d, path, DELETED);
	}
	return 0;
}

/* Recursion ends: paths are limited. */
static int compare_folder(struct diff *d, const struct level *l, struct err *err)
{
	auto_names struct merged_names names = { 0 };
	struct merged_at own;
	int r;

	merged_root(d->own, &own);
	r = merged_list(d->own, &own, l->path, &names);
	if (r < 0)
		return err_sys(err, r, "read /%.200s", l->path);
	r = l->covered ? add_covered(d, l, &names, err) : 0;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		const char *name = names.items[i].name;
		auto_free char *path = join(l->path, name);
		struct stat st;

		if (strlen(path) >= PATH_MAX)
			return err_set(
				err, ERR_INVALID, ENAMETOOLONG, "%.200s: path is too long", path);
		if (merged_find(d->own, &own, l->path, name, &st, NULL) == 0)
			r = compare_entry(d, l, name, path, &st, err);
	}
	return r;
}

/* ---- the answer */

static int compare_path(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

static void print(struct diff *d, struct buf *out)
{
	struct jsonw w = JSONW(out);

	if (!d->count) {
		jw_null(&w, NULL);
		return;
	}
	qsort(d->items, d->count, sizeof(*d->items), compare_path);
	jw_array(&w, NULL);
	for (size_t i = 0; i < d->count; i++) {
		auto_free char *path = xasprintf("/%s", d->items[i].path);

		jw_object(&w, NULL);
		jw_str(&w, "Path", path);
		jw_int(&w, "Kind", d->items[i].kind);
		jw_object_end(&w);
	}
	jw_array_end(&w);
}

static int diff(struct work *w, struct buf *out, struct err *err)
{
	auto_container_files struct container_files c = { 0 };
	__attribute__((cleanup(diff_clear))) struct diff d = { 0 };
	struct level root = { .path = "" };
	int r = work_enter(w, err);

	if (r == 0)
		r = container_files_open(w, &c, err);
	if (r == 0)
		r = merged_open(&w->dirs, FD_NONE, c.diff_ids, &d.below, err);
	if (r < 0)
		return r;
	d.own = &c.own;
	d.made = (struct targets){ .below = &d.below };
	merged_root(&d.below, &root.below);
	r = compare_folder(&d, &root, err);
	if (r == 0)
		print(&d, out);
	merged_close(&d.below);
	return r;
}

int job_diff(struct work *w, struct err *err)
{
	auto_buf struct buf out = { 0 };
	int r = diff(w, &out, err);

	if (answer_wait(&w->answer, NULL) < 0)
		return r;
	buf_addc(&out, '\n');
	if (r < 0)
		answer_error(&w->answer, err);
	else
		answer_json(&w->answer, 200, out.data);
	return r;
}
