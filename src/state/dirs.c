#include "state/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

#define RECORD_MAX (16u << 20) /* as large as any request may be */

static const char *env_path(const char *name)
{
	const char *v = getenv(name);

	return v && *v == '/' ? v : NULL; /* the XDG rules: relative paths are ignored */
}

static char *data_path(struct err *err)
{
	const char *base = env_path("XDG_DATA_HOME");

	if (base)
		return xasprintf("%s/dayfly", base);
	if (geteuid() == 0 && !env_path("XDG_RUNTIME_DIR"))
		return xstrdup("/var/lib/dayfly");
	base = env_path("HOME");
	if (base)
		return xasprintf("%s/.local/share/dayfly", base);
	(void)err_set(err, ERR_SYSTEM, ENOENT, "neither XDG_DATA_HOME nor HOME is set");
	return NULL;
}

static char *run_path(void)
{
	const char *base = env_path("XDG_RUNTIME_DIR");

	if (base)
		return xasprintf("%s/dayfly", base);
	return geteuid() == 0 ? xstrdup("/run/dayfly")
			      : xasprintf("/run/user/%u/dayfly", (unsigned)geteuid());
}

char *dirs_config_path(void)
{
	const char *base = env_path("XDG_CONFIG_HOME");

	if (base)
		return xasprintf("%s/dayfly", base);
	if (geteuid() == 0 && !env_path("XDG_RUNTIME_DIR"))
		return xstrdup("/etc/dayfly");
	base = env_path("HOME");
	return base ? xasprintf("%s/.config/dayfly", base) : NULL;
}

static int open_tree(const char *path, const char *const *subs, int *ret, struct err *err)
{
	auto_fd int fd = dir_open_make_at(AT_FDCWD, path, 0700);

	if (fd < 0)
		return err_sys(err, fd, "open state directory %s", path);
	for (; *subs; subs++) {
		int r;

		if (faccessat(fd, *subs, F_OK, 0) == 0)
			continue;
		r = dir_make_at(fd, *subs, 0700);
		if (r < 0)
			return err_sys(err, r, "make %s/%s", path, *subs);
	}
	*ret = take_fd(&fd);
	return 0;
}

int dirs_open(struct dirs *ret, struct err *err)
{
	static const char *const data_subs[] = { "oci", "layers", "containers", "names", "volumes",
		"seccomp", "events", "trash", NULL };
	static const char *const run_subs[] = { "containers", "execs", "trash", NULL };
	auto_dirs struct dirs d = { .data = FD_NONE, .run = FD_NONE };
	int r;

	d.data_path = data_path(err);
	if (!d.data_path)
		return -ENOENT;
	d.run_path = run_path();
	r = open_tree(d.data_path, data_subs, &d.data, err);
	if (r == 0)
		r = open_tree(d.run_path, run_subs, &d.run, err);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct dirs){ .data = FD_NONE, .run = FD_NONE };
	return 0;
}

void dirs_close(struct dirs *d)
{
	d->data = fd_close(d->data);
	d->run = fd_close(d->run);
	free(take_ptr(&d->data_path));
	free(take_ptr(&d->run_path));
}

static int open_below(int base, const char *path, bool make)
{
	int fd;

	if (make)
		return dir_open_make_at(base, path, 0700);
	fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int dirs_container_data(const struct dirs *d, const char *id)
{
	char path[16 + ID_SIZE];

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	return open_below(d->data, path, false);
}

int dirs_container_run(const struct dirs *d, const char *id, bool make)
{
	char path[16 + ID_SIZE];

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	return open_below(d->run, path, make);
}

int dirs_exec(const struct dirs *d, const char *id, const char *exec_id, bool make)
{
	char path[24 + 2 * ID_SIZE];

	(void)snprintf(path, sizeof(path), "containers/%s/exec/%s", id, exec_id);
	return open_below(d->run, path, make);
}

bool record_complete_at(int dir, const char *path)
{
	auto_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char last;

	return fd >= 0 && lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1 &&
		last == RECORD_END;
}

int record_text_at(int dir, const char *path, size_t max, char **ret, size_t *ret_len)
{
	auto_free char *text = NULL;
	int r = file_read_at(dir, path, max, &text, ret_len);

	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	/* a NUL is a hole: a block that did not get to the disk */
	if (*ret_len == 0 || text[*ret_len - 1] != RECORD_END || memchr(text, '\0', *ret_len))
		return -ENOENT;
	*ret = take_ptr(&text);
	return 0;
}

bool dirs_container_unmade(const struct dirs *d, const char *id)
{
	auto_free char *text = NULL;
	char path[32 + ID_SIZE];
	size_t len;

	(void)snprintf(path, sizeof(path), "containers/%.64s/config.json", id);
	if (record_text_at(d->data, path, RECORD_MAX, &text, &len) != -ENOENT)
		return false;
	(void)snprintf(path, sizeof(path), "containers/%.64s/state", id);
	return faccessat(d->data, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

void dirs_exec_remove(const struct dirs *d, const char *id, const char *exec_id)
{
	char path[24 + 2 * ID_SIZE];

	(void)snprintf(path, sizeof(path), "execs/%s", exec_id);
	(void)unlinkat(d->run, path, 0);
	(void)snprintf(path, sizeof(path), "containers/%s/exec/%s", id, exec_id);
	(void)tree_remove_at(d->run, path, NULL);
}

int dirs_lock(const struct dirs *d)
{
	int fd = openat(d->data, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			int r = -errno;

			(void)fd_close(fd);
			return r;
		}
	return fd;
}
