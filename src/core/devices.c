#include "core/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "state/plan.h"

static int bad(struct err *err, const char *member, const char *value, const char *why)
{
	return err_set(err, ERR_INVALID, EINVAL, "HostConfig.Devices: invalid %s \"%.100s\": %s",
		member, value ? value : "", why);
}

/* Reading, writing, making nodes. The last is never possible; a device for reading only would take the
 * device rules of a cgroup. */
static int check_permissions(const char *permissions, struct err *err)
{
	if (permissions[strspn(permissions, "rwm")] || strlen(permissions) > 3)
		return bad(err, "CgroupPermissions", permissions, "it is made of r, w and m");
	if (!strchr(permissions, 'r') || !strchr(permissions, 'w'))
		return bad(err, "CgroupPermissions", permissions,
			"less than rw cannot be enforced without root on the host");
	return 0;
}

static int settle_one(struct device_spec *d, struct err *err)
{
	if (str_empty(d->on_host) || *d->on_host != '/')
		return bad(err, "PathOnHost", d->on_host, "it must be an absolute path");
	if (str_empty(d->in_container)) {
		free(d->in_container);
		d->in_container = xstrdup(d->on_host);
	}
	if (*d->in_container != '/')
		return bad(err, "PathInContainer", d->in_container, "it must be an absolute path");
	if (str_empty(d->permissions)) {
		free(d->permissions);
		d->permissions = xstrdup("rwm");
	}
	return check_permissions(d->permissions, err);
}

/* The container's processes are in groups of the image, unless those of the host are kept. */
static bool by_group_only(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode) && st.st_uid != geteuid() &&
		!(st.st_mode & S_IWOTH) && access(path, W_OK) == 0;
}

int devices_settle(struct host_config *h, char ***w, struct err *err)
{
	struct device_spec *d = h->devices.items;

	for (size_t i = 0; i < h->devices.count; i++, d++) {
		int r = settle_one(d, err);

		if (r < 0)
			return r;
		if (geteuid() != 0 && by_group_only(d->on_host) &&
			!strv_has(h->group_add, GROUPS_KEEP))
			strv_add_take(w,
				xasprintf("%s may be opened by one of your groups only; the "
					  "container is in it if GroupAdd is \"" GROUPS_KEEP "\".",
					d->on_host));
	}
	return 0;
}

static int check_one(const char *path, struct err *err)
{
	static const char what[] = "error gathering device information while adding custom device";
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, ERR_SYSTEM, errno, "%s \"%s\": %s", what, path,
			errno == ENOENT ? "no such file or directory" : strerror(errno));
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_SYSTEM, ENODEV, "%s \"%s\": not a device node", what, path);
	if (access(path, R_OK) < 0 && access(path, W_OK) < 0)
		return err_set(err, ERR_SYSTEM, EACCES,
			"%s \"%s\": you may not open it, so a container of yours may not either",
			what, path);
	return 0;
}

int devices_check(const struct host_config *h, struct err *err)
{
	const struct device_spec *d = h->devices.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < h->devices.count; i++)
		r = check_one(d[i].on_host, err);
	return r;
}

void devices_compile(struct buf *plan, const struct host_config *h)
{
	const struct device_spec *d = h->devices.items;

	for (size_t i = 0; i < h->devices.count; i++, d++)
		plan_add(plan, "mount", "bind", d->on_host, d->in_container, "bind,rprivate");
}
