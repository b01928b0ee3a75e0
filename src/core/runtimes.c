#include "core/runtimes.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/modes.h"
#include "state/plan.h"

/* clang-format off */
static const struct runtime_name {
	const char *name;
	const char *program; /* NULL: built in */
} names[] = {
	{ "crun", "crun" },
	{ RUNTIME_BUILT_IN, NULL },
	{ "io.containerd.runc.v2", "runc" },
	{ "runc", "runc" },
};
/* clang-format on */

static const struct runtime_name *find_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i].name, name))
			return &names[i];
	return NULL;
}

/* Where only the administrator installs, whatever the engine's own PATH says. Owned; NULL: nowhere. */
static char *find_program(const char *program)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		auto_free char *path = xasprintf("%s/%s", folders[i], program);

		if (access(path, X_OK) == 0)
			return take_ptr(&path);
	}
	return NULL;
}

static int not_installed(const char *name, struct err *err)
{
	return err_set(err, ERR_INVALID, ENOENT,
		"unknown or invalid runtime name: %s: it is not installed on this host, or not where "
		"the system has its programs",
		name);
}

/* ---- what they cannot do */

static int refuse(const struct host_config *h, const char *field, const char *value,
	const char *why, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"HostConfig.%s %s is not supported with HostConfig.Runtime %s: %s", field, value,
		h->runtime, why);
}

static int check_abilities(const struct host_config *h, const char *program, struct err *err)
{
	if (str_eq(h->pid_mode, "host") || mode_container(h->pid_mode))
		return refuse(h, "PidMode", h->pid_mode,
			"its containers end with their monitor because they have a pid namespace of "
			"their own",
			err);
	if (str_eq(program, "runc") && strv_has(h->group_add, GROUPS_KEEP))
		return refuse(h, "GroupAdd", GROUPS_KEEP, "it always sets the groups", err);
	return 0;
}

int runtime_settle(struct host_config *h, char ***w, struct err *err)
{
	const struct runtime_name *n;
	auto_free char *path = NULL;

	if (str_empty(h->runtime)) {
		free(h->runtime);
		h->runtime = xstrdup(RUNTIME_BUILT_IN);
	}
	n = find_name(h->runtime);
	if (!n)
		return err_set(err, ERR_INVALID, EINVAL, "unknown or invalid runtime name: %s",
			h->runtime);
	if (!n->program)
		return 0;
	path = find_program(n->program);
	if (path)
		return check_abilities(h, n->program, err);
	if (!str_eq(n->program, "runc"))
		return not_installed(h->runtime, err);
	strv_add_take(w,
		xasprintf(
			"%s is not installed: the container is run by the built-in runtime, " RUNTIME_BUILT_IN
			".",
			h->runtime));
	return 0;
}

static int check_mount(const struct host_config *h, const char *program,
	const struct mount_point *m, struct err *err)
{
	bool follows = m->propagation &&
		(strstr(m->propagation, "slave") || strstr(m->propagation, "shared"));

	if (follows && str_eq(program, "crun"))
		return refuse(h, "Mounts: Propagation", m->propagation,
			"it makes all mounts private that it finds", err);
	if (str_eq(m->target, "/proc") ||
		(str_starts(m->target, "/proc/") && !str_empty(m->subpath)))
		return refuse(h, "Mounts: Target", m->target,
			"what lies on /proc is mounted by it, and so is /proc itself", err);
	return 0;
}

int runtime_check_mounts(
	const struct host_config *h, const struct mount_points *mounts, struct err *err)
{
	const struct runtime_name *n = find_name(h->runtime);
	auto_free char *path = n && n->program ? find_program(n->program) : NULL;
	int r = 0;

	for (size_t i = 0; path && r == 0 && i < mounts->count; i++)
		r = check_mount(h, n->program, &mounts->items[i], err);
	return r;
}

/* ---- */

int runtime_compile(struct buf *plan, const struct host_config *h, struct err *err)
{
	const struct runtime_name *n = str_empty(h->runtime) ? NULL : find_name(h->runtime);
	auto_free char *path = NULL;

	if (!n || !n->program)
		return 0;
	path = find_program(n->program);
	if (!path)
		return str_eq(n->program, "runc") ? 0 : not_installed(h->runtime, err);
	plan_add(plan, "runtime", n->program, path);
	for (char **a = h->annotations; a && *a; a += 2)
		plan_add(plan, "annotation", a[0], a[1]);
	return 0;
}

void runtimes_print(struct jsonw *w)
{
	jw_object(w, "Runtimes");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct runtime_name *n = &names[i];
		auto_free char *path = n->program ? find_program(n->program) : NULL;

		if (n->program && !path && !str_eq(n->program, "runc"))
			continue;
		jw_object(w, n->name);
		jw_str(w, "path", path ? path : "dayfly-monitor");
		jw_object_end(w);
	}
	jw_object_end(w);
	jw_str(w, "DefaultRuntime", RUNTIME_BUILT_IN);
}
