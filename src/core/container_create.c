/* Creating a container: request and image become one configuration, which becomes a folder.
 *
 * Order on disk, under the lock: the folder with its layer folders; the name's link; an auto-remove
 * container's first status record; config.json, which makes it a container. Cut short anywhere before
 * that, nothing is there for a reader, the name is free for the next who wants it, and the folder is
 * swept away. */
#include "core/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/config.h"
#include "core/container_create.h"
#include "core/container_state.h"
#include "core/images.h"
#include "core/modes.h"
#include "core/mounts.h"
#include "core/names.h"
#include "core/records.h"
#include "core/removed.h"
#include "core/restarts.h"
#include "core/runtimes.h"
#include "core/volume_fill.h"
#include "core/volumes.h"
#include "core/words.h"
#include "state/remove.h"
#include "state/volumes.h"
#include "json/text.h"

#define CREATE_API_MINOR 47 /* of requests that are our own */

void create_request_clear(struct create_request *q)
{
	container_config_clear(&q->config);
	host_config_clear(&q->host);
	mount_points_clear(&q->mounts);
	(void)json_object_put(q->networking);
	strv_free(q->warnings);
}

/* ---- the request */

static bool is_stranger(const struct mount_spec *s, json_object *options, const char *type)
{
	return options && s->type && !str_eq(s->type, type);
}

static void drop(json_object **o)
{
	(void)json_object_put(*o);
	*o = NULL;
}

/* Before 1.42 options of another type were ignored, and before 1.44 a read-only bind was read-only at
 * its top alone. */
static void mounts_for_old_api(struct host_config *h, unsigned api_minor)
{
	struct mount_spec *s = h->mounts.items;

	for (size_t i = 0; api_minor < 44 && i < h->mounts.count; i++, s++) {
		if (api_minor < 42 && is_stranger(s, s->bind_given, "bind"))
			drop(&s->bind_given);
		if (api_minor < 42 && is_stranger(s, s->volume_given, "volume"))
			drop(&s->volume_given);
		if (api_minor < 42 && is_stranger(s, s->tmpfs_given, "tmpfs"))
			drop(&s->tmpfs_given);
		if (!s->read_only || !s->type || !str_eq(s->type, "bind"))
			continue;
		if (!s->bind_given)
			s->bind_given = json_object_new_object();
		(void)json_object_object_add(
			s->bind_given, "ReadOnlyNonRecursive", json_object_new_boolean(true));
	}
}

/* What an endpoint is told by its network: clients that make a container from another one's inspect
 * send it along. */
static bool is_told_by_network(const char *key)
{
	static const char *const keys[] = { "NetworkID", "EndpointID", "Gateway", "IPAddress",
		"IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen",
		"DNSNames", NULL };

	return word_among(keys, key);
}

static int check_endpoint(const char *name, json_object *endpoint, struct err *err)
{
	if (endpoint && !json_object_is_type(endpoint, json_type_object))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid JSON: NetworkingConfig.EndpointsConfig.%.100s must be an object",
			name);
	if (!endpoint)
		return 0;
	json_object_object_foreach(endpoint, key, value)
	{
		if (!json_is_neutral(value) && !is_told_by_network(key))
			return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
				"NetworkingConfig.EndpointsConfig.%.100s.%.60s is not supported yet",
				name, key);
	}
	return 0;
}

static int must_be_object(json_object *o, const char *name, struct err *err)
{
	if (!o || json_object_is_type(o, json_type_object))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: %s must be an object", name);
}

