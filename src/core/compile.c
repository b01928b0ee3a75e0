#include "core/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "core/caps.h"
#include "core/container_state.h"
#include "core/devices.h"
#include "core/ground.h"
#include "core/health.h"
#include "core/images.h"
#include "core/log_config.h"
#include "core/modes.h"
#include "core/removed.h"
#include "core/restarts.h"
#include "core/runtimes.h"
#include "core/security.h"
#include "core/signals.h"
#include "core/spawn.h"
#include "core/volumes.h"
#include "state/plan.h"
#include "state/volumes.h"
#include "json/text.h"

#define STOP_SIGNAL_DEFAULT 15
#define GROUP_TTY           5 /* of terminals, on every distribution */

static void add_number(struct buf *plan, const char *keyword, long long n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", n);
	plan_add(plan, keyword, text);
}

static void add_each(struct buf *plan, const char *keyword, char *const *words)
{
	for (; words && *words; words++)
		plan_add(plan, keyword, *words);
}

/* ---- who it is */

void compile_identity(struct buf *plan, const struct container *ct)
{
	auto_buf struct buf attrs = { 0 };

	container_attrs(&attrs, ct);
	plan_add(plan, "plan", "1");
	plan_add(plan, "id", ct->id);
	plan_add(plan, "name", ct->name);
	plan_add(plan, "image", ct->image);
	plan_add(plan, "attrs", attrs.data);
}

static void add_identity(struct buf *plan, const struct container *ct)
{
	struct restart_rule rule = container_restart_rule(ct);

	compile_identity(plan, ct);
	if (json_get_bool(ct->host_config, "AutoRemove"))
		plan_add(plan, "auto-remove");
	restart_rule_write(plan, &rule);
}

/* ---- its ids */

/* Whether ids differ inside: root's are the same everywhere. */
static bool shifts_ids(const struct host_config *h, uid_t *uid, gid_t *gid)
{
	return keep_id_read(h->userns_mode, uid, gid, NULL) == 1 && (*uid || *gid);
}

/* An id inside as the mount options mean it, outside (runtime/keepid.h). */
static unsigned id_outside(unsigned id, unsigned own)
{
	return id < own ? id + 1 : id == own ? 0 : id;
}

/* ---- its files */

static void add_root(
	struct buf *plan, const struct host_config *h, bool passing, const struct compile_paths *p)
{
	auto_free char *upper = xasprintf("%s/upper", p->folder);
	auto_free char *work = xasprintf("%s/work", p->folder);

	add_each(plan, "lower", p->lower);
	plan_add(plan, "upper", upper);
	plan_add(plan, "work", work);
	if (passing)
		plan_add(plan, "volatile");
	if (h->readonly_rootfs)
		plan_add(plan, "readonly-root");
}

/* A choice of the engine, not of the container: it may be another at the next start. */
static int add_storage(struct buf *plan, const struct host_config *h, struct err *err)
{
	const char *storage = getenv("DAYFLY_STORAGE");
	uid_t uid;
	gid_t gid;

	if (shifts_ids(h, &uid, &gid)) { /* the kernel's overlay shows ids as they are stored */
		plan_add(plan, "storage", "fuse-overlayfs");
		return 0;
	}
	if (str_empty(storage))
		return 0;
	if (!str_eq(storage, "overlayfs") && !str_eq(storage, "fuse-overlayfs"))
		return err_set(err, ERR_SYSTEM, EINVAL,
			"the engine's DAYFLY_STORAGE is %.64s, but can be overlayfs or fuse-overlayfs only",
			storage);
	plan_add(plan, "storage", storage);
	return 0;
}

/* One of Docker's own mounts, unless the user mounts something there or above it in dev/. */
static void add_own(struct buf *plan, const struct mount_points *user, const char *type,
	const char *source, const char *target, const char *options)
{
	if (mount_points_at(user, target))
		return;
	if (str_starts(target, "/dev/") && mount_points_at(user, "/dev"))
		return;
	plan_add(plan, "mount", type, source, target, options);
}

/* Root's folder, and terminals of the group tty. */
static void add_dev(struct buf *plan, const struct host_config *h, const struct mount_points *user)
{
	static const char dev[] = "nosuid,mode=755,size=65536k";
	auto_free char *shifted = NULL, *pts = NULL;
	unsigned tty = GROUP_TTY;
	uid_t uid;
	gid_t gid;

	if (shifts_ids(h, &uid, &gid)) {
		tty = id_outside(GROUP_TTY, gid);
		shifted =
			xasprintf("%s,uid=%u,gid=%u", dev, id_outside(0, uid), id_outside(0, gid));
	}
	pts = xasprintf("nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=%u", tty);
	add_own(plan, user, "tmpfs", "tmpfs", "/dev", shifted ? shifted : dev);
	add_own(plan, user, "devpts", "devpts", "/dev/pts", pts);
}

