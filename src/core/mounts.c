#include "core/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "core/words.h"
#include "json/text.h"

#define MOUNTS_MAX 1000 /* keeps the quadratic checks below short */

static void mount_point_clear(struct mount_point *m)
{
	free(m->source);
	free(m->target);
	free(m->mode);
	free(m->propagation);
	free(m->data);
}

void mount_points_clear(struct mount_points *m)
{
	for (size_t i = 0; i < m->count; i++)
		mount_point_clear(&m->items[i]);
	free(m->items);
	*m = (struct mount_points){ 0 };
}

static int set_target(struct mount_point *m, const char *target, const char *what, struct err *err)
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

/* Takes *m over on success. */
static int add_point(struct mount_points *all, struct mount_point *m, struct err *err)
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

const struct mount_point *mount_points_at(const struct mount_points *m, const char *target)
{
	for (size_t i = 0; i < m->count; i++)
		if (str_eq(m->items[i].target, target))
			return &m->items[i];
	return NULL;
}

/* ---- HostConfig.Binds: SOURCE:TARGET[:MODE,MODE…] */

static bool is_propagation(const char *word)
{
	static const char *const words[] = { "private", "rprivate", "shared", "rshared", "slave",
		"rslave", NULL };

	return word_among(words, word);
}

/* SELinux labels (z, Z), macOS hints and nocopy change nothing on this side. */
static bool is_mode_without_effect(const char *word)
{
	static const char *const words[] = { "rw", "z", "Z", "nocopy", "consistent", "cached",
		"delegated", NULL };

	return word_among(words, word);
}

static int read_mode(struct mount_point *m, const char *mode, struct err *err)
{
	auto_strv char **words = strv_split(mode, ',');

	for (char **w = words; *w; w++) {
		if (str_eq(*w, "ro")) {
			m->read_only = true;
		} else if (is_propagation(*w)) {
			free(m->propagation);
			m->propagation = xstrdup(*w);
		} else if (!is_mode_without_effect(*w)) {
			return err_set(err, ERR_INVALID, EINVAL, "invalid mode: %s", mode);
		}
	}
	free(m->mode);
	m->mode = xstrdup(mode);
	return 0;
}

static bool volume_name_valid(const char *s)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char rest[sizeof(alnum) + 3];

	(void)snprintf(rest, sizeof(rest), "%s_.-", alnum);
	return strspn(s, alnum) > 0 && s[1] && !s[strspn(s, rest)];
}

static int refuse_volume(const char *name, struct err *err)
{
	if (volume_name_valid(name))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.Binds: named volumes are not supported yet: %s", name);
	return err_set(err, ERR_INVALID, EINVAL,
		"\"%s\" includes invalid characters for a local volume name, only "
		"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
		"use absolute path",
		name);
}

static int read_bind(const char *text, struct mount_point *m, struct err *err)
{
	auto_strv char **parts = strv_split(text, ':');
	char what[300];
	size_t n = strv_len(parts);
	int r;

	(void)snprintf(what, sizeof(what), "invalid volume specification: '%.200s'", text);
	if (n > 3 || !*parts[0] || (n > 1 && !*parts[1]))
		return err_set(err, ERR_INVALID, EINVAL, "%s", what);
	if (n == 1)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.Binds: anonymous volumes are not supported yet: %s", text);
	m->mode = xstrdup("");
	m->propagation = xstrdup("rprivate");
	m->recursive = m->make_source = m->listed = true;
	r = set_target(m, parts[1], what, err);
	if (r == 0 && n == 3)
		r = read_mode(m, parts[2], err);
	if (r < 0)
		return r;
	if (*parts[0] != '/')
		return refuse_volume(parts[0], err);
	m->source = path_clean(parts[0]);
	return 0;
}

/* ---- tmpfs options */

static bool tmpfs_data_valid(const char *word)
{
	static const char *const keys[] = {
		"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "mpol="
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_starts(word, keys[i]) && word[strlen(keys[i])])
			return true;
	return false;
}