/* EndpointsConfig may name the network of NetworkMode, asking for nothing special. */
static int check_networking(
	json_object *networking, const char *mode, unsigned api_minor, struct err *err)
{
	json_object *endpoints;
	int r;

	r = must_be_object(networking, "NetworkingConfig", err);
	if (r < 0)
		return r;
	endpoints = json_get(networking, "EndpointsConfig");
	r = must_be_object(endpoints, "NetworkingConfig.EndpointsConfig", err);
	if (r < 0 || !endpoints)
		return r;
	if (json_object_object_length(endpoints) > 1 && api_minor < 44)
		return err_set(err, ERR_INVALID, EINVAL,
			"Container cannot be created with multiple network endpoints");
	json_object_object_foreach(endpoints, name, endpoint)
	{
		if (!str_eq(name, mode) && !(str_eq(name, "default") && str_eq(mode, "bridge")))
			return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
				"NetworkingConfig.EndpointsConfig: network \"%.100s\" is not supported yet",
				name);
		r = check_endpoint(name, endpoint, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static json_object *member_any_case(json_object *o, const char *key)
{
	json_object *exact = json_get(o, key);

	if (exact)
		return exact;
	json_object_object_foreach(o, name, value) if (strcasecmp(name, key) == 0) return value;
	return NULL;
}

int create_request_read(
	const char *body, unsigned api_minor, struct create_request *ret, struct err *err)
{
	auto_json json_object *doc = NULL, *none = json_object_new_object();
	auto_create_request struct create_request q = { 0 };
	json_object *host;
	int r;

	r = *body ? json_parse(body, strlen(body), &doc, err) : 0;
	if (r < 0)
		return r;
	if (!doc ||
		(json_object_is_type(doc, json_type_object) && json_object_object_length(doc) == 0))
		return err_set(err, ERR_INVALID, EINVAL,
			"config cannot be empty in order to create a container");
	r = jfields_read(container_config_fields, doc, "", &q.config, err);
	if (r < 0)
		return r;
	host = member_any_case(doc, "HostConfig");
	r = jfields_read(host_config_fields, host ? host : none, "HostConfig.", &q.host, err);
	if (r < 0)
		return r;
	if (api_minor < 42) {
		(void)json_object_put(q.host.console_size);
		q.host.console_size = NULL;
	}
	if (api_minor < 44 && q.config.healthcheck)
		json_object_object_del(q.config.healthcheck, "StartInterval");
	mounts_for_old_api(&q.host, api_minor);
	q.networking = json_object_get(member_any_case(doc, "NetworkingConfig"));
	*ret = q;
	q = (struct create_request){ 0 };
	return 0;
}

/* Who keeps its ids is itself inside, too, unless somebody else is asked for. */
static void settle_user(struct create_request *q)
{
	uid_t uid;
	gid_t gid;

	if (!str_empty(q->config.user) || keep_id_read(q->host.userns_mode, &uid, &gid, NULL) != 1)
		return;
	free(q->config.user);
	q->config.user = xasprintf("%u:%u", uid, gid);
}

int create_request_settle(struct create_request *q, json_object *image_config,
	struct mount_points *inherited, unsigned api_minor, struct err *err)
{
	int r;

	r = container_config_check(&q->config, err);
	if (r == 0)
		r = removed_label_check(q->config.labels, err);
	if (r == 0)
		r = host_config_settle(&q->host, &q->config, api_minor < 40, &q->warnings, err);
	if (r == 0)
		r = check_networking(q->networking, q->host.network_mode, api_minor, err);
	if (r == 0)
		r = mount_points_read(&q->host, &q->mounts, err);
	if (r == 0)
		r = container_config_merge(&q->config, image_config, &q->warnings, err);
	if (r == 0)
		settle_user(q);
	if (r == 0)
		r = restart_label_check(&q->config, &q->host, &q->warnings, err);
	if (r < 0)
		return r;
	if (inherited)
		mount_points_merge(&q->mounts, inherited);
	if (!q->step)
		r = mount_points_add_volumes(&q->mounts, &q->host, q->config.volumes, err);
	mount_points_sort(&q->mounts);
	return r < 0 ? r : runtime_check_mounts(&q->host, &q->mounts, err);
}

/* ---- the platform */

static const char *arch_name(const char *arch)
{
	if (str_eq(arch, "x86_64") || str_eq(arch, "x86-64"))
		return "amd64";
	if (str_eq(arch, "aarch64"))
		return "arm64";
	return arch;
}

/* Docker's os[/arch[/variant]] against what the image says it is. */
static int check_platform(
	const struct image *image, const char *wanted, const char *ref, struct err *err)
{
	auto_strv char **parts = strv_split(wanted, '/');
	size_t n = strv_len(parts);
	bool fits;

	if (n > 3 || !*parts[0])
		return err_set(err, ERR_INVALID, EINVAL,
			"\"%s\": unknown operating system or "
			"architecture: invalid platform",
			wanted);
	if (n == 1 && !str_eq(parts[0], "linux"))
		fits = str_eq(arch_name(parts[0]), image->architecture);
	else
		fits = str_eq(parts[0], image->os) &&
			(n < 2 || str_eq(arch_name(parts[1]), image->architecture)) &&
			(n < 3 || str_empty(image->variant) || str_eq(parts[2], image->variant));
	if (fits)
		return 0;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"image with reference %s was found but its platform (%s/%s) does not match the "
		"specified platform (%s)",
		ref, image->os, image->architecture, wanted);
}

static void warn_foreign(const struct image *image, char ***w)
{
	struct utsname u;

	if (uname(&u) == 0 && !str_empty(image->architecture) &&
		!str_eq(arch_name(u.machine), image->architecture))
		strv_add_take(w,
			xasprintf("The requested image's platform (%s/%s) does not match the "
				  "detected host platform (linux/%s) and no specific platform "
				  "was requested",
				image->os, image->architecture, arch_name(u.machine)));
}

/* ---- the record */

static void settle_hostname(struct create_request *q, const char *id)
{
	struct utsname u;

	if (!str_empty(q->config.hostname))
		return;
	free(q->config.hostname);
	if ((str_eq(q->host.network_mode, "host") || str_eq(q->host.uts_mode, "host")) &&
		uname(&u) == 0)
		q->config.hostname = xstrdup(u.nodename);
	else
		q->config.hostname = xstrndup(id, 12);
}

/* Path and Args: Entrypoint and Cmd as one command. */
static void write_command(struct jsonw *w, const struct container_config *c)
{
	char *const *first = c->entrypoint.list ? c->entrypoint.list : c->cmd.list;

	jw_str(w, "Path", first[0]);
	jw_array(w, "Args");
	for (char *const *a = first + 1; *a; a++)
		jw_str(w, NULL, *a);
	if (first == c->entrypoint.list)
		for (char **a = c->cmd.list; a && *a; a++)
			jw_str(w, NULL, *a);
	jw_array_end(w);
}

static void write_platform(struct jsonw *w, const struct image *image)
{
	jw_str(w, "Platform", "linux");
	jw_str(w, "ImageID", image->id);
	jw_strv(w, "Layers", image->diff_ids);
}

void create_request_write(struct buf *out, const struct create_request *q, const char *id,
	const char *name, int64_t created, const struct image *image)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_str(&w, "Id", id);
	jw_str(&w, "Name", name);
	jw_time(&w, "Created", created);
	write_command(&w, &q->config);
	jw_str(&w, "Image", q->config.image);
	write_platform(&w, image);
	jw_object(&w, "Config");
	jfields_write(&w, container_config_fields, &q->config);
	jw_object_end(&w);
	jw_object(&w, "HostConfig");
	jfields_write(&w, host_config_fields, &q->host);
	jw_object_end(&w);
	if (q->networking)
		json_write(&w, "NetworkingConfig", q->networking);
	mount_points_write(&w, "Mounts", &q->mounts);
	mount_points_record(&w, &q->mounts);
	jw_strv(&w, "Warnings", q->warnings);
	jw_object_end(&w);
}