/* proc, sysfs and mqueue can only be mounted by who owns the namespace they show: with the host's, they
 * are the host's own mounts. */
static void add_kernel_mounts(
	struct buf *plan, const struct host_config *h, const struct mount_points *user)
{
	bool host_ipc = str_eq(h->ipc_mode, "host");
	const char *ro = h->privileged ? "" : "ro,";
	auto_free char *sys = xasprintf("%snosuid,nodev,noexec", ro);
	auto_free char *sys_bind = xasprintf("rbind,%snosuid,nodev,noexec", ro);
	auto_free char *shm =
		xasprintf("nosuid,nodev,noexec,mode=1777,size=%lld", (long long)h->shm_size);

	if (str_eq(h->pid_mode, "host"))
		add_own(plan, user, "bind", "/proc", "/proc", "rbind,nosuid,nodev,noexec");
	else
		add_own(plan, user, "proc", "proc", "/proc", "nosuid,nodev,noexec");
	add_dev(plan, h, user);
	if (str_eq(h->network_mode, "host"))
		add_own(plan, user, "bind", "/sys", "/sys", sys_bind);
	else
		add_own(plan, user, "sysfs", "sysfs", "/sys", sys);
	if (str_eq(h->cgroupns_mode, "host"))
		add_own(plan, user, "bind", "/sys/fs/cgroup", "/sys/fs/cgroup", sys_bind);
	else
		add_own(plan, user, "cgroup2", "cgroup", "/sys/fs/cgroup", sys);
	if (!host_ipc)
		add_own(plan, user, "mqueue", "mqueue", "/dev/mqueue", "nosuid,nodev,noexec");
	else if (access("/dev/mqueue", F_OK) == 0) /* not mounted on every host */
		add_own(plan, user, "bind", "/dev/mqueue", "/dev/mqueue",
			"rbind,nosuid,nodev,noexec");
	if (host_ipc)
		add_own(plan, user, "bind", "/dev/shm", "/dev/shm", "rbind");
	else if (mode_container(h->ipc_mode))
		add_own(plan, user, "joined-shm", "shm", "/dev/shm", "");
	else if (!str_eq(h->ipc_mode, "none"))
		add_own(plan, user, "tmpfs", "shm", "/dev/shm", shm);
}

static void add_etc(struct buf *plan, const struct mount_points *user, const char *folder)
{
	static const char *const files[] = { "resolv.conf", "hostname", "hosts" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_free char *source = xasprintf("%s/%s", folder, files[i]);
		auto_free char *target = xasprintf("/etc/%s", files[i]);

		add_own(plan, user, "bind", source, target, "bind,rprivate");
	}
}

/* What the monitor tells in events. */
static void add_volume_note(struct buf *plan, const struct mount_point *m)
{
	plan_add(plan, "volume", m->name, m->target, m->read_only ? "false" : "true");
}

/* Of a volume a part may be meant, which is looked for inside it: what containers have made of that path
 * must not lead out. */
static void add_bind(struct buf *plan, const struct mount_point *m)
{
	bool part = !str_empty(m->subpath);
	auto_free char *source =
		part ? xasprintf("%s//%s", m->source, m->subpath) : xstrdup(m->source);
	auto_free char *options = xasprintf("%s%s,%s%s%s", m->recursive ? "rbind" : "bind",
		!m->read_only         ? ""
			: m->top_only ? ",ro-top"
				      : ",ro",
		m->propagation, str_empty(m->data) ? "" : ",", m->data ? m->data : "");

	plan_add(plan, "mount", part ? "part" : "bind", source, m->target, options);
}

static void add_tmpfs(struct buf *plan, const struct mount_point *m)
{
	auto_free char *options = xasprintf(
		"%s%s%s", m->data, m->read_only && *m->data ? "," : "", m->read_only ? "ro" : "");

	plan_add(plan, "mount", "tmpfs", "tmpfs", m->target, options);
}