/* Docker mounts every tmpfs noexec, nosuid and nodev unless the opposite is said. */
static int read_tmpfs_options(const char *text, struct mount_point *m, struct err *err)
{
	static const char *const no_effect[] = { "", "rw", "defaults", "atime", "noatime",
		"diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
		"async", "private", "rprivate", NULL };
	auto_strv char **words = strv_split(text, ',');
	auto_buf struct buf data = { 0 };
	bool noexec = true, nosuid = true, nodev = true;

	for (char **w = words; *w; w++) {
		if (str_eq(*w, "ro"))
			m->read_only = true;
		else if (str_eq(*w, "exec") || str_eq(*w, "noexec"))
			noexec = **w == 'n';
		else if (str_eq(*w, "suid") || str_eq(*w, "nosuid"))
			nosuid = **w == 'n';
		else if (str_eq(*w, "dev") || str_eq(*w, "nodev"))
			nodev = **w == 'n';
		else if (tmpfs_data_valid(*w))
			buf_printf(&data, ",%s", *w);
		else if (!word_among(no_effect, *w))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid tmpfs option [\"%s\"]", *w);
	}
	m->data = xasprintf("%s%s%s%s", nodev ? ",nodev" : "", noexec ? ",noexec" : "",
		nosuid ? ",nosuid" : "", data.len ? data.data : "");
	if (*m->data)
		memmove(m->data, m->data + 1, strlen(m->data));
	return 0;
}

static int read_tmpfs(
	const char *target, const char *options, struct mount_point *m, struct err *err)
{
	int r;

	m->kind = MOUNT_TMPFS;
	m->mode = xstrdup("");
	m->propagation = xstrdup("");
	m->source = xstrdup("");
	r = set_target(m, target, "invalid tmpfs mount", err);
	return r < 0 ? r : read_tmpfs_options(options, m, err);
}

/* ---- HostConfig.Mounts */

static int bad_mount(const struct mount_spec *s, struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid mount config for type \"%s\": %s",
		s->type, what);
}

static int read_mount_bind(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	struct bind_options o = { 0 };
	int r;

	if (str_empty(s->source))
		return bad_mount(s, err, "field Source must not be empty");
	if (*s->source != '/')
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid mount config for type \"bind\": invalid mount path: '%s' mount path "
			"must be absolute",
			s->source);
	if (s->volume_given)
		return bad_mount(s, err, "field VolumeOptions must not be specified");
	if (s->tmpfs_given)
		return bad_mount(s, err, "field TmpfsOptions must not be specified");
	m->recursive = true;
	m->propagation = xstrdup("rprivate");
	m->mode = xstrdup("");
	m->source = path_clean(s->source);
	if (!s->bind_given)
		return 0;
	r = jfields_read(
		bind_options_fields, s->bind_given, "HostConfig.Mounts.BindOptions.", &o, err);
	if (r < 0)
		return r;
	m->recursive = !o.non_recursive;
	m->make_source = o.create_mountpoint;
	if (!str_empty(o.propagation)) {
		if (!is_propagation(o.propagation))
			r = bad_mount(s, err, "invalid propagation mode");
		free(m->propagation);
		m->propagation = xstrdup(o.propagation);
	}
	jfields_clear(bind_options_fields, &o);
	return r;
}

static int read_mount_tmpfs(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	struct tmpfs_options o = { 0 };
	auto_buf struct buf options = { 0 };
	int r = 0;

	if (!str_empty(s->source))
		return bad_mount(s, err, "field Source must not be specified");
	if (s->bind_given)
		return bad_mount(s, err, "field BindOptions must not be specified");
	if (s->volume_given)
		return bad_mount(s, err, "field VolumeOptions must not be specified");
	if (s->tmpfs_given)
		r = jfields_read(tmpfs_options_fields, s->tmpfs_given,
			"HostConfig.Mounts.TmpfsOptions.", &o, err);
	if (r < 0)
		return r;
	if (o.size < 0 || o.mode < 0)
		return bad_mount(s, err, "TmpfsOptions must not be negative");
	buf_adds(&options, s->read_only ? "ro" : "rw");
	if (o.size)
		buf_printf(&options, ",size=%lld", (long long)o.size);
	if (o.mode)
		buf_printf(&options, ",mode=%o", (unsigned)(o.mode & 07777));
	return read_tmpfs(s->target, options.data, m, err);
}

