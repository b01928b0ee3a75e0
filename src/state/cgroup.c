#include "state/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"

#define UNIFIED  "/sys/fs/cgroup"
#define HYBRID   "/sys/fs/cgroup/unified"
#define TEXT_MAX 4096

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

bool cgroup_is_unified(void)
{
	return is_cgroup2(UNIFIED);
}

const char *cgroup_mount(void)
{
	if (is_cgroup2(UNIFIED))
		return UNIFIED;
	return is_cgroup2(HYBRID) ? HYBRID : NULL;
}

int cgroup_of(pid_t pid, char **ret)
{
	auto_free char *text = NULL;
	char file[32] = "/proc/self/cgroup";
	const char *line;
	int r;

	if (pid)
		(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	r = file_read_at(AT_FDCWD, file, TEXT_MAX, &text, NULL);
	if (r < 0)
		return r;
	line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return -ENOENT;
	line += *line == '\n' ? 4 : 3;
	*ret = xstrndup(line, strcspn(line, "\n"));
	return 0;
}

char *cgroup_writable(void)
{
	const char *mount = cgroup_mount();
	auto_free char *path = NULL, *dir = NULL, *procs = NULL;

	if (!mount || cgroup_of(0, &path) < 0)
		return NULL;
	dir = xasprintf("%s%s", mount, path);
	procs = xasprintf("%s/cgroup.procs", dir);
	if (access(dir, W_OK) < 0 || access(procs, W_OK) < 0)
		return NULL;
	return take_ptr(&dir);
}
