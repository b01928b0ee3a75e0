#include "oci/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "oci/reference.h"

#define LEASE_PATH (sizeof(LEASES) + ID_SIZE)

static const char *lease_path(const char *digest, char ret[LEASE_PATH])
{
	(void)snprintf(ret, LEASE_PATH, LEASES "/%.64s", digest_hex(digest));
	return ret;
}

/* Whether fd is what has that name; its last holder may have removed it before we had the lock. */
static bool is_named(const struct dirs *d, const char *path, int fd)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && fstatat(d->data, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

int lease_take(const struct dirs *d, const char *digest)
{
	char path[LEASE_PATH];
	int r = dir_make_at(d->data, LEASES, 0700);

	if (r < 0)
		return r;
	(void)lease_path(digest, path);
	for (;;) {
		auto_fd int fd =
			openat(d->data, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			return -errno;
		/* shared is what it is once the blob is there */
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
			return -errno;
		if (!is_named(d, path, fd))
			continue;
		(void)futimens(fd, NULL);
		return take_fd(&fd);
	}
}

void lease_share(int fd)
{
	/* may let somebody else in before us, who will see that the blob is there and share it, too */
	while (flock(fd, LOCK_SH) < 0 && errno == EINTR)
		;
}

/* Removes it if the lock, which fd may have already, is ours alone. */
static void unlink_unheld(const struct dirs *d, const char *path, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(d, path, fd))
		(void)unlinkat(d->data, path, 0);
}

void lease_end(const struct dirs *d, const char *digest, int take_fd)
{
	char path[LEASE_PATH];
	auto_fd int fd = take_fd;

	unlink_unheld(d, lease_path(digest, path), fd);
}

void lease_drop(const struct dirs *d, const char *digest)
{
	char path[LEASE_PATH];
	auto_fd int fd =
		openat(d->data, lease_path(digest, path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		unlink_unheld(d, path, fd);
}

/* ---- all of them */

static int open_all(const struct dirs *d, DIR **ret)
{
	int fd = openat(d->data, LEASES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	*ret = r == 0 ? fdopendir(fd) : NULL;
	if (*ret)
		return 0;
	r = r < 0 ? r : -errno;
	(void)fd_close(fd);
	return r;
}

/* A descriptor if nobody holds the lease; else FD_NONE. */
static int open_unheld(int dir, const char *name)
{
	auto_fd int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? take_fd(&fd) : FD_NONE;
}

static bool is_over(int dir, const char *name)
{
	auto_fd int fd = open_unheld(dir, name);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 &&
		time_now() - st.st_mtim.tv_sec * NSEC_PER_SEC > LEASE_KEPT;
}

int lease_list(const struct dirs *d, char ***ret_held, char ***ret_over)
{
	struct dirent *e;
	DIR *dir;
	int r = open_all(d, &dir);

	*ret_held = *ret_over = NULL;
	if (r < 0 || !dir)
		return r;
	while ((e = readdir(dir)))
		if (id_valid(e->d_name))
			strv_add_take(is_over(dirfd(dir), e->d_name) ? ret_over : ret_held,
				xasprintf("sha256:%s", e->d_name));
	(void)closedir(dir);
	return 0;
}

void lease_end_all(const struct dirs *d)
{
	const struct timespec never[2] = { { 0 }, { 0 } };
	struct dirent *e;
	DIR *dir;

	if (open_all(d, &dir) < 0 || !dir)
		return;
	while ((e = readdir(dir))) {
		auto_fd int fd = id_valid(e->d_name) ? open_unheld(dirfd(dir), e->d_name) : FD_NONE;

		if (fd >= 0)
			(void)futimens(fd, never);
	}
	(void)closedir(dir);
}
