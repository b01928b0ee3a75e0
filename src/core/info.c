#include "core/info.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "core/containers.h"
#include "core/delegation.h"
#include "core/images.h"
#include "core/runtimes.h"
#include "oci/settings.h"
#include "state/cgroup.h"

#define SMALL_FILE 65536

/* PRETTY_NAME of os-release(5), without quotes. The file in etc is a link where it is not there for
 * a local change, and links are not followed. */
static char *operating_system(void)
{
	static const char key[] = "PRETTY_NAME=";
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;

	if (file_read_at(AT_FDCWD, "/etc/os-release", SMALL_FILE, &text, NULL) < 0 &&
		file_read_at(AT_FDCWD, "/usr/lib/os-release", SMALL_FILE, &text, NULL) < 0)
		return xstrdup("Linux");
	lines = strv_split(text, '\n');
	for (char **l = lines; l && *l; l++)
		if (str_starts(*l, key)) {
			const char *v = *l + strlen(key);

			v += strspn(v, "\"'");
			return xstrndup(v, strcspn(v, "\"'"));
		}
	return xstrdup("Linux");
}

/* Whether /etc/subuid or subgid grants this user a range, by name or by number. */
static bool has_range(const char *file, const char *name, const char *number)
{
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;

	if (file_read_at(AT_FDCWD, file, SMALL_FILE, &text, NULL) < 0)
		return false;
	lines = strv_split(text, '\n');
	for (char **l = lines; l && *l; l++) {
		size_t len = strcspn(*l, ":");

		if ((*l)[len] &&
			((name && strlen(name) == len && memcmp(*l, name, len) == 0) ||
				(strlen(number) == len && memcmp(*l, number, len) == 0)))
			return true;
	}
	return false;
}

/* NULL: it has none. Not by getpwuid(), which would load the name service modules. */
static char *login_name(void)
{
	const char *env = getenv("USER");
	FILE *f = env ? NULL : fopen("/etc/passwd", "re");
	struct passwd *p = NULL;
	char *name = NULL;

	if (env)
		return xstrdup(env);
	if (!f)
		return NULL;
	do
		p = fgetpwent(f);
	while (p && p->pw_uid != geteuid());
	if (p)
		name = xstrdup(p->pw_name);
	(void)fclose(f);
	return name;
}

static bool has_id_ranges(const char *name)
{
	auto_free char *number = xasprintf("%u", (unsigned)geteuid());

	return (has_range("/etc/subuid", name, number) && has_range("/etc/subgid", name, number));
}

/* Whether the user's manager, and so every container, outlives the last session: logind keeps a file for each
 * user of whom that was said. */