/* upper is what the container sees as /: the umask has no say in it. The layer of a build's step is
 * elsewhere, and stays when the container goes. */
static int make_upper(int dir, const char *elsewhere)
{
	auto_fd int upper = FD_NONE;

	if (elsewhere)
		return symlinkat(elsewhere, dir, "upper") < 0 ? -errno : 0;
	upper = dir_open_make_at(dir, "upper", 0755);
	if (upper < 0)
		return upper;
	return fchmod(upper, 0755) < 0 ? -errno : 0;
}

static int make_folders(
	struct core *c, const char *id, const char *upper, int *ret, struct err *err)
{
	auto_fd int dir = FD_NONE;
	char path[96];
	int r;

	(void)snprintf(path, sizeof(path), "containers/%.64s", id);
	if (mkdirat(c->dirs.data, path, 0700) < 0)
		return err_sys(err, errno, "make folder of container %.12s", id);
	dir = dirs_container_data(&c->dirs, id);
	if (dir < 0)
		return err_sys(err, dir, "open folder of container %.12s", id);
	r = dir_make_at(dir, "work", 0700);
	if (r >= 0)
		r = make_upper(dir, upper);
	if (r < 0)
		return err_sys(err, r, "make layer of container %.12s", id);
	*ret = take_fd(&dir);
	return 0;
}

