/* core/mounts.c - the mounts a create request asks for, in Docker's three ways to say so. */
#include "core/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "core/volumes.h"
#include "core/words.h"
#include "json/text.h"

/* ---- MODE: words with commas, each kind of them at most once */

static bool is_propagation(const char *word)
{
	static const char *const words[] = { "private", "rprivate", "shared", "rshared", "slave",
		"rslave", NULL };

	return word_among(words, word);
}

struct mode {
	const char *access, *label, *propagation, *copy,
		*consistency; /* as typed; NULL: not said */
};

/* SELinux labels (z, Z) and macOS's hints on consistency change nothing on this side. */
static const char **mode_slot(struct mode *m, const char *word)
{
	static const char *const access[] = { "ro", "rw", NULL },
				 *const label[] = { "z", "Z", NULL },
				 *const consistency[] = { "consistent", "cached", "delegated",
					 NULL };

	if (word_among(access, word))
		return &m->access;
	if (word_among(label, word))
		return &m->label;
	if (word_among(consistency, word))
		return &m->consistency;
	if (is_propagation(word))
		return &m->propagation;
	return str_eq(word, "nocopy") ? &m->copy : NULL;
}

/* words: text taken apart, which ret borrows from. */
static bool mode_read(char *const *words, struct mode *ret)
{
	struct mode m = { 0 };

	for (; *words; words++) {
		const char **slot = mode_slot(&m, *words);

		if (!slot || *slot)
			return false;
		*slot = *words;
	}
	*ret = m;
	return true;
}

static int bad_mode(const char *mode, struct err *err)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid mode: %.200s", mode);
}

static bool mode_is_read_only(const struct mode *m)
{
	return m->access && str_eq(m->access, "ro");
}

int volumes_from_split(const char *from, char **ret_container, bool *ret_read_only, struct err *err)
{
	const char *colon = strchrnul(from, ':');
	auto_strv char **words = *colon ? strv_split(colon + 1, ',') : NULL;
	struct mode mode = { 0 };

	if (!*from)
		return err_set(err, ERR_INVALID, EINVAL,
			"volumes-from specification cannot be an empty string");
	if (*colon && (!mode_read(words, &mode) || mode.propagation || mode.copy))
		return bad_mode(colon + 1, err);
	*ret_container = xstrndup(from, (size_t)(colon - from));
	*ret_read_only = mode_is_read_only(&mode);
	return 0;
}

/* Unless it was said. */
static void set_mode(struct mount_point *m, const char *mode)
{
	if (!str_empty(m->mode))
		return;
	free(m->mode);
	m->mode = xstrdup(mode);
}

/* ---- volumes */

/* The name may be NULL: an anonymous one. */
static int set_volume(struct mount_point *m, const char *name, const char *driver, struct err *err)
{
	int r = volume_driver_check(name, driver, ERR_INVALID, err);

	if (r == 0 && name)
		r = volume_name_check(name, err);
	if (r < 0)
		return r;
	m->type = xstrdup("volume");
	m->name = name ? xstrdup(name) : NULL;
	m->source = xstrdup("");
	m->propagation = xstrdup("");
	m->anonymous = !name;
	m->copy = m->recursive = m->listed = true;
	return 0;
}

int mount_points_add_volumes(struct mount_points *all, const struct host_config *h,
	json_object *volumes, struct err *err)
{
	int r = 0;

	if (!volumes)
		return 0;
	json_object_object_foreach(volumes, path, unused)
	{
		struct mount_point m = { 0 };
		auto_free char *target = path_clean(path);

		(void)unused;
		if (mount_points_at(all, target))
			continue;
		r = mount_point_set_target(&m, path, "invalid volume specification", err);
		if (r == 0)
			r = set_volume(&m, NULL, h->volume_driver, err);
		set_mode(&m, "");
		if (r == 0)
			r = mount_points_add(all, &m, err);
		mount_point_clear(&m);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- HostConfig.Binds: [SOURCE:]TARGET[:MODE] */

static int read_bind_path(
	struct mount_point *m, const char *source, const struct mode *mode, struct err *err)
{
	if (mode->copy)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid mount config for type \"bind\": field VolumeOptions must not be "
			"specified");
	m->type = xstrdup("bind");
	m->source = path_clean(source);
	m->propagation = xstrdup(mode->propagation ? mode->propagation : "rprivate");
	m->recursive = m->make_source = m->listed = true;
	return 0;
}

static int read_bind_volume(struct mount_point *m, const char *name, const char *driver,
	const struct mode *mode, struct err *err)
{
	int r = set_volume(m, name, driver, err);

	m->copy &= !mode->copy;
	set_mode(m, "z"); /* as Docker shows it */
	return r;
}

static int read_bind(const char *text, const char *driver, struct mount_point *m, struct err *err)
{
	auto_strv char **parts = strv_split(text, ':'), **words = NULL;
	struct mode mode = { 0 };
	char what[300];
	size_t n = strv_len(parts);
	int r;

	(void)snprintf(what, sizeof(what), "invalid volume specification: '%.200s'", text);
	if (n > 3 || !*parts[0] || (n > 1 && !*parts[1]))
		return err_set(err, ERR_INVALID, EINVAL, "%s", what);
	if (n == 3 && *parts[2]) {
		words = strv_split(parts[2], ',');
		if (!mode_read(words, &mode))
			return bad_mode(parts[2], err);
	}
	m->mode = xstrdup(n == 3 ? parts[2] : "");
	m->read_only = mode_is_read_only(&mode);
	r = mount_point_set_target(m, parts[n > 1], what, err);
	if (r < 0)
		return r;
	if (n > 1 && *parts[0] == '/')
		r = read_bind_path(m, parts[0], &mode, err);
	else if (mode.propagation)
		r = err_set(err, ERR_INVALID, EINVAL,
			"invalid mount config for type \"volume\": field BindOptions must not be "
			"specified");
	else
		return read_bind_volume(m, n > 1 ? parts[0] : NULL, driver, &mode, err);
	return r < 0 ? err_prefix(err, "%s", what) : 0;
}

/* ---- tmpfs options */

bool tmpfs_data_valid(const char *word)
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

static int read_tmpfs(struct mount_point *m, const char *options, struct err *err)
{
	m->type = xstrdup("tmpfs");
	m->propagation = xstrdup("");
	m->source = xstrdup("");
	set_mode(m, "");
	return read_tmpfs_options(options, m, err);
}

/* ---- HostConfig.Mounts */

static int bad_mount(const struct mount_spec *s, struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid mount config for type \"%s\": %s",
		s->type, what);
}

