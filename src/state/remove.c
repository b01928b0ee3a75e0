#include "state/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "state/removed.h"

/* tree: the root of the tree that dir belongs to. A folder of that name is soon taken away by somebody who needs
 * room: it is missing then, and not what was to go there. */
static int trash_put_below(int tree, int dir, const char *name)
{
	char id[ID_SIZE], to[8 + ID_SIZE];

	id_new(id);
	(void)snprintf(to, sizeof(to), "trash/%.24s", id);
	if (renameat(dir, name, tree, to) == 0)
		return 0;
	if (errno != ENOENT || (mkdirat(tree, "trash", 0700) < 0 && errno != EEXIST))
		return -errno;
	return renameat(dir, name, tree, to) < 0 ? -errno : 0;
}

int trash_put(const struct dirs *d, int dir, const char *name)
{
	return trash_put_below(d->data, dir, name);
}

/* Unlinks run/execs/EXECID for every session of the container. */
static void drop_exec_links(const struct dirs *d, int run)
{
	int fd = openat(run, "exec", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		(void)fd_close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		char path[8 + ID_SIZE];

		if (!id_valid(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "execs/%.64s", e->d_name);
		(void)unlinkat(d->run, path, 0);
	}
	(void)closedir(dir);
}

static void release_name(const struct dirs *d, const char *id, const char *name)
{
	char path[300], owner[ID_SIZE + 1];
	ssize_t n;

	if (snprintf(path, sizeof(path), "names/%s", name) >= (int)sizeof(path))
		return;
	n = readlinkat(d->data, path, owner, sizeof(owner) - 1);
	if (n != ID_LEN)
		return;
	owner[n] = '\0';
	if (str_eq(owner, id))
		(void)trash_put(d, d->data, path);
}

int container_take_away(
	const struct dirs *d, const char *id, const char *name, bool fast, struct err *err)
{
	auto_fd int containers = openat(d->data, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int run = FD_NONE;
	char path[16 + ID_SIZE];
	int r;

	if (containers < 0)
		return err_sys(err, errno, "open the containers' folder");
	r = removed_put(d, containers, id);
	if (r > 0)
		r = trash_put(d, containers, id);
	if (r == 0 && !fast && fsync(containers) < 0)
		r = -errno;
	if (r < 0 && r != -ENOENT)
		return err_sys(err, r, "remove container %s", id);
	release_name(d, id, name);
	/* only now: whoever makes it anew looks afterwards whether the container is still there */
	run = dirs_container_run(d, id, false);
	if (run >= 0) {
		drop_exec_links(d, run);
		(void)snprintf(path, sizeof(path), "containers/%s", id);
		(void)trash_put_below(d->run, d->run, path);
	}
	return r;
}

static int sweep_below(int tree)
{
	auto_fd int trash = openat(tree, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = trash < 0 ? -1 : fcntl(trash, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int left = 0;

	if (!dir) {
		int r = -errno;

		(void)fd_close(copy);
		return r;
	}
	while ((e = readdir(dir))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (tree_remove_at(trash, e->d_name, NULL) < 0)
			left = 1;
	}
	(void)closedir(dir);
	return left;
}

int trash_sweep(const struct dirs *d)
{
	int run = sweep_below(d->run), data = sweep_below(d->data);

	return run < 0 ? run : data < 0 ? data : run | data;
}