static bool lingers(const char *name)
{
	auto_free char *path = xasprintf("/var/lib/systemd/linger/%s", name);

	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

static void counts_print(struct jsonw *w, struct core *c, const struct container_counts *n)
{
	jw_uint(w, "Containers", n->total);
	jw_uint(w, "ContainersRunning", n->running);
	jw_uint(w, "ContainersPaused", n->paused);
	jw_uint(w, "ContainersStopped", n->stopped);
	jw_uint(w, "Images", image_count(c));
}

static void words_print(struct jsonw *w, const char *key, const char *const *words)
{
	jw_array(w, key);
	for (; *words; words++)
		jw_str(w, NULL, *words);
	jw_array_end(w);
}

static void storage_print(struct jsonw *w, struct core *c)
{
	jw_str(w, "Driver", "overlay2");
	jw_array(w, "DriverStatus");
	words_print(w, NULL, (const char *const[]){ "userxattr", "true", NULL });
	jw_array_end(w);
	jw_str(w, "DockerRootDir", c->dirs.data_path);
}

static void plugins_print(struct jsonw *w)
{
	jw_object(w, "Plugins");
	words_print(w, "Volume", (const char *const[]){ "local", NULL });
	words_print(w, "Network", (const char *const[]){ "host", "null", NULL });
	jw_null(w, "Authorization");
	words_print(w, "Log", (const char *const[]){ "journald", "json-file", "local", NULL });
	jw_object_end(w);
}

static void swarm_print(struct jsonw *w)
{
	jw_object(w, "Swarm");
	jw_str(w, "NodeID", "");
	jw_str(w, "NodeAddr", "");
	jw_str(w, "LocalNodeState", "inactive");
	jw_bool(w, "ControlAvailable", false);
	jw_str(w, "Error", "");
	jw_null(w, "RemoteManagers");
	jw_object_end(w);
}

static void index_print(struct jsonw *w, const char *host, char *const *mirrors, bool official)
{
	jw_object(w, host);
	jw_str(w, "Name", host);
	jw_strv(w, "Mirrors", mirrors);
	jw_bool(w, "Secure", official);
	jw_bool(w, "Official", official);
	jw_object_end(w);
}

static void registries_print(struct jsonw *w, const struct settings *s)
{
	auto_free char *http = proxy_masked(s->http_proxy), *https = proxy_masked(s->https_proxy);

	jw_str(w, "HttpProxy", http);
	jw_str(w, "HttpsProxy", https);
	jw_str(w, "NoProxy", s->no_proxy);
	jw_str(w, "IndexServerAddress", "https://index.docker.io/v1/");
	jw_object(w, "RegistryConfig");
	jw_strv(w, "InsecureRegistryCIDRs", s->insecure_nets);
	jw_object(w, "IndexConfigs");
	index_print(w, "docker.io", s->mirrors, true);
	for (char **host = s->insecure_hosts; host && *host; host++)
		index_print(w, *host, NULL, false);
	jw_object_end(w);
	jw_strv(w, "Mirrors", s->mirrors);
	jw_object_end(w);
}

static void programs_print(struct jsonw *w)
{
	runtimes_print(w);
	jw_str(w, "InitBinary", "dayfly-init");
	for (const char *const *k = (const char *const[]){ "ContainerdCommit", "RuncCommit",
		     "InitCommit", NULL };
		*k; k++) {
		jw_object(w, *k);
		jw_str(w, "ID", "");
		jw_str(w, "Expected", "");
		jw_object_end(w);
	}
}

static void machine_print(struct jsonw *w)
{
	auto_free char *os = operating_system();
	struct sysinfo si = { 0 };
	struct utsname u = { 0 };

	(void)uname(&u);
	(void)sysinfo(&si);
	jw_str(w, "Name", u.nodename);
	jw_str(w, "OperatingSystem", os);
	jw_str(w, "OSVersion", "");
	jw_str(w, "OSType", "linux");
	jw_str(w, "Architecture", u.machine);
	jw_str(w, "KernelVersion", u.release);
	jw_uint(w, "NCPU", proc_cpus());
	jw_uint(w, "MemTotal", (uint64_t)si.totalram * si.mem_unit);
}

/* settings_problem: what is wrong with the settings file, "" if nothing is. */
static void warnings_print(
	struct jsonw *w, const struct delegation *d, const char *settings_problem)
{
	auto_free char *name = login_name();

	jw_array(w, "Warnings");
	if (*settings_problem) {
		auto_free char *text = xasprintf("WARNING: %s", settings_problem);

		jw_str(w, NULL, text);
	}
	delegation_warn(w, d);
	if (d->maker == CGROUP_BY_SYSTEMD && name && !lingers(name))
		jw_str(w, NULL,
			"WARNING: Containers end when this user logs out, and come back at a login "
			"only. To keep them: loginctl enable-linger");
	if (geteuid() != 0 && !has_id_ranges(name))
		jw_str(w, NULL,
			"WARNING: No range of subordinate ids in /etc/subuid and /etc/subgid: "
			"containers have a single user id");
	jw_array_end(w);
}

static void security_print(struct jsonw *w)
{
	jw_array(w, "SecurityOptions");
	if (geteuid() != 0)
		jw_str(w, NULL, "name=rootless");
	jw_str(w, NULL, "name=seccomp,profile=builtin");
	if (cgroup_is_unified())
		jw_str(w, NULL, "name=cgroupns");
	jw_array_end(w);
}

/* Members that tell of things this engine does not have, which clients still look at. */
static void constants_print(struct jsonw *w)
{
	jw_str(w, "LoggingDriver", "json-file");
	jw_bool(w, "IPv4Forwarding", true);
	jw_bool(w, "BridgeNfIptables", false);
	jw_bool(w, "BridgeNfIp6tables", false);
	jw_bool(w, "Debug", false);
	jw_int(w, "NFd", 0);
	jw_int(w, "NGoroutines", 0);
	jw_int(w, "NEventsListener", 0);
	jw_strv(w, "Labels", NULL);
	jw_bool(w, "ExperimentalBuild", false);
	jw_str(w, "Isolation", "");
	jw_bool(w, "LiveRestoreEnabled", true);
	jw_str(w, "ServerVersion", DAYFLY_DOCKER_VERSION);
}

int engine_info(struct core *c, struct buf *out, struct err *err)
{
	auto_settings struct settings settings = { 0 };
	struct container_counts counts = { 0 };
	struct delegation delegation;
	struct err problem = { 0 };
	struct jsonw w = JSONW(out);
	int r = container_count(c, &counts, err);

	if (r < 0)
		return r;
	jw_object(&w, NULL);
	jw_str(&w, "ID", c->engine_id);
	counts_print(&w, c, &counts);
	storage_print(&w, c);
	plugins_print(&w);
	machine_print(&w);
	delegation_read(&delegation);
	delegation_print(&w, &delegation);
	constants_print(&w);
	/* a file that cannot be read must not keep people from reading why */
	(void)settings_read(&settings, &problem);
	registries_print(&w, &settings);
	programs_print(&w);
	swarm_print(&w);
	security_print(&w);
	jw_time(&w, "SystemTime", time_now());
	warnings_print(&w, &delegation, problem.msg);
	jw_object_end(&w);
	return 0;
}
