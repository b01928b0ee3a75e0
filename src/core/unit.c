#include "core/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "state/scope.h"

#define MANAGER   "org.freedesktop.systemd1"
#define PATH      "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

/* An answer may be there for minutes before it is read: unit_manager_drain() */
#define NO_TIMEOUT UINT64_MAX

/* The functions of libsystemd that are used, by their own names. */
/* clang-format off */
#define SD_FUNCTIONS(F) \
	F(sd_bus_new) F(sd_bus_set_address) F(sd_bus_start) F(sd_bus_open_user) \
	F(sd_bus_flush_close_unref) F(sd_bus_process) F(sd_bus_flush) F(sd_bus_call_async) \
	F(sd_bus_message_new_method_call) F(sd_bus_message_append) F(sd_bus_message_unref) \
	F(sd_bus_message_get_error)
/* clang-format on */

struct sd_functions {
#define F(name) __typeof__(&name) name;
	SD_FUNCTIONS(F)
#undef F
};

struct unit_manager {
	void *library;
	struct sd_functions sd;
	sd_bus *bus;
	bool private; /* the manager's own socket: no bus daemon between us */
};

static int load_functions(struct unit_manager *m)
{
	m->library = dlopen("libsystemd.so.0", RTLD_LAZY | RTLD_LOCAL);
	if (!m->library)
		return -ENOENT;
#define F(name)                                                                                    \
	m->sd.name = (__typeof__(m->sd.name))dlsym(m->library, #name);                             \
	if (!m->sd.name)                                                                           \
		return -ENOSYS;
	SD_FUNCTIONS(F)
#undef F
	return 0;
}

/* The private socket is what systemctl uses: no Hello, no bus daemon to be woken (3.5 ms against 3.9,
 * and seconds where the bus daemon has to be started first). */
static int connect_private(struct unit_manager *m)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	auto_free char *path = NULL, *address = NULL;
	int r;

	if (str_empty(run))
		return -ENOENT;
	path = xasprintf("%s/systemd/private", run);
	if (access(path, W_OK) < 0)
		return -errno;
	address = xasprintf("unix:path=%s", path);
	r = m->sd.sd_bus_new(&m->bus);
	if (r >= 0)
		r = m->sd.sd_bus_set_address(m->bus, address);
	if (r >= 0)
		r = m->sd.sd_bus_start(m->bus);
	if (r >= 0)
		m->private = true;
	return r;
}

struct unit_manager *unit_manager_open(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct unit_manager *m;
	auto_free char *socket = NULL;

	/* no manager, no library: the common case on machines that were not booted with systemd */
	if (str_empty(run))
		return NULL;
	socket = xasprintf("%s/systemd/private", run);
	if (access(socket, F_OK) < 0)
		return NULL;
	m = xcalloc(1, sizeof(*m));
	if (load_functions(m) < 0) {
		log_warning("libsystemd cannot be loaded: containers get no units of their own");
		unit_manager_close(m);
		return NULL;
	}
	if (connect_private(m) < 0) {
		m->private = false;
		if (m->bus)
			m->bus = m->sd.sd_bus_flush_close_unref(m->bus);
		if (m->sd.sd_bus_open_user(&m->bus) < 0) {
			unit_manager_close(m);
			return NULL;
		}
	}
	return m;
}

void unit_manager_close(struct unit_manager *m)
{
	if (!m)
		return;
	if (m->bus)
		(void)m->sd.sd_bus_flush_close_unref(m->bus);
	if (m->library)
		(void)dlclose(m->library);
	free(m);
}

static int on_answer(sd_bus_message *answer, void *arg, sd_bus_error *unused)
{
	struct unit_manager *m = arg;
	const sd_bus_error *error = m->sd.sd_bus_message_get_error(answer);

	(void)unused;
	if (error)
		log_warning("systemd refused a container's scope: %s", error->message);
	return 0;
}

/* StartTransientUnit(name, mode, properties a(sv), aux a(sa(sv))) */
static int append_scope(struct unit_manager *m, sd_bus_message *call, const char *unit,
	const char *description, pid_t pid)
{
	/* clang-format off */
	return m->sd.sd_bus_message_append(call, "ssa(sv)a(sa(sv))", unit, "fail", 7,
		"Description", "s", description,
		"Slice", "s", "dayfly.slice",
		"PIDs", "au", 1, (uint32_t)pid,
		"Delegate", "b", 1,
		/* a failed container must not leave a unit in the list of failed ones */
		"CollectMode", "s", "inactive-or-failed",
		/* the monitor stops the container with its own signal and time-out first */
		"TimeoutStopUSec", "t", UINT64_C(90000000),
		"SendSIGHUP", "b", 0,
		0);
	/* clang-format on */
}

int unit_start_scope(struct unit_manager *m, const char *container_id, const char *container_name,
	pid_t pid, struct err *err)
{
	auto_free char *description = xasprintf("dayfly container %s", container_name);
	char unit[SCOPE_NAME_SIZE];
	sd_bus_message *call = NULL;
	int r;

	(void)scope_name(container_id, pid, unit);
	r = m->sd.sd_bus_message_new_method_call(
		m->bus, &call, m->private ? NULL : MANAGER, PATH, INTERFACE, "StartTransientUnit");
	if (r >= 0)
		r = append_scope(m, call, unit, description, pid);
	if (r >= 0)
		r = m->sd.sd_bus_call_async(m->bus, NULL, call, on_answer, m, NO_TIMEOUT);
	if (r >= 0)
		r = m->sd.sd_bus_flush(m->bus);
	if (call)
		(void)m->sd.sd_bus_message_unref(call);
	return r < 0 ? err_sys(err, r, "ask systemd for the container's scope") : 0;
}

void unit_manager_drain(struct unit_manager *m)
{
	while (m->sd.sd_bus_process(m->bus, NULL) > 0)
		;
}