static int read_mount(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	char what[64];
	int r;

	if (str_empty(s->type))
		return err_set(err, ERR_INVALID, EINVAL, "mount type unknown");
	if (str_eq(s->type, "volume") || str_eq(s->type, "image") || str_eq(s->type, "cluster") ||
		str_eq(s->type, "npipe"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.Mounts of type \"%s\" is not supported yet", s->type);
	if (!str_eq(s->type, "bind") && !str_eq(s->type, "tmpfs"))
		return err_set(err, ERR_INVALID, EINVAL, "mount type unknown: \"%s\"", s->type);
	if (str_empty(s->target))
		return bad_mount(s, err, "field Target must not be empty");
	m->listed = true;
	if (str_eq(s->type, "tmpfs"))
		return read_mount_tmpfs(s, m, err);
	(void)snprintf(what, sizeof(what), "invalid mount config for type \"bind\"");
	m->read_only = s->read_only;
	r = set_target(m, s->target, what, err);
	return r < 0 ? r : read_mount_bind(s, m, err);
}

/* ---- all of them */

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Stable, so that equally deep ones stay in the order they were asked for. */
static void sort_by_depth(struct mount_points *m)
{
	for (size_t i = 1; i < m->count; i++)
		for (size_t j = i; j && depth(m->items[j].target) < depth(m->items[j - 1].target);
			j--) {
			struct mount_point swap = m->items[j];

			m->items[j] = m->items[j - 1];
			m->items[j - 1] = swap;
		}
}

static int read_all(const struct host_config *h, struct mount_points *all, struct mount_point *one,
	struct err *err)
{
	const struct mount_spec *specs = h->mounts.items;
	int r = 0;

	for (char **b = h->binds; r == 0 && b && *b; b++) {
		r = read_bind(*b, one, err);
		if (r == 0)
			r = add_point(all, one, err);
	}
	for (size_t i = 0; r == 0 && i < h->mounts.count; i++) {
		r = read_mount(&specs[i], one, err);
		if (r == 0)
			r = add_point(all, one, err);
	}
	for (char **t = h->tmpfs; r == 0 && t && *t; t += 2) {
		r = read_tmpfs(t[0], t[1], one, err);
		if (r == 0)
			r = add_point(all, one, err);
	}
	return r;
}

int mount_points_read(const struct host_config *h, struct mount_points *ret, struct err *err)
{
	auto_mount_points struct mount_points all = { 0 };
	struct mount_point one = { 0 };
	int r;

	r = read_all(h, &all, &one, err);
	mount_point_clear(&one); /* the one that failed */
	if (r < 0)
		return r;
	sort_by_depth(&all);
	*ret = all;
	all = (struct mount_points){ 0 };
	return 0;
}

int mount_points_check_sources(const struct mount_points *m, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (p->kind != MOUNT_BIND || p->make_source || stat(p->source, &st) == 0)
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

		if (p->kind != MOUNT_BIND || !p->make_source || lstat(p->source, &st) == 0)
			continue;
		r = dir_make_at(AT_FDCWD, p->source, 0755);
		if (r < 0)
			return err_sys(
				err, r, "error while creating mount source path '%s'", p->source);
	}
	return mount_points_check_sources(m, err);
}

void mount_points_write(struct jsonw *w, const char *key, const struct mount_points *m)
{
	jw_array(w, key);
	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (!p->listed)
			continue;
		jw_object(w, NULL);
		jw_str(w, "Type", p->kind == MOUNT_BIND ? "bind" : "tmpfs");
		jw_str(w, "Source", p->source);
		jw_str(w, "Destination", p->target);
		jw_str(w, "Mode", p->mode);
		jw_bool(w, "RW", !p->read_only);
		jw_str(w, "Propagation", p->propagation);
		jw_object_end(w);
	}
	jw_array_end(w);
}
