#include "core/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/container_state.h"
#include "core/records.h"
#include "core/spawn.h"
#include "state/events.h"
#include "state/volumes.h"
#include "json/field.h"
#include "json/text.h"

#define RECORD_MAX (1u << 20)

/* clang-format off */
const char *const volume_list_filters[] = { "dangling", "driver", "label", "label!", "name", NULL };
const char *const volume_prune_filters[] = { "all", "label", "label!", NULL };

static const struct jfield volume_fields[] = {
	JSTR("Name", struct volume, name),
	JSTR("CreatedAt", struct volume, created),
	JSTR("Driver", struct volume, driver),
	JANY("Labels", struct volume, labels, "null"),
	JANY("Options", struct volume, options, "null"),
	JEND,
};

struct create_volume {
	char *name, *driver;
	json_object *options, *labels;
};

static const struct jfield create_fields[] = {
	JSTR("Name", struct create_volume, name),
	JSTR("Driver", struct create_volume, driver),
	JANY("DriverOpts", struct create_volume, options, NULL),
	JANY("Labels", struct create_volume, labels, NULL),
	JREFUSE("ClusterVolumeSpec", NULL),
	JEND,
};
/* clang-format on */

void volume_clear(struct volume *v)
{
	jfields_clear(volume_fields, v);
}

/* ---- on disk */

static void record_path(char ret[VOLUME_PATH], const char *name, const char *file)
{
	(void)snprintf(ret, VOLUME_PATH, "volumes/%s/%s", name, file);
}

static int no_such(const char *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, ENOENT, "get %.200s: no such volume", name);
}

static int volume_find(struct core *c, const char *name, struct volume *ret, struct err *err)
{
	auto_free char *text = NULL;
	auto_json json_object *doc = NULL;
	char path[VOLUME_PATH];
	size_t len;
	int r;

	if (!volume_name_valid(name))
		return no_such(name, err);
	record_path(path, name, VOLUME_RECORD);
	r = record_text_at(c->dirs.data, path, RECORD_MAX, &text, &len);
	if (r == -ENOENT)
		return no_such(name, err);
	if (r < 0)
		return err_sys(err, r, "read volume %s", name);
	r = json_parse(text, len, &doc, err);
	if (r == 0)
		r = jfields_read(volume_fields, doc, "", ret, err);
	if (r < 0 && err)
		err->kind = ERR_SYSTEM; /* ours, not the request's */
	return r < 0 ? err_prefix(err, "volume %s", name) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of all folders there are, sorted; NULL-ended, owned. */
static char **volume_names(struct core *c)
{
	char **names = names_at(c->dirs.data, "volumes", volume_name_valid);

	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	return names;
}

static int make_folders(int volumes, const char *name)
{
	char path[VOLUME_PATH];
	int r;

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_DATA, name);
	if (mkdirat(volumes, name, 0700) < 0) {
		r = errno == EEXIST ? volume_drop_rest(volumes, name) : -errno;
		if (r < 0)
			return r;
		if (mkdirat(volumes, name, 0700) < 0)
			return -errno;
	}
	if (mkdirat(volumes, path, 0755) < 0)
		return -errno;
	/* what containers see: the umask has no say in it */
	return fchmodat(volumes, path, 0755, 0) < 0 ? -errno : 0;
}