/* What tells an auto-remove container of this boot from one of an earlier (state/status.h). */
static int record_boot(struct core *c, const char *id, struct err *err)
{
	struct status st = { .state = RUN_CREATED };
	auto_fd int run = dirs_container_run(&c->dirs, id, true);
	int r;

	if (run < 0)
		return err_sys(err, run, "make run folder of container %.12s", id);
	(void)boot_id_read(st.boot_id);
	r = status_write(run, &st);
	return r < 0 ? err_sys(err, r, "write status of container %.12s", id) : 0;
}

static int commit(struct core *c, const struct create_request *q, const char *id, const char *name,
	const struct image *image, int dir, struct container **ret, struct err *err)
{
	auto_buf struct buf json = { 0 };
	json_object *doc = NULL;
	int r;

	create_request_write(&json, q, id, name, time_now(), image);
	r = json_parse(json.data, json.len, &doc, err);
	if (r < 0)
		return err_prefix(err, "new configuration");
	r = record_create(c, dir, doc, err);
	if (r < 0) {
		(void)json_object_put(doc);
		return r;
	}
	return container_decode(doc, ret, err);
}

/* Before the record, so that nobody removes what it will refer to. */
static int link_volumes(
	struct core *c, struct create_request *q, int dir, char ***made, struct err *err)
{
	int r = volumes_ensure(c, &q->mounts, !q->host.auto_remove, made, err);

	for (size_t i = 0; r == 0 && i < q->mounts.count; i++) {
		const struct mount_point *m = &q->mounts.items[i];

		if (!mount_is(m, "volume"))
			continue;
		r = volume_link(dir, m->name, m->anonymous);
		if (r < 0)
			return err_sys(err, r, "note the volume %s", m->name);
	}
	return r;
}

/* Another process does that (state/volumes.h); the container waits for it. */
static int mark_unfilled(
	struct core *c, struct create_request *q, int dir, char *const *diff_ids, struct err *err)
{
	auto_fd int fd = FD_NONE;

	q->unfilled = volumes_want_filling(c, &q->mounts, diff_ids);
	if (!q->unfilled)
		return 0;
	fd = openat(dir, CONTAINER_UNFILLED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, errno, "note that volumes are to be filled") : 0;
}

static int create_locked(struct core *c, struct create_request *q, const char *id, const char *name,
	const struct container_base *base, struct container **ret, struct err *err)
{
	auto_fd int dir = FD_NONE;
	auto_free char *claimed = NULL;
	auto_strv char **made = NULL;
	int r;

	r = make_folders(c, id, base->upper, &dir, err);
	if (r == 0)
		r = link_volumes(c, q, dir, &made, err);
	if (r == 0)
		r = mark_unfilled(c, q, dir, base->image->diff_ids, err);
	if (r == 0)
		r = name ? name_claim(c, name, id, err) : name_claim_new(c, id, &claimed, err);
	if (r == 0 && q->host.auto_remove)
		r = record_boot(c, id, err);
	if (r == 0)
		r = commit(c, q, id, name ? name : claimed, base->image, dir, ret, err);
	if (r < 0) {
		(void)container_take_away(&c->dirs, id,
			name              ? name
				: claimed ? claimed
					  : "",
			true, NULL);
		volumes_take_away(&c->dirs, made, false);
	}
	return r;
}

