/* core/mount_points.c - the list of a container's mounts: put together, recorded, shown, looked for on the
 * host. core/mounts.c reads them from a request. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"
#include "core/mounts.h"
#include "core/propagation.h"
#include "json/text.h"

#define MOUNTS_MAX 1000 /* keeps the quadratic checks below short */

/* clang-format off */
static const struct jfield mount_point_fields[] = {
	JSTR("Type", struct mount_point, type),
	JSTR("Name", struct mount_point, name),
	JSTR("Source", struct mount_point, source),
	JSTR("Target", struct mount_point, target),
	JSTR("Subpath", struct mount_point, subpath),
	JSTR("Mode", struct mount_point, mode),
	JSTR("Propagation", struct mount_point, propagation),
	JSTR("Data", struct mount_point, data),
	JBOOL("ReadOnly", struct mount_point, read_only),
	JBOOL("Recursive", struct mount_point, recursive),
	JBOOL("TopOnly", struct mount_point, top_only),
	JBOOL("MakeSource", struct mount_point, make_source),
	JBOOL("Listed", struct mount_point, listed),
	JBOOL("Copy", struct mount_point, copy),
	JBOOL("Anonymous", struct mount_point, anonymous),
	JEND,
};

struct record {
	struct jlist points;
};

static const struct jfield record_fields[] = {
	JLIST("MountPoints", struct record, points, struct mount_point, mount_point_fields),
	JEND,
};
/* clang-format on */

void mount_point_clear(struct mount_point *m)
{
	jfields_clear(mount_point_fields, m);
	(void)json_object_put(m->options);
	(void)json_object_put(m->labels);
	*m = (struct mount_point){ 0 };
}

void mount_points_clear(struct mount_points *m)
{
	for (size_t i = 0; i < m->count; i++)
		mount_point_clear(&m->items[i]);
	free(m->items);
	*m = (struct mount_points){ 0 };
}

/* ---- putting them together */

int mount_point_set_target(
	struct mount_point *m, const char *target, const char *what, struct err *err)
{
	if (*target != '/')
		return err_set(err, ERR_INVALID, EINVAL,
			"%s: invalid mount path: '%s' mount path must be absolute", what, target);
	m->target = path_clean(target);
	if (str_eq(m->target, "/"))
		return err_set(err, ERR_INVALID, EINVAL,
			"%s: invalid specification: destination can't be '/'", what);
	return 0;
}

int mount_points_add(struct mount_points *all, struct mount_point *m, struct err *err)
{
	if (all->count == MOUNTS_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "more than %d mounts", MOUNTS_MAX);
	if (mount_points_at(all, m->target))
		return err_set(err, ERR_INVALID, EINVAL, "Duplicate mount point: %s", m->target);
	all->items = xreallocarray(all->items, all->count + 1, sizeof(*m));
	all->items[all->count++] = *m;
	*m = (struct mount_point){ 0 };
	return 0;
}

struct mount_point *mount_points_at(const struct mount_points *m, const char *target)
{
	for (size_t i = 0; i < m->count; i++)
		if (str_eq(m->items[i].target, target))
			return &m->items[i];
	return NULL;
}

int mount_points_inherit(struct mount_points *m, json_object *doc, bool read_only, struct err *err)
{
	auto_mount_points struct mount_points theirs = { 0 };
	int r;

	r = mount_points_load(doc, NULL, &theirs, err);
	for (size_t i = 0; r == 0 && i < theirs.count; i++) {
		struct mount_point *p = &theirs.items[i], *old = mount_points_at(m, p->target);

		p->read_only |= read_only;
		p->copy = false;
		if (!p->listed) /* its HostConfig.Tmpfs */
			continue;
		if (old) {
			mount_point_clear(old);
			*old = *p;
			*p = (struct mount_point){ 0 };
		} else {
			r = mount_points_add(m, p, err);
		}
	}
	return r;
}

void mount_points_merge(struct mount_points *m, struct mount_points *inherited)
{
	for (size_t i = 0; i < inherited->count; i++)
		if (!mount_points_at(m, inherited->items[i].target))
			(void)mount_points_add(m, &inherited->items[i], NULL);
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Stable, so that equally deep ones stay in the order they were asked for. */
void mount_points_sort(struct mount_points *m)
{
	for (size_t i = 1; i < m->count; i++)
		for (size_t j = i; j && depth(m->items[j].target) < depth(m->items[j - 1].target);
			j--) {
			struct mount_point swap = m->items[j];

			m->items[j] = m->items[j - 1];
			m->items[j - 1] = swap;
		}
}

/* ---- recorded and shown */

void mount_points_record(struct jsonw *w, const struct mount_points *m)
{
	const struct record record = { .points = { m->items, m->count } };

	jfields_write(w, record_fields, &record);
}

int mount_points_load(
	json_object *doc, const struct host_config *h, struct mount_points *ret, struct err *err)
{
	struct record record = { 0 };
	int r;

	if (!json_get(doc, "MountPoints")) /* created by a version that did not record them */
		return h ? mount_points_read(h, ret, err) : 0;
	r = jfields_read(record_fields, doc, "", &record, err);
	if (r < 0)
		return err_prefix(err, "config.json");
	*ret = (struct mount_points){ record.points.items, record.points.count };
	return 0;
}

void mount_points_write(struct jsonw *w, const char *key, const struct mount_points *m)
{
	jw_array(w, key);
	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (!p->listed)
			continue;
		jw_object(w, NULL);
		jw_str(w, "Type", p->type);
		if (!str_empty(p->name))
			jw_str(w, "Name", p->name);
		jw_str(w, "Source", p->source);
		jw_str(w, "Destination", p->target);
		if (!str_empty(p->name))
			jw_str(w, "Driver", "local");
		jw_str(w, "Mode", p->mode);
		jw_bool(w, "RW", !p->read_only);
		jw_str(w, "Propagation", p->propagation);
		jw_object_end(w);
	}
	jw_array_end(w);
}

/* ---- on the host */

int mount_points_check_sources(const struct mount_points *m, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (!mount_is(p, "bind") || p->make_source || stat(p->source, &st) == 0)
			continue;
		return err_set(err, ERR_INVALID, ENOENT,
			"invalid mount config for type \"bind\": bind source path does not exist: %s",
			p->source);
	}
	return 0;
}

int mount_points_make_sources(const struct mount_points *m, struct err *err)
{
	struct stat st;
	int r;

	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (!mount_is(p, "bind") || !p->make_source || lstat(p->source, &st) == 0)
			continue;
		r = dir_make_at(AT_FDCWD, p->source, 0755);
		if (r < 0)
			return err_sys(
				err, r, "error while creating mount source path '%s'", p->source);
	}
	r = mount_points_check_sources(m, err);
	return r < 0 ? r : propagation_check(m, err);
}