/* Options of the types that it is not. */
static int check_strangers(const struct mount_spec *s, struct err *err)
{
	if (s->bind_given && !str_eq(s->type, "bind"))
		return bad_mount(s, err, "field BindOptions must not be specified");
	if (s->volume_given && !str_eq(s->type, "volume"))
		return bad_mount(s, err, "field VolumeOptions must not be specified");
	if (s->tmpfs_given && !str_eq(s->type, "tmpfs"))
		return bad_mount(s, err, "field TmpfsOptions must not be specified");
	return 0;
}

static int read_bind_options(const struct mount_spec *s, const struct bind_options *o,
	struct mount_point *m, struct err *err)
{
	auto_free char *unknown = NULL;

	m->recursive = !o->non_recursive;
	m->top_only = o->ro_non_recursive;
	m->make_source = o->create_mountpoint;
	if (o->ro_non_recursive && o->ro_force_recursive)
		return bad_mount(s, err,
			"mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
	if (str_empty(o->propagation))
		return 0;
	unknown = xasprintf("invalid propagation mode: %.64s", o->propagation);
	if (!is_propagation(o->propagation))
		return bad_mount(s, err, unknown);
	free(m->propagation);
	m->propagation = xstrdup(o->propagation);
	return 0;
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
	m->type = xstrdup("bind");
	m->recursive = true;
	m->propagation = xstrdup("rprivate");
	m->source = path_clean(s->source);
	if (!s->bind_given)
		return 0;
	r = jfields_read(
		bind_options_fields, s->bind_given, "HostConfig.Mounts.BindOptions.", &o, err);
	if (r < 0)
		return r;
	r = read_bind_options(s, &o, m, err);
	jfields_clear(bind_options_fields, &o);
	return r;
}

/* [["exec"],["noexec"]…]: one word each; those with a value are for kernels to come. */
static int read_tmpfs_words(
	const struct mount_spec *s, json_object *lists, struct buf *options, struct err *err)
{
	static const char *const known[] = { "exec", "noexec", NULL };
	size_t n = lists ? json_object_array_length(lists) : 0;

	for (size_t i = 0; i < n; i++) {
		json_object *list = json_object_array_get_idx(lists, i);
		json_object *word = json_object_is_type(list, json_type_array) &&
				json_object_array_length(list) == 1
			? json_object_array_get_idx(list, 0)
			: NULL;

		if (!json_object_is_type(word, json_type_string))
			return bad_mount(s, err, "invalid option array length");
		if (!word_among(known, json_object_get_string(word)))
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid mount config for type \"tmpfs\": invalid option: %.64s",
				json_object_get_string(word));
		buf_printf(options, ",%s", json_object_get_string(word));
	}
	return 0;
}

static int read_tmpfs_spec(const struct mount_spec *s, const struct tmpfs_options *o,
	struct mount_point *m, struct err *err)
{
	auto_buf struct buf options = { 0 };
	int r;

	if (o->size < 0 || o->mode < 0)
		return bad_mount(s, err, "TmpfsOptions must not be negative");
	buf_adds(&options, s->read_only ? "ro" : "rw");
	if (o->size)
		buf_printf(&options, ",size=%lld", (long long)o->size);
	if (o->mode)
		buf_printf(&options, ",mode=%o", (unsigned)(o->mode & 07777));
	r = read_tmpfs_words(s, o->options, &options, err);
	return r < 0 ? r : read_tmpfs(m, options.data, err);
}

