#include "core/delegation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "state/cgroup.h"

#define TEXT_MAX 4096

const char delegation_remedy[] =
	"as root, write the lines \"[Service]\" and \"Delegate=cpu cpuset io memory pids\" to "
	"/etc/systemd/system/user@.service.d/delegate.conf, run systemctl daemon-reload, and log in anew";

static const char *const names[CTL_COUNT] = {
	[CTL_CPU] = "cpu",
	[CTL_CPUSET] = "cpuset",
	[CTL_IO] = "io",
	[CTL_MEMORY] = "memory",
	[CTL_PIDS] = "pids",
};

const char *controller_name(enum controller c)
{
	return names[c];
}

/* ---- reading */

/* The manager listens on its private socket, and the kernel knows who that is. 0: there is none. */
static pid_t manager_pid(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	auto_fd int fd = FD_NONE;

	if (str_empty(run) ||
		(size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/systemd/private", run) >=
			sizeof(addr.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.pid;
}

/* Where pid 1 puts the manager of a user who has logged in. NULL: this is another one, or there is none. */
static char *usual_folder(const char *mount)
{
	auto_free char *run = xasprintf("/run/user/%u", geteuid());
	auto_free char *socket = xasprintf("%s/systemd/private", run);
	auto_free char *folder = xasprintf(
		"%s/user.slice/user-%u.slice/user@%u.service", mount, geteuid(), geteuid());

	if (!str_eq(getenv("XDG_RUNTIME_DIR"), run) || access(socket, F_OK) < 0 ||
		access(folder, F_OK) < 0)
		return NULL;
	return take_ptr(&folder);
}

/* The group that was delegated to the manager; it puts itself into init.scope below. Owned. Who has to be
 * asked for its pid warns of us in the journal, as of everybody who hangs up at once. */
static char *manager_folder(void)
{
	static const char own[] = "/init.scope";
	const char *mount = cgroup_mount();
	auto_free char *path = NULL;
	char *usual = mount ? usual_folder(mount) : NULL;
	pid_t pid;

	if (!mount || usual)
		return usual;
	pid = manager_pid();
	if (pid <= 0 || cgroup_of(pid, &path) < 0)
		return NULL;
	if (str_ends(path, own))
		path[strlen(path) - strlen(own)] = '\0';
	return xasprintf("%s%s", mount, path);
}

/* file: cgroup.controllers or cgroup.subtree_control. */
static void read_controllers(int dir, const char *file, struct delegation *d)
{
	auto_free char *text = NULL;
	auto_strv char **words = NULL;

	if (file_read_at(dir, file, TEXT_MAX, &text, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	words = strv_split(text, ' ');
	for (int c = 0; c < CTL_COUNT; c++)
		d->has[c] = words && strv_has(words, names[c]);
}

static bool has_file(int dir, const char *file)
{
	return faccessat(dir, file, F_OK, 0) == 0;
}

void delegation_read(struct delegation *ret)
{
	auto_free char *manager = manager_folder(), *own = manager ? NULL : cgroup_writable();
	struct delegation d = { 0 };
	auto_fd int dir = FD_NONE;

	if (manager || own)
		dir = open(manager ? manager : own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		d.maker = manager ? CGROUP_BY_SYSTEMD : CGROUP_BY_US;
		read_controllers(
			dir, manager ? "cgroup.controllers" : "cgroup.subtree_control", &d);
		d.swap = d.has[CTL_MEMORY] && has_file(dir, "memory.swap.max");
		d.weight = d.has[CTL_IO] &&
			(has_file(dir, "io.weight") || has_file(dir, "io.bfq.weight"));
	}
	*ret = d;
}

/* ---- telling */

const char *delegation_lack(const struct delegation *d, enum controller c)
{
	static const char *const not_delegated[CTL_COUNT] = {
		[CTL_CPU] = "the cpu controller is not delegated to this user",
		[CTL_CPUSET] = "the cpuset controller is not delegated to this user",
		[CTL_IO] = "the io controller is not delegated to this user",
		[CTL_MEMORY] = "the memory controller is not delegated to this user",
		[CTL_PIDS] = "the pids controller is not delegated to this user",
	};

	switch (d->maker) {
	case CGROUP_BY_SYSTEMD: return not_delegated[c];
	case CGROUP_BY_US:
	case CGROUP_BY_NOBODY: break;
	}
	return "limits need cgroup v2 and a systemd user manager, and here is none";
}

void delegation_print(struct jsonw *w, const struct delegation *d)
{
	jw_bool(w, "MemoryLimit", d->has[CTL_MEMORY]);
	jw_bool(w, "SwapLimit", d->swap);
	jw_bool(w, "CpuCfsPeriod", d->has[CTL_CPU]);
	jw_bool(w, "CpuCfsQuota", d->has[CTL_CPU]);
	jw_bool(w, "CPUShares", d->has[CTL_CPU]);
	jw_bool(w, "CPUSet", d->has[CTL_CPUSET]);
	jw_bool(w, "PidsLimit", d->has[CTL_PIDS]);
	jw_bool(w, "OomKillDisable", false); /* cgroup v2 has no such thing */
	/* "cgroupfs" tells clients that they may choose a CgroupParent, and buildx then does */
	jw_str(w, "CgroupDriver", d->maker == CGROUP_BY_SYSTEMD ? "systemd" : "none");
	jw_str(w, "CgroupVersion", d->maker != CGROUP_BY_NOBODY || cgroup_is_unified() ? "2" : "1");
}

static void warn_controllers(struct jsonw *w, const struct delegation *d)
{
	auto_buf struct buf missing = { 0 };
	auto_free char *text = NULL;

	for (int c = 0; c < CTL_COUNT; c++)
		if (!d->has[c])
			buf_printf(&missing, "%s%s", missing.len ? ", " : "", names[c]);
	if (missing.len == 0)
		return;
	text = xasprintf("WARNING: cgroup controllers that are not delegated to this user, so that "
			 "containers are not limited by them: %s. To delegate them: %s",
		missing.data, delegation_remedy);
	jw_str(w, NULL, text);
}

void delegation_warn(struct jsonw *w, const struct delegation *d)
{
	switch (d->maker) {
	case CGROUP_BY_SYSTEMD:
		warn_controllers(w, d);
		if (d->has[CTL_MEMORY] && !d->swap)
			jw_str(w, NULL, "WARNING: No swap limit support");
		return;
	case CGROUP_BY_US:
		jw_str(w, NULL,
			"WARNING: No systemd user manager: containers lie below the engine's own "
			"cgroup, can be paused and counted, but not limited");
		return;
	case CGROUP_BY_NOBODY: break;
	}
	jw_str(w, NULL,
		"WARNING: No cgroup v2 with a systemd user manager: containers have no cgroup of their "
		"own. They cannot be limited or paused, and stats are added up from /proc");
}
