#include "core/volume_fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "oci/layer.h"
#include "state/volumes.h"

static bool may_be_empty(struct core *c, const char *name)
{
	char path[VOLUME_PATH];
	struct dirent *e;
	int fd, n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "volumes/%s/" VOLUME_DATA, name);
	fd = openat(c->dirs.data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return false; /* closed to us: somebody in a container did that */
	}
	while (n <= 2 && (e = readdir(dir)))
		n++;
	(void)closedir(dir);
	return n <= 2; /* . and .. */
}

static bool layer_may_have(const char *layer, const char *target)
{
	auto_fd int dir = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_strv char **parts = strv_split(target + 1, '/');
	auto_buf struct buf path = { 0 };

	for (char **p = parts; *p; p++) {
		struct stat st;

		buf_printf(&path, "%s%s", path.len ? "/" : "", *p);
		if (fstatat(dir, path.data, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno != ENOENT && errno != ENOTDIR;
		if (S_ISLNK(st.st_mode))
			return true;
	}
	return true;
}

static bool image_may_have(struct core *c, char *const *diff_ids, const char *target)
{
	for (; diff_ids && *diff_ids; diff_ids++) {
		auto_free char *layer = layer_path(&c->dirs, *diff_ids);

		if (layer_may_have(layer, target))
			return true;
	}
	return false;
}

bool volumes_want_filling(struct core *c, const struct mount_points *m, char *const *diff_ids)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (mount_is(p, "volume") && p->copy && may_be_empty(c, p->name) &&
			image_may_have(c, diff_ids, p->target))
			return true;
	}
	return false;
}
