#include "worker/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "state/remove.h"
#include "worker/job.h"

#define RECORD_TMP ".tmp-"

/* Calls fn for each entry of data/path; stops at the first negative return. Returns the sum. */
static int each_entry(const struct dirs *d, const char *path,
	int (*fn)(const struct dirs *d, int dir, const char *name))
{
	int fd = openat(d->data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), sum = 0;
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

static int drop_layer(const struct dirs *d, int dir, const char *name)
{
	auto_fd int fd = FD_NONE;

	(void)d;
	if (!str_starts(name, LAYER_TMP))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0; /* being unpacked right now */
	return tree_remove_at(dir, name, NULL) == 0 ? 1 : 0;
}

void layers_drop_unfinished(const struct dirs *d)
{
	(void)each_entry(d, "layers", drop_layer);
}

static int drop_container(const struct dirs *d, int dir, const char *name)
{
	char config[ID_SIZE + 16];

	if (!id_valid(name))
		return 0;
	(void)snprintf(config, sizeof(config), "%s/config.json", name);
	if (faccessat(dir, config, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
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

/* Records are replaced under the lock we hold; what is still called temporary has no owner. */
static int drop_record(const struct dirs *d, int dir, const char *name)
{
	(void)d;
	if (!str_starts(name, RECORD_TMP))
		return 0;
	return unlinkat(dir, name, 0) == 0 ? 1 : 0;
}

int containers_drop_unfinished(const struct dirs *d, struct err *err)
{
	static const struct {
		const char *path;
		int (*fn)(const struct dirs *d, int dir, const char *name);
	} steps[] = {
		{ "containers", drop_container },
		{ "names", drop_name },
		{ "oci", drop_record },
	};
	auto_fd int lock = dirs_lock(d);
	int sum = 0;

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = each_entry(d, steps[i].path, steps[i].fn);

		if (r < 0)
			return err_sys(err, r, "read %s", steps[i].path);
		sum += r;
	}
	return sum;
}