/* Last of all, and under its own name from the first byte, as config.json is (docs/decisions/005). */
static int write_record(int volumes, const struct volume *v, bool durable)
{
	auto_fd int dir = openat(volumes, v->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int fd = FD_NONE;
	auto_buf struct buf text = { 0 };
	struct jsonw w = JSONW(&text);
	int r;

	if (dir < 0)
		return -errno;
	jw_object(&w, NULL);
	jfields_write(&w, volume_fields, v);
	jw_object_end(&w);
	buf_addc(&text, RECORD_END);
	fd = openat(dir, VOLUME_RECORD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text.data, text.len);
	if (r == 0 && durable)
		r = sync_new_file(fd, (const int[]){ dir, volumes }, 2);
	return r;
}

/* The caller holds dirs_lock(), and the name is free. */
static int volume_make(struct core *c, const struct volume *v, bool durable, struct err *err)
{
	auto_fd int volumes = openat(c->dirs.data, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = volumes < 0 ? -errno : make_folders(volumes, v->name);

	if (r == 0)
		r = write_record(volumes, v, durable);
	if (r < 0) {
		(void)volume_drop_rest(volumes, v->name);
		return err_sys(err, r, "create %s", v->name);
	}
	volume_event(&c->dirs, v->name, "create", NULL);
	return 0;
}

/* Whole seconds, as Docker's. */
static char *created_now(void)
{
	char text[TIME_TEXT];

	return xstrdup(time_rfc3339(time_now() / NSEC_PER_SEC * NSEC_PER_SEC, text));
}

/* name NULL: an anonymous one. Labels and options are borrowed. */
static void volume_fill(
	struct volume *v, const char *name, json_object *labels, json_object *options)
{
	char id[ID_SIZE];

	*v = (struct volume){ .driver = xstrdup(VOLUME_DRIVER),
		.created = created_now(),
		.labels = json_object_get(labels),
		.options = json_object_get(options) };
	if (name) {
		v->name = xstrdup(name);
		return;
	}
	id_new(id);
	v->name = xstrdup(id);
	v->labels = json_object_new_object();
	if (labels) {
		json_object_object_foreach(labels, key, value)(void)
			json_object_object_add(v->labels, key, json_object_get(value));
		(void)json_object_put(labels);
	}
	(void)json_object_object_add(v->labels, VOLUME_ANONYMOUS_LABEL, json_object_new_string(""));
}

static char *data_path(struct core *c, const char *name)
{
	return xasprintf("%s/volumes/%s/" VOLUME_DATA, c->dirs.data_path, name);
}

/* ---- shown */

static void write_members(struct jsonw *w, struct core *c, const struct volume *v)
{
	auto_free char *path = data_path(c, v->name);

	jw_str(w, "CreatedAt", v->created);
	jw_str(w, "Driver", v->driver);
	json_write(w, "Labels", v->labels);
	jw_str(w, "Mountpoint", path);
	jw_str(w, "Name", v->name);
	json_write(w, "Options", v->options);
	jw_str(w, "Scope", "local");
}

static void write_volume(struct jsonw *w, struct core *c, const struct volume *v)
{
	jw_object(w, NULL);
	write_members(w, c, v);
	jw_object_end(w);
}

int volume_inspect(struct core *c, const char *name, struct buf *out, struct err *err)
{
	auto_volume struct volume v = { 0 };
	struct jsonw w = JSONW(out);
	int r = volume_find(c, name, &v, err);

	if (r == 0)
		write_volume(&w, c, &v);
	return r;
}

/* Those that hold on to it; what is only waiting to be removed does not. A record that cannot be read holds. */
static char **users(struct core *c, const char *name)
{
	auto_strv char **all = volume_users(&c->dirs, name);
	char **held = NULL;

	for (char **id = all; id && *id; id++) {
		auto_summary struct summary s = { 0 };

		if (summary_read(c, *id, &s) == 0 && s.auto_remove && container_is_going(c, *id))
			continue;
		strv_add(&held, *id);
	}
	return held;
}

static const char *label_of(void *arg, const char *label)
{
	const struct volume *v = arg;

	return json_get_str(v->labels, label, NULL);
}

static bool match_driver(const struct filters *f, const struct volume *v)
{
	char *const *drivers = filters_get(f, "driver");

	return !drivers || !*drivers || strv_has(drivers, v->driver);
}

static bool match_dangling(struct core *c, int dangling, const char *name)
{
	auto_strv char **held = dangling < 0 ? NULL : users(c, name);

	return dangling < 0 || dangling == !held;
}

static bool match_name(const struct filters *f, const char *name)
{
	char *const *names = filters_get(f, "name");

	return !names || !*names || filters_match_pattern(f, "name", name);
}

int volume_list(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	auto_strv char **names = volume_names(c);
	struct jsonw w = JSONW(out);
	int dangling, r;

	r = filters_bool(f, "dangling", &dangling, err);
	if (r < 0)
		return r;
	jw_object(&w, NULL);
	jw_array(&w, "Volumes");
	for (char **n = names; n && *n; n++) {
		auto_volume struct volume v = { 0 };

		if (match_name(f, *n) && volume_find(c, *n, &v, NULL) == 0 && match_driver(f, &v) &&
			filters_match_labels(f, label_of, &v) && match_dangling(c, dangling, *n))
			write_volume(&w, c, &v);
	}
	jw_array_end(&w);
	jw_null(&w, "Warnings");
	jw_object_end(&w);
	return 0;
}

/* What lies in it; -1: somewhere else, where the options say. */
static int64_t volume_size(struct core *c, const struct volume *v)
{
	char path[VOLUME_PATH];

	if (json_get(v->options, "device"))
		return -1;
	record_path(path, v->name, VOLUME_DATA);
	return tree_size_at(c->dirs.data, path);
}

void volume_usage(struct core *c, struct jsonw *w, const char *key)
{
	auto_strv char **names = volume_names(c);

	if (names)
		core_join_userns(c);
	jw_array(w, key);
	for (char **n = names; n && *n; n++) {
		auto_volume struct volume v = { 0 };
		auto_strv char **held = volume_users(&c->dirs, *n);

		if (volume_find(c, *n, &v, NULL) < 0)
			continue;
		jw_object(w, NULL);
		write_members(w, c, &v);
		jw_object(w, "UsageData");
		jw_int(w, "RefCount", (int64_t)strv_len(held));
		jw_int(w, "Size", volume_size(c, &v));
		jw_object_end(w);
		jw_object_end(w);
	}
	jw_array_end(w);
}

/* ---- making one by request */

int volume_create(struct core *c, const char *body, struct buf *out, struct err *err)
{
	struct create_volume q = { 0 };
	auto_json json_object *doc = NULL;
	auto_volume struct volume v = { 0 };
	struct jsonw w = JSONW(out);
	auto_fd int lock = FD_NONE;
	int r;

	r = json_parse(body, strlen(body), &doc, err);
	if (r == 0)
		r = jfields_read(create_fields, doc, "", &q, err);
	if (r < 0)
		return r;
	r = volume_driver_check(q.name, q.driver, ERR_NOT_FOUND, err);
	if (r == 0 && !str_empty(q.name))
		r = volume_name_check(q.name, err);
	if (r == 0)
		r = volume_strings_check(q.labels, "Labels", err);
	if (r == 0)
		r = volume_options_check(q.name, q.options, err);
	lock = r < 0 ? r : dirs_lock(&c->dirs);
	if (r == 0 && lock < 0)
		r = err_sys(err, lock, "lock the data directory");
	if (r == 0 && (str_empty(q.name) || volume_find(c, q.name, &v, NULL) < 0)) {
		volume_fill(&v, str_empty(q.name) ? NULL : q.name, q.labels, q.options);
		r = volume_make(c, &v, true, err);
	}
	if (r == 0)
		write_volume(&w, c, &v);
	jfields_clear(create_fields, &q);
	return r;
}

/* ---- removing */

static int in_use(const char *name, char *const *held, struct err *err)
{
	auto_buf struct buf ids = { 0 };

	for (; *held && ids.len < 256; held++)
		buf_printf(&ids, "%s%s", ids.len ? " " : "", *held);
	return err_set(err, ERR_CONFLICT, EBUSY, "remove %s: volume is in use - [%s%s]", name,
		ids.data, *held ? " …" : "");
}

int volume_remove(struct core *c, const char *name, bool force, struct err *err)
{
	auto_volume struct volume v = { 0 };
	auto_strv char **held = NULL;
	auto_fd int lock = dirs_lock(&c->dirs);
	int r;

	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	r = volume_find(c, name, &v, err);
	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return r;
	held = users(c, name);
	if (held)
		return in_use(name, held, err);
	r = volume_take_away(&c->dirs, name, true);
	if (r < 0)
		return err_sys(err, r, "remove %s", name);
	lock = fd_close(lock);
	volume_event(&c->dirs, name, "destroy", NULL);
	core_trashed(c);
	return 0;
}

/* What is asked for, and what came of it. */
struct prune {
	struct core *core;
	const struct filters *f;
	bool all; /* named ones as well */
	struct jsonw *w;
	int64_t freed;
	bool any;
};

static bool prune_matches(const struct prune *p, const char *name, struct volume *ret)
{
	return volume_find(p->core, name, ret, NULL) == 0 &&
		filters_match_labels(p->f, label_of, ret) &&
		(p->all || json_get(ret->labels, VOLUME_ANONYMOUS_LABEL)) &&
		match_dangling(p->core, 1, name);
}

/* Under the lock everything is looked at again: meanwhile it may have come into use, or be another one of
 * that name. */
static int prune_take_away(const struct prune *p, const char *name, struct err *err)
{
	auto_volume struct volume v = { 0 };
	auto_strv char **held = NULL;
	auto_fd int lock = dirs_lock(&p->core->dirs);

	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	held = volume_users(&p->core->dirs, name);
	if (held || !prune_matches(p, name, &v))
		return 1;
	return volume_take_away(&p->core->dirs, name, false) < 0 ? 1 : 0;
}

/* 1: it stays. A large one takes long to be measured, and nobody waits for that. */
static int prune_one(struct prune *p, const char *name, struct err *err)
{
	auto_volume struct volume v = { 0 };
	int64_t size;
	int r;

	if (!prune_matches(p, name, &v))
		return 1;
	core_join_userns(p->core);
	size = volume_size(p->core, &v);
	r = prune_take_away(p, name, err);
	if (r != 0)
		return r;
	volume_event(&p->core->dirs, name, "destroy", NULL);
	jw_str(p->w, NULL, name);
	p->freed += size > 0 ? size : 0;
	p->any = true;
	return 0;
}

static int prune_all(struct prune *p, struct err *err)
{
	auto_fd int volumes =
		openat(p->core->dirs.data, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_strv char **names = volume_names(p->core);
	int r = 0;

	jw_array(p->w, "VolumesDeleted");
	for (char **n = names; r >= 0 && n && *n; n++)
		r = prune_one(p, *n, err);
	jw_array_end(p->w);
	if (r >= 0 && (volumes < 0 || fsync(volumes) < 0))
		return err_sys(err, errno, "sync the volumes");
	return r < 0 ? r : 0;
}

static int prune(
	struct core *c, const struct filters *f, bool all, struct buf *out, struct err *err)
{
	auto_fd int pruning = core_lock_prune(c, "volumes", err);
	struct jsonw w = JSONW(out);
	struct prune p = { .core = c, .f = f, .all = all, .w = &w };
	int r;

	if (pruning < 0)
		return pruning;
	jw_object(&w, NULL);
	r = prune_all(&p, err);
	jw_int(&w, "SpaceReclaimed", p.freed);
	jw_object_end(&w);
	if (r == 0)
		(void)event_prune(&c->dirs, "volume", p.freed);
	if (p.any)
		core_trashed(c);
	return r;
}

int volume_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	int all, r = filters_bool(f, "all", &all, err);

	return r < 0 ? r : prune(c, f, all == 1, out, err);
}

int volume_prune_all(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	return prune(c, f, true, out, err);
}

/* ---- for containers */

static int ensure_one(
	struct core *c, struct mount_point *m, bool durable, char ***made, struct err *err)
{
	auto_volume struct volume v = { 0 };
	int r;

	if (m->name) {
		r = volume_find(c, m->name, &v, err);
		if (r != -ENOENT || m->anonymous) /* another's, which has just gone */
			return r;
		volume_clear(&v);
	}
	volume_fill(&v, m->name, m->labels, m->options);
	r = volume_make(c, &v, durable, err);
	if (r < 0)
		return r;
	strv_add(made, v.name);
	if (!m->name)
		m->name = take_ptr(&v.name);
	return 0;
}

int volumes_ensure(
	struct core *c, struct mount_points *m, bool durable, char ***made, struct err *err)
{
	for (size_t i = 0; i < m->count; i++) {
		struct mount_point *p = &m->items[i];
		int r;

		if (!mount_is(p, "volume"))
			continue;
		r = ensure_one(c, p, durable, made, err);
		if (r < 0)
			return r;
		free(p->source);
		p->source = data_path(c, p->name);
	}
	return 0;
}

static void set_str(char **s, char *take)
{
	free(*s);
	*s = take;
}

/* Each container has a mount of its own: two would not see the same files. */
static int check_alone(struct core *c, const char *id, const char *name, struct err *err)
{
	auto_strv char **ids = volume_users(&c->dirs, name);

	for (char **other = ids; other && *other; other++) {
		struct status st;

		if (str_eq(*other, id) || container_status(c, *other, &st) < 0)
			continue;
		(void)status_settle(&st, true);
		if (st.state == RUN_RUNNING || st.state == RUN_PAUSED)
			return err_set(err, ERR_CONFLICT, EBUSY,
				"volume %s is in memory (type=tmpfs) and in use by container %.12s: "
				"two containers cannot share it",
				name, *other);
	}
	return 0;
}

static int resolve_tmpfs(struct core *c, const char *id, struct mount_point *m, struct err *err)
{
	if (!str_empty(m->subpath))
		return err_set(err, ERR_INVALID, ENOENT,
			"volume %s is in memory (type=tmpfs) and empty: it has no subpath %s",
			m->name, m->subpath);
	set_str(&m->type, xstrdup("tmpfs"));
	return check_alone(c, id, m->name, err);
}

/* A volume with options is what they say, mounted for each container by itself. */
static int resolve_one(struct core *c, const char *id, struct mount_point *m,
	const struct volume *v, struct err *err)
{
	const char *device = json_get_str(v->options, "device", "");
	struct volume_way way = { 0 };
	struct stat st;

	set_str(&m->source, data_path(c, m->name));
	set_str(&m->propagation, xstrdup("rprivate"));
	if (str_empty(device))
		return 0;
	volume_way_read(v->options, &way);
	m->read_only |= way.read_only;
	set_str(&m->data, buf_steal(&way.data));
	if (!way.bind)
		return resolve_tmpfs(c, id, m, err);
	m->recursive = way.recursive;
	if (stat(device, &st) < 0)
		return err_set(err, ERR_SYSTEM, errno,
			"error while mounting volume '%s': failed to mount local volume: mount %s:%s: %s",
			m->source, device, m->source, strerror(errno));
	set_str(&m->source, xstrdup(device));
	return 0;
}

int volumes_resolve(struct core *c, const char *id, struct mount_points *m, struct err *err)
{
	for (size_t i = 0; i < m->count; i++) {
		auto_volume struct volume v = { 0 };
		int r;

		if (!mount_is(&m->items[i], "volume"))
			continue;
		r = volume_find(c, m->items[i].name, &v, err);
		if (r == 0)
			r = resolve_one(c, id, &m->items[i], &v, err);
		if (r < 0)
			return r;
	}
	return 0;
}