static void add_user_mounts(struct buf *plan, const struct mount_points *user)
{
	for (size_t i = 0; i < user->count; i++) {
		const struct mount_point *m = &user->items[i];

		if (mount_is(m, "tmpfs"))
			add_tmpfs(plan, m);
		else
			add_bind(plan, m);
		if (!str_empty(m->name))
			add_volume_note(plan, m);
	}
}

static void add_devices(struct buf *plan, bool privileged, const struct mount_points *user)
{
	static const char *const standard[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/tty",
		"/dev/random", "/dev/urandom" };
	/* what a user may open on most hosts; nested engines look for them */
	static const char *const more[] = { "/dev/fuse", "/dev/net/tun", "/dev/kvm" };
	static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" }, { "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" }, { "/proc/kcore", "/dev/core" },
		{ "pts/ptmx", "/dev/ptmx" } };

	if (mount_points_at(user, "/dev"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		plan_add(plan, "device", standard[i]);
	for (size_t i = 0; privileged && i < ARRAY_SIZE(more); i++)
		if (access(more[i], R_OK | W_OK) == 0)
			plan_add(plan, "device", more[i]);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		plan_add(plan, "symlink", links[i][0], links[i][1]);
}

static void add_files(struct buf *plan, const struct host_config *h, bool passing,
	const struct mount_points *user, const struct compile_paths *p)
{
	add_root(plan, h, passing, p);
	add_kernel_mounts(plan, h, user);
	add_etc(plan, user, p->net_etc ? p->net_etc : p->folder);
	add_user_mounts(plan, user);
	devices_compile(plan, h);
	add_devices(plan, h->privileged, user);
	add_each(plan, "mask", h->masked_paths.list);
	add_each(plan, "readonly", h->readonly_paths.list);
}

/* ---- its surroundings */

static void add_sysctls(struct buf *plan, const struct host_config *h)
{
	static const char port_start[] = "net.ipv4.ip_unprivileged_port_start";

	/* as Docker: in a network of its own, port 80 is for everyone */
	if (!str_eq(h->network_mode, "host") && !mode_container(h->network_mode) &&
		!jmap_get(h->sysctls, port_start))
		plan_add(plan, "sysctl", port_start, "0");
	for (char **s = h->sysctls; s && *s; s += 2)
		plan_add(plan, "sysctl", s[0], s[1]);
}

/* joined: the run folder of the container that has it, or NULL. */
static void add_namespace(struct buf *plan, const char *kind, const char *mode, const char *joined)
{
	plan_add(plan, "ns", kind, joined ? joined : str_eq(mode, "host") ? "host" : "private");
}

static void add_namespaces(struct buf *plan, const struct container_config *c,
	const struct host_config *h, const struct compile_paths *p)
{
	add_namespace(plan, "net", h->network_mode, p->net);
	add_namespace(plan, "pid", h->pid_mode, p->pid);
	add_namespace(plan, "ipc", h->ipc_mode, p->ipc);
	add_namespace(plan, "uts", h->uts_mode, NULL);
	add_namespace(plan, "cgroup", h->cgroupns_mode, NULL);
	if (str_eq(h->uts_mode, "host"))
		return;
	if (!str_empty(c->hostname))
		plan_add(plan, "hostname", c->hostname);
	if (!str_empty(c->domainname))
		plan_add(plan, "domainname", c->domainname);
}

static void add_terminal(
	struct buf *plan, const struct container_config *c, const struct host_config *h)
{
	char height[24], width[24];

	if (c->open_stdin)
		plan_add(plan, "open-stdin");
	if (c->stdin_once)
		plan_add(plan, "stdin-once");
	if (!c->tty)
		return;
	plan_add(plan, "tty");
	if (!h->console_size)
		return;
	(void)snprintf(height, sizeof(height), "%lld",
		(long long)json_object_get_int64(json_object_array_get_idx(h->console_size, 0)));
	(void)snprintf(width, sizeof(width), "%lld",
		(long long)json_object_get_int64(json_object_array_get_idx(h->console_size, 1)));
	if (!str_eq(height, "0") && !str_eq(width, "0"))
		plan_add(plan, "console-size", height, width);
}

/* ---- its process */

void compile_security(struct buf *plan, const struct host_config *h, bool privileged,
	const char *profile_path, const struct security *s)
{
	char caps[24];

	(void)snprintf(caps, sizeof(caps), "%016llx",
		(unsigned long long)caps_effective(h->cap_add, h->cap_drop, privileged));
	plan_add(plan, "caps", caps);
	if (privileged)
		plan_add(plan, "privileged");
	if (s->no_new_privs)
		plan_add(plan, "no-new-privs");
	if (profile_path)
		plan_add(plan, "seccomp", profile_path);
	else
		plan_add(plan, "seccomp", s->unconfined ? "unconfined" : "default");
}

static void add_groups(struct buf *plan, const struct host_config *h)
{
	if (strv_has(h->group_add, GROUPS_KEEP))
		plan_add(plan, "keep-groups");
	else
		add_each(plan, "group", h->group_add);
}

void compile_rlimits(struct buf *plan, const struct host_config *h)
{
	const struct ulimit *u = h->ulimits.items;

	for (size_t i = 0; i < h->ulimits.count; i++, u++) {
		char soft[24], hard[24];

		(void)snprintf(soft, sizeof(soft), "%lld", (long long)u->soft);
		(void)snprintf(hard, sizeof(hard), "%lld", (long long)u->hard);
		plan_add(plan, "rlimit", u->name, soft, hard);
	}
}

void compile_process(struct buf *plan, const struct process_spec *p,
	const struct container_config *c, const struct host_config *h, const char *profile,
	const struct security *security)
{
	auto_strv char **env = compile_env(c, p->env, p->tty);
	const char *cwd = str_empty(p->working_dir) ? c->working_dir : p->working_dir;
	const char *user = str_empty(p->user) ? c->user : p->user;

	plan_add(plan, "cwd", str_empty(cwd) ? "/" : cwd);
	plan_add(plan, "user", user ? user : "");
	add_groups(plan, h);
	compile_security(plan, h, h->privileged || p->privileged, profile, security);
	compile_rlimits(plan, h);
	add_each(plan, "env", env);
	add_each(plan, "arg", p->cmd);
}

static void add_command(
	struct buf *plan, const struct container *ct, const struct container_config *c)
{
	auto_strv char **env = compile_env(c, NULL, c->tty),
		       **args = json_get_strv(ct->doc, "Args");

	plan_add(plan, "cwd", str_empty(c->working_dir) ? "/" : c->working_dir);
	plan_add(plan, "user", c->user ? c->user : "");
	add_each(plan, "env", env);
	plan_add(plan, "arg", json_get_str(ct->doc, "Path", ""));
	add_each(plan, "arg", args);
}

static int add_end(struct buf *plan, const struct container *ct, const struct container_config *c,
	const struct host_config *h, struct err *err)
{
	int sig = STOP_SIGNAL_DEFAULT, r;

	if (!str_empty(c->stop_signal)) {
		r = signal_parse(c->stop_signal, &sig, err);
		if (r < 0)
			return r;
	}
	add_number(plan, "stop-signal", sig);
	add_number(plan, "stop-timeout", container_stop_timeout(c));
	return log_config_compile(plan, ct, c, &h->log, err);
}

static void add_keep_id(struct buf *plan, const struct host_config *h)
{
	char inside[2][24];
	uid_t uid;
	gid_t gid;

	if (!shifts_ids(h, &uid, &gid))
		return;
	(void)snprintf(inside[0], sizeof(inside[0]), "%u", uid);
	(void)snprintf(inside[1], sizeof(inside[1]), "%u", gid);
	plan_add(plan, "keep-id", inside[0], inside[1]);
}

static int add_process(struct buf *plan, const struct container *ct,
	const struct container_config *c, const struct host_config *h, const char *profile,
	struct err *err)
{
	auto_security struct security security = { 0 };
	int r;

	r = security_read(h->security_opt, h->privileged, &security, err);
	if (r < 0)
		return r;
	if (h->init == 1)
		plan_add(plan, "init");
	add_groups(plan, h);
	add_keep_id(plan, h);
	compile_security(plan, h, h->privileged, profile, &security);
	compile_rlimits(plan, h);
	r = resources_compile(&h->resources, plan, err);
	if (r < 0)
		return r;
	if (h->oom_score_adj)
		add_number(plan, "oom-score-adj", h->oom_score_adj);
	add_command(plan, ct, c);
	return add_end(plan, ct, c, h, err);
}

static int compile_all(const struct container *ct, const struct container_config *c,
	const struct host_config *h, const struct mount_points *mounts,
	const struct compile_paths *paths, struct buf *plan, struct err *err)
{
	int r;

	r = add_storage(plan, h, err);
	if (r == 0)
		r = runtime_compile(plan, h, err);
	if (r < 0)
		return r;
	add_identity(plan, ct);
	add_files(plan, h, json_get_bool(ct->host_config, "AutoRemove"), mounts, paths);
	add_sysctls(plan, h);
	add_namespaces(plan, c, h, paths);
	add_terminal(plan, c, h);
	return add_process(plan, ct, c, h, paths->seccomp, err);
}

int compile_configs(const struct container *ct, struct container_config *c, struct host_config *h,
	struct err *err)
{
	int r;

	r = jfields_read(container_config_fields, ct->config, "Config.", c, err);
	if (r == 0)
		r = jfields_read(host_config_fields, ct->host_config, "HostConfig.", h, err);
	return r < 0 ? err_prefix(err, "config.json of %.12s", ct->id) : 0;
}

int compile_plan(const struct container *ct, const struct compile_paths *paths, struct buf *plan,
	struct err *err)
{
	auto_container_config struct container_config c = { 0 };
	auto_host_config struct host_config h = { 0 };
	auto_mount_points struct mount_points mounts = { 0 };
	int r;

	r = compile_configs(ct, &c, &h, err);
	if (r == 0)
		r = mount_points_load(ct->doc, &h, &mounts, err);
	return r < 0 ? r : compile_all(ct, &c, &h, &mounts, paths, plan, err);
}

/* ---- with the disk */

/* From the top down. Images do hold a layer several times, but overlayfs takes a folder once: the
 * uppermost shows and hides all that those below it would. */
static int layer_paths(struct core *c, char *const *diff_ids, char ***ret, struct err *err)
{
	for (size_t i = strv_len(diff_ids); i > 0; i--) {
		auto_free char *path = NULL;
		int r = image_layer_path(c, diff_ids[i - 1], &path, err);

		if (r < 0)
			return r;
		if (!strv_has(*ret, path))
			strv_add_take(ret, take_ptr(&path));
	}
	return 0;
}

/* A custom profile goes to a file: a plan's words are for people to read. */
static int write_profile(
	int dir, const struct security *s, const char *folder, char **ret, struct err *err)
{
	int r;

	if (!s->profile)
		return 0;
	r = file_replace_at(dir, "seccomp.json", s->profile, strlen(s->profile), 0600, 0);
	if (r < 0)
		return err_sys(err, r, "write seccomp.json");
	*ret = xasprintf("%s/seccomp.json", folder);
	return 0;
}

static int prepare_mounts(
	struct core *core, const struct container *ct, struct mount_points *mounts, struct err *err)
{
	int r = volumes_resolve(core, ct->id, mounts, err);

	return r < 0 ? r : mount_points_make_sources(mounts, err);
}

static int prepare_files(int dir, const struct container_config *c, const struct host_config *h,
	const char *folder, char **profile, struct err *err)
{
	auto_security struct security security = { 0 };
	int r;

	r = security_read(h->security_opt, h->privileged, &security, err);
	if (r == 0)
		r = write_profile(dir, &security, folder, profile, err);
	return r < 0 ? r : etc_files_write(dir, c, h, err);
}

/* In the network of another container it has that one's names. Returns where its etc/ files are. */
static char *take_names(
	struct core *core, const struct container *owner, struct container_config *c)
{
	free(c->hostname);
	free(c->domainname);
	c->hostname = xstrdup(json_get_str(owner->config, "Hostname", ""));
	c->domainname = xstrdup(json_get_str(owner->config, "Domainname", ""));
	return xasprintf("%s/containers/%s", core->dirs.data_path, owner->id);
}

static int compile_into(struct core *core, const struct container *ct, int dir, struct buf *plan,
	struct buf *health, struct err *err)
{
	auto_container_config struct container_config c = { 0 };
	auto_host_config struct host_config h = { 0 };
	auto_free char *folder = xasprintf("%s/containers/%s", core->dirs.data_path, ct->id);
	auto_free char *profile = NULL;
	auto_free char *net_etc = NULL;
	auto_strv char **lower = NULL;
	auto_joins struct joins joins = { 0 };
	struct compile_paths paths;
	auto_mount_points struct mount_points mounts = { 0 };
	int r;

	r = compile_configs(ct, &c, &h, err);
	if (r == 0)
		r = joins_find(core, ct->id, &h, &joins, err);
	if (r == 0)
		r = devices_check(&h, err);
	if (r == 0)
		r = mount_points_load(ct->doc, &h, &mounts, err);
	if (r == 0)
		r = prepare_mounts(core, ct, &mounts, err);
	if (r == 0)
		r = layer_paths(core, ct->diff_ids, &lower, err);
	if (r == 0)
		r = ground_add(&core->dirs, &lower, err);
	if (r == 0)
		r = prepare_files(dir, &c, &h, folder, &profile, err);
	if (r < 0)
		return r;
	if (joins.names)
		net_etc = take_names(core, joins.names, &c);
	paths = (struct compile_paths){ .folder = folder,
		.lower = lower,
		.seccomp = profile,
		.net = joins.net,
		.pid = joins.pid,
		.ipc = joins.ipc,
		.net_etc = net_etc };
	r = compile_all(ct, &c, &h, &mounts, &paths, plan, err);
	return r < 0 ? r : healthcheck_compile(ct, &c, &h, profile, health, err);
}

/* What the monitor needs to know when it removes the container. */
static void add_keep(struct buf *plan, const struct container *ct)
{
	char time[24], count[24], bytes[24];
	struct removed_limits l;

	removed_limits_read(ct, &l);
	if (l.time <= 0)
		return;
	(void)snprintf(time, sizeof(time), "%lld", (long long)l.time);
	(void)snprintf(count, sizeof(count), "%lld", (long long)l.count);
	(void)snprintf(bytes, sizeof(bytes), "%lld", (long long)l.bytes);
	plan_add(plan, "keep-removed", time, count, bytes, l.diff ? "1" : "0");
}

/* health may be empty: there is no check. It comes first, since a monitor reads both. */
static int write_plans(struct core *c, const struct container *ct, struct buf *plan,
	const struct buf *health, struct err *err)
{
	auto_fd int run = dirs_container_run(&c->dirs, ct->id, true);
	int r = 0;

	if (run < 0)
		return err_sys(err, run, "make run folder of %.12s", ct->id);
	add_keep(plan, ct);
	if (health->len)
		r = file_replace_at(run, "health-plan", health->data, health->len, 0600, 0);
	if (r == 0)
		r = file_replace_at(run, "plan", plan->data, plan->len, 0600, 0);
	return r < 0 ? err_sys(err, r, "write plan of %.12s", ct->id)
		     : run_folder_check(c, ct->id, err);
}

int container_identify(struct core *c, const struct container *ct, struct err *err)
{
	auto_fd int run = dirs_container_run(&c->dirs, ct->id, false);
	auto_buf struct buf plan = { 0 };

	if (run >= 0 && faccessat(run, "plan", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	add_identity(&plan, ct);
	return write_plans(c, ct, &plan, &(struct buf){ 0 }, err);
}

static int check_length(const struct buf *plan, struct err *err)
{
	return plan->len > PLAN_MAX ? err_set(err, ERR_INVALID, E2BIG, "argument list too long")
				    : 0;
}

/* What waits for the start has to be told of its failure, and a container that removes itself goes. */
static void compile_fault(const struct container *ct, const struct err *why, struct buf *plan)
{
	char kind[12], sys[12];

	(void)snprintf(kind, sizeof(kind), "%d", (int)why->kind);
	(void)snprintf(sys, sizeof(sys), "%d", why->sys);
	buf_free(plan);
	add_identity(plan, ct);
	if (json_get_bool(ct->config, "Tty"))
		plan_add(plan, "tty");
	plan_add(plan, "fault", kind, sys, why->msg);
}

/* Its creation was cut short, or is not answered yet. */
static int check_filled(struct core *c, const struct container *ct, int dir, struct err *err)
{
	if (faccessat(dir, CONTAINER_UNFILLED, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	worker_fill(c, ct->id);
	return err_set(err, ERR_UNAVAILABLE, EAGAIN,
		"the volumes of container %.12s are being filled with what its image has there: try "
		"again",
		ct->id);
}

int container_compile(struct core *c, const struct container *ct, struct err *err)
{
	auto_fd int dir = dirs_container_data(&c->dirs, ct->id);
	auto_buf struct buf plan = { 0 }, health = { 0 };
	struct err why = { 0 };
	int failed, r;

	if (dir < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", ct->id);
	failed = check_filled(c, ct, dir, &why);
	if (failed == 0)
		failed = compile_into(c, ct, dir, &plan, &health, &why);
	if (failed == 0)
		failed = check_length(&plan, &why);
	if (failed == 0)
		failed = check_length(&health, &why);
	if (failed < 0) {
		compile_fault(ct, &why, &plan);
		buf_free(&health);
	}
	r = write_plans(c, ct, &plan, &health, err);
	if (r < 0 || failed == 0)
		return r;
	if (err)
		*err = why;
	return 1;
}