static int read_mount_tmpfs(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	struct tmpfs_options o = { 0 };
	int r = 0;

	if (!str_empty(s->source))
		return bad_mount(s, err, "field Source must not be specified");
	if (s->tmpfs_given)
		r = jfields_read(tmpfs_options_fields, s->tmpfs_given,
			"HostConfig.Mounts.TmpfsOptions.", &o, err);
	if (r < 0)
		return r;
	r = read_tmpfs_spec(s, &o, m, err);
	jfields_clear(tmpfs_options_fields, &o);
	return r;
}

/* Whether a relative path stays where it starts, by its names alone. */
static bool is_local(const char *path)
{
	auto_strv char **parts = strv_split(path, '/');
	int depth = 0;

	if (*path == '/')
		return false;
	for (char **p = parts; *p && depth >= 0; p++)
		if (str_eq(*p, ".."))
			depth--;
		else if (**p && !str_eq(*p, "."))
			depth++;
	return depth >= 0;
}

static int read_subpath(
	const struct mount_spec *s, const char *subpath, struct mount_point *m, struct err *err)
{
	auto_free char *clean = NULL;

	if (str_empty(subpath))
		return 0;
	if (m->anonymous)
		return bad_mount(s, err, "must not set Subpath when using anonymous volumes");
	if (!is_local(subpath))
		return bad_mount(s, err, "subpath must be a relative path within the volume");
	clean = path_clean(subpath);
	if (clean[1])
		m->subpath = xstrdup(clean + 1);
	return 0;
}

static int read_volume_options(const struct mount_spec *s, const struct volume_options *o,
	struct mount_point *m, struct err *err)
{
	int r = volume_driver_check(m->name, o->driver.name, ERR_INVALID, err);

	if (r == 0)
		r = volume_strings_check(o->labels, "HostConfig.Mounts.VolumeOptions.Labels", err);
	if (r == 0)
		r = volume_options_check(m->name, o->driver.options, err);
	if (r < 0)
		return r;
	m->copy = !o->no_copy;
	m->labels = json_object_get(o->labels);
	m->options = json_object_get(o->driver.options);
	return read_subpath(s, o->subpath, m, err);
}

static int read_mount_volume(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	struct volume_options o = { 0 };
	int r;

	r = set_volume(m, str_empty(s->source) ? NULL : s->source, NULL, err);
	if (r == 0 && m->anonymous && s->read_only)
		r = bad_mount(s, err, "must not set ReadOnly mode when using anonymous volumes");
	set_mode(m, "z"); /* as Docker shows it */
	if (r < 0 || !s->volume_given)
		return r;
	r = jfields_read(volume_options_fields, s->volume_given, "HostConfig.Mounts.VolumeOptions.",
		&o, err);
	if (r < 0)
		return r;
	r = read_volume_options(s, &o, m, err);
	jfields_clear(volume_options_fields, &o);
	return r;
}

static int read_mount(const struct mount_spec *s, struct mount_point *m, struct err *err)
{
	static const char *const later[] = { "image", "cluster", "npipe", NULL };
	char what[64];
	int r;

	if (str_empty(s->type))
		return err_set(err, ERR_INVALID, EINVAL, "mount type unknown");
	if (word_among(later, s->type))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.Mounts of type \"%s\" is not supported", s->type);
	if (str_empty(s->target))
		return bad_mount(s, err, "field Target must not be empty");
	(void)snprintf(what, sizeof(what), "invalid mount config for type \"%.12s\"", s->type);
	r = mount_point_set_target(m, s->target, what, err);
	if (r == 0)
		r = check_strangers(s, err);
	if (r < 0)
		return r;
	m->listed = true;
	m->read_only = s->read_only;
	if (str_eq(s->type, "volume"))
		r = read_mount_volume(s, m, err);
	else if (str_eq(s->type, "bind"))
		r = read_mount_bind(s, m, err);
	else if (str_eq(s->type, "tmpfs"))
		r = read_mount_tmpfs(s, m, err);
	else
		r = bad_mount(s, err, "mount type unknown");
	set_mode(m, "");
	return r;
}

/* ---- all of them */

static int read_all(const struct host_config *h, struct mount_points *all, struct mount_point *one,
	struct err *err)
{
	const struct mount_spec *specs = h->mounts.items;
	int r = 0;

	for (char **b = h->binds; r == 0 && b && *b; b++) {
		r = read_bind(*b, h->volume_driver, one, err);
		if (r == 0)
			r = mount_points_add(all, one, err);
	}
	for (size_t i = 0; r == 0 && i < h->mounts.count; i++) {
		r = read_mount(&specs[i], one, err);
		if (r == 0)
			r = mount_points_add(all, one, err);
	}
	for (char **t = h->tmpfs; r == 0 && t && *t; t += 2) {
		r = mount_point_set_target(one, t[0], "invalid tmpfs mount", err);
		if (r == 0)
			r = read_tmpfs(one, t[1], err);
		if (r == 0)
			r = mount_points_add(all, one, err);
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
	*ret = all;
	all = (struct mount_points){ 0 };
	return 0;
}
