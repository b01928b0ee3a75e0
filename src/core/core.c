#include "core/core.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "core/scan.h"
#include "core/unit.h"

#define UUID_SIZE 37

/* Beside the running executable (a build tree), else where they are installed. */
static char *programs_find(void)
{
	auto_free char *self = proc_own_path(), *monitor = NULL;

	if (!self)
		return xstrdup(DAYFLY_LIBEXECDIR);
	*strrchr(self, '/') = '\0';
	monitor = xasprintf("%s/dayfly-monitor", self);
	return xstrdup(access(monitor, X_OK) == 0 ? self : DAYFLY_LIBEXECDIR);
}

/* A random UUID, version 4: what Docker shows since release 24. */
static void uuid_new(char ret[UUID_SIZE])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	(void)snprintf(ret, UUID_SIZE,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

/* Two processes may race to be the first: link-like creation decides, both read the result. */
static int engine_id_read(struct core *c, struct err *err)
{
	char fresh[UUID_SIZE];
	int r = file_read_at(c->dirs.data, "engine-id", UUID_SIZE, &c->engine_id, NULL);

	if (r == -ENOENT) {
		auto_fd int lock = dirs_lock(&c->dirs);

		if (lock < 0)
			return err_sys(err, lock, "lock the data directory");
		r = file_read_at(c->dirs.data, "engine-id", UUID_SIZE, &c->engine_id, NULL);
		if (r == -ENOENT) {
			uuid_new(fresh);
			r = file_replace_at(
				c->dirs.data, "engine-id", fresh, strlen(fresh), 0600, 0);
			c->engine_id = xstrdup(fresh);
		}
	}
	return r < 0 ? err_sys(err, r, "engine-id") : 0;
}

int core_open(struct core **ret, struct err *err)
{
	struct core *c = xcalloc(1, sizeof(*c));
	int r;

	c->userns = c->userns_socket = FD_NONE;
	r = dirs_open(&c->dirs, err);
	if (r == 0) {
		c->programs = programs_find();
		r = engine_id_read(c, err);
	} else {
		c->dirs = (struct dirs){ .data = FD_NONE, .run = FD_NONE };
	}
	if (r < 0) {
		core_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int core_lock_prune(struct core *c, const char *kind, struct err *err)
{
	auto_free char *name = xasprintf("prune-%s.lock", kind);
	auto_fd int fd = openat(c->dirs.run, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_CONFLICT, EBUSY, "a prune operation is already running");
	return take_fd(&fd);
}

void core_free(struct core *c)
{
	if (!c)
		return;
	unit_manager_close(c->units);
	(void)fd_close(c->userns);
	(void)fd_close(c->userns_socket);
	dirs_close(&c->dirs);
	known_list_free(c->known);
	free(c->programs);
	free(c->engine_id);
	free(c);
}
