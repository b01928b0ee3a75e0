#include "core/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#define GROUND "ground"

static const char *const folders[] = { "dev", "etc", "proc", "sys" };
/* the last one tells that the others are there */
static const char *const files[] = { "etc/resolv.conf", "etc/hostname", "etc/hosts" };

/* What containers see: the umask has no say in it. */
static int make_folder(int dir, const char *name)
{
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return fchmodat(dir, name, 0755, 0) < 0 ? -errno : 0;
}

static int make_file(int dir, const char *name)
{
	if (mknodat(dir, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return -errno;
	return fchmodat(dir, name, 0644, 0) < 0 ? -errno : 0;
}

static int make(int data)
{
	auto_fd int dir = dir_open_make_at(data, GROUND, 0755);
	int r = dir < 0 ? dir : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
		r = make_folder(dir, folders[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = make_file(dir, files[i]);
	return r;
}

int ground_add(const struct dirs *d, char ***lower, struct err *err)
{
	int r = 0;

	if (!*lower || !**lower)
		return 0;
	if (faccessat(d->data, GROUND "/etc/hosts", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = make(d->data);
	if (r < 0)
		return err_sys(err, r, "make the layer below all");
	strv_add_take(lower, xasprintf("%s/" GROUND, d->data_path));
	return 0;
}
