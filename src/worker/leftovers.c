#include "worker/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "oci/garbage.h"
#include "state/remove.h"
#include "state/volumes.h"
#include "state/wire.h"
#include "worker/job.h"

#define RECORD_TMP ".tmp-"

/* Calls fn for each entry of base/path; stops at the first negative return. Returns the sum. */
static int each_entry(const struct dirs *d, int base, const char *path,
	int (*fn)(const struct dirs *d, int dir, const char *name))
{
	int fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), sum = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		int r = errno == ENOENT ? 0 : -errno;

		(void)fd_close(fd);
		return r;
	}
	while ((e = readdir(dir))) {
		int r;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		r = fn(d, dirfd(dir), e->d_name);
		if (r < 0) {
			sum = r;
			break;
		}
		sum += r;
	}
	(void)closedir(dir);
	return sum;
}

/* Whether nobody holds the folder. With the store's lock, under which such folders are made. */
static bool is_left(int dir, const char *name)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int drop_layer(const struct dirs *d, int dir, const char *name)
{
	auto_fd int lock = FD_NONE;

	if (!str_starts(name, LAYER_TMP))
		return 0;
	lock = dirs_lock(d);
	return lock >= 0 && is_left(dir, name) && trash_put(d, dir, name) == 0 ? 1 : 0;
}

/* What it has made is in the store, and may have been needed by nobody else. */
static int drop_build(const struct dirs *d, int dir, const char *name)
{
	auto_fd int lock = FD_NONE;

	if (!str_starts(name, BUILD_TMP))
		return 0;
	lock = dirs_lock(d);
	if (lock < 0 || !is_left(dir, name) || oci_unsettle(d) < 0)
		return 0;
	return trash_put(d, dir, name) == 0 ? 1 : 0;
}

/* The monitor of such a container still keeps it running; one that never ran is simply taken away. */
static int drop_step(const struct dirs *d, int dir, const char *name)
{
	char path[ID_SIZE + 8], target[PATH_MAX], *slash;
	auto_fd int layer = FD_NONE, run = FD_NONE, lock = FD_NONE;
	ssize_t n;

	if (!id_valid(name))
		return 0;
	(void)snprintf(path, sizeof(path), "%.64s/upper", name);
	n = readlinkat(dir, path, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	slash = strrchr(target, '/'); /* layers/.tmp-ID/diff */
	if (slash)
		*slash = '\0';
	layer = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layer >= 0 && flock(layer, LOCK_EX | LOCK_NB) < 0)
		return 0; /* being built right now */
	lock = dirs_lock(d);
	run = dirs_container_run(d, name, false);
	if (run >= 0 &&
		wire_send(run, "remove", (const char *const[]){ "force=1", NULL }, FD_NONE, NULL, 0,
			200) == 0)
		return 1;
	return container_take_away(d, name, "", true, NULL) == 0 ? 1 : 0;
}

void layers_drop_unfinished(const struct dirs *d)
{
	(void)each_entry(d, d->data, "containers", drop_step);
	(void)each_entry(d, d->data, "layers", drop_layer);
	(void)each_entry(d, d->data, BUILDS, drop_build);
}

static int drop_container(const struct dirs *d, int dir, const char *name)
{
	if (!id_valid(name) || !dirs_container_unmade(d, name))
		return 0;
	return trash_put(d, dir, name) == 0 ? 1 : 0;
}

static int drop_name(const struct dirs *d, int dir, const char *name)
{
	char id[ID_SIZE + 1], path[ID_SIZE + 16];
	ssize_t n = readlinkat(dir, name, id, sizeof(id) - 1);

	if (n < 0)
		return 0;
	id[n] = '\0';
	(void)snprintf(path, sizeof(path), "containers/%.64s", id);
	if (id_valid(id) && faccessat(d->data, path, F_OK, 0) == 0)
		return 0;
	return unlinkat(dir, name, 0) == 0 ? 1 : 0;
}

/* Whoever removed the container was killed before it came to the run folder. */
static int drop_run(const struct dirs *d, int dir, const char *name)
{
	char path[ID_SIZE + 16];
	auto_fd int lock = FD_NONE;

	if (!id_valid(name))
		return 0;
	(void)snprintf(path, sizeof(path), "containers/%s", name);
	if (faccessat(d->data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/lock", name);
	lock = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
		return 0; /* its monitor is about to do it */
	(void)container_take_away(d, name, "", true, NULL);
	return 1;
}

/* Records are replaced under the lock we hold; what is still called temporary has no owner. */
static int drop_record(const struct dirs *d, int dir, const char *name)
{
	(void)d;
	if (!str_starts(name, RECORD_TMP))
		return 0;
	return unlinkat(dir, name, 0) == 0 ? 1 : 0;
}

static int drop_volume(const struct dirs *d, int dir, const char *name)
{
	char path[VOLUME_PATH];

	(void)d;
	if (!volume_name_valid(name))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_RECORD, name);
	return !record_complete_at(dir, path) && volume_drop_rest(dir, name) == 0 ? 1 : 0;
}

int containers_drop_unfinished(const struct dirs *d, struct err *err)
{
	const struct {
		int base;
		const char *path;
		int (*fn)(const struct dirs *d, int dir, const char *name);
	} steps[] = {
		{ d->data, "containers", drop_container },
		{ d->data, "names", drop_name },
		{ d->data, "volumes", drop_volume },
		{ d->data, "oci", drop_record },
		{ d->data, BUILD_CACHE, drop_record },
		{ d->run, "containers", drop_run },
	};
	auto_fd int lock = dirs_lock(d);
	int sum = 0;

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = each_entry(d, steps[i].base, steps[i].path, steps[i].fn);

		if (r < 0)
			return err_sys(err, r, "read %s", steps[i].path);
		sum += r;
	}
	return sum;
}
