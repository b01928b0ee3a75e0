#include "worker/mounted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define DEPTH_MAX 100 /* as many descriptors */

static int open_unmounted(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

static int look_at(int dir, const char *name, unsigned depth);

static int look_below(int folder, unsigned depth)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = -errno;
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = look_at(fd, e->d_name, depth + 1);
	(void)closedir(d);
	return r;
}

static int look_at(int dir, const char *name, unsigned depth)
{
	auto_fd int fd = open_unmounted(dir, name);
	struct stat st;

	if (fd < 0)
		return fd == -EXDEV ? -EBUSY : fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return depth == DEPTH_MAX ? -EBUSY : look_below(fd, depth);
}

int mounted_within(int dir, const char *name)
{
	return look_at(dir, name, 0);
}