static int check_name(const char **name, struct err *err)
{
	if (str_empty(*name)) {
		*name = NULL;
		return 0;
	}
	if (**name == '/')
		++*name;
	if (!name_valid(*name))
		return err_set(err, ERR_INVALID, EINVAL,
			"Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			*name);
	return 0;
}

static void write_reply(struct buf *out, const char *id, char *const *warns)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_str(&w, "Id", id);
	jw_strv(&w, "Warnings", warns);
	jw_object_end(&w);
}

/* The last of it: q is settled except for what depends on the id. */
static int create_settled(struct core *c, struct create_request *q, const char *name,
	const struct container_base *base, struct container **ret, struct err *err)
{
	auto_fd int lock = FD_NONE;
	char id[ID_SIZE];
	int r;

	id_new(id);
	settle_hostname(q, id);
	modes_name_by_id(c, &q->host);
	lock = dirs_lock(&c->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	r = create_locked(c, q, id, name, base, ret, err);
	lock = fd_close(lock);
	if (r == 0)
		container_event(c, *ret, "create", NULL);
	return r;
}

/* VolumesFrom: what those containers have. */
static int inherit_mounts(
	struct core *c, const struct host_config *h, struct mount_points *ret, struct err *err)
{
	int r = 0;

	for (char **from = h->volumes_from; r == 0 && from && *from; from++) {
		auto_container struct container *ct = NULL;
		auto_free char *other = NULL;
		bool read_only;

		r = volumes_from_split(*from, &other, &read_only, err);
		if (r == 0)
			r = container_find(c, other, &ct, err);
		if (r == -ENOENT && err)
			err->kind = ERR_INVALID; /* 404 is for the image */
		if (r == 0)
			r = mount_points_inherit(ret, ct->doc, read_only, err);
	}
	return r;
}

int container_create(struct core *c, const char *body, const char *name, const char *platform,
	unsigned api_minor, struct buf *out, struct container **ret_unfilled, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_create_request struct create_request q = { 0 };
	auto_mount_points struct mount_points inherited = { 0 };
	auto_image struct image *image = NULL;
	int r;

	r = check_name(&name, err);
	if (r == 0)
		r = create_request_read(body, api_minor, &q, err);
	if (r == 0)
		r = image_find(c, q.config.image ? q.config.image : "", &image, err);
	if (r < 0)
		return r;
	if (!str_empty(platform))
		r = check_platform(image, platform, q.config.image, err);
	else
		warn_foreign(image, &q.warnings);
	if (r == 0)
		r = inherit_mounts(c, &q.host, &inherited, err);
	if (r == 0)
		r = create_request_settle(&q, image->config, &inherited, api_minor, err);
	if (r == 0)
		r = mount_points_check_sources(&q.mounts, err);
	if (r == 0)
		r = create_settled(
			c, &q, name, &(struct container_base){ .image = image }, &ct, err);
	if (r < 0)
		return r;
	write_reply(out, ct->id, q.warnings);
	if (q.unfilled)
		*ret_unfilled = take_ptr(&ct);
	return 0;
}

int container_create_on(struct core *c, const char *body, const struct container_base *base,
	char ret_id[ID_SIZE], char ***ret_warnings, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_create_request struct create_request q = { 0 };
	int r;

	r = create_request_read(body, CREATE_API_MINOR, &q, err);
	q.step = true;
	if (r == 0)
		r = create_request_settle(&q, base->image->config, NULL, CREATE_API_MINOR, err);
	if (r == 0)
		r = mount_points_check_sources(&q.mounts, err);
	if (r == 0)
		r = create_settled(c, &q, NULL, base, &ct, err);
	if (r < 0)
		return r;
	memcpy(ret_id, ct->id, ID_SIZE);
	*ret_warnings = take_ptr(&q.warnings);
	return 0;
}

int container_create_check(const char *body, struct err *err)
{
	auto_create_request struct create_request q = { 0 };
	int r = create_request_read(body, CREATE_API_MINOR, &q, err);

	return r == 0 ? create_request_settle(&q, NULL, NULL, CREATE_API_MINOR, err) : r;
}
