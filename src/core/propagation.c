#include "core/propagation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

#define MOUNTINFO_MAX (16u << 20)

/* The number of the mount that path lies on, or -errno. */
static int mount_number(const char *path)
{
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	auto_free char *text = NULL;
	char name[48];
	const char *line;

	if (fd < 0)
		return -errno;
	(void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (file_read_at(AT_FDCWD, name, 4096, &text, NULL) < 0)
		return -ENOENT;
	line = strstr(text, "mnt_id:");
	return line ? atoi(line + strlen("mnt_id:")) : -ENOENT;
}

/* A row of mountinfo: "ID PARENT DEVICE ROOT POINT OPTIONS [shared:N] [master:N] - …". */
static bool find_mount(const char *table, int number, char **ret_point, bool *ret_follows)
{
	for (const char *line = table; *line;) {
		const char *end = strchrnul(line, '\n');
		auto_free char *row = xstrndup(line, (size_t)(end - line));
		auto_strv char **words = strv_split(row, ' ');
		size_t n = strv_len(words);

		line = *end ? end + 1 : end;
		if (n < 7 || atoi(words[0]) != number)
			continue;
		*ret_point = xstrdup(words[4]);
		*ret_follows = false;
		for (char **w = words + 6; *w && !str_eq(*w, "-"); w++)
			*ret_follows |= str_starts(*w, "shared:") || str_starts(*w, "master:");
		return true;
	}
	return false;
}

static int check_one(const struct mount_point *p, const char *table, struct err *err)
{
	bool shared = strstr(p->propagation, "shared") != NULL, follows;
	auto_free char *point = NULL;

	if (!find_mount(table, mount_number(p->source), &point, &follows))
		return 0; /* hidden, or just unmounted: the start will see */
	if (!shared && follows)
		return 0;
	return err_set(err, ERR_INVALID, EINVAL,
		"path %s is mounted on %s but it is not a %s mount", p->source, point,
		shared ? "shared" : "shared or slave");
}

int propagation_check(const struct mount_points *m, struct err *err)
{
	auto_free char *table = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->count; i++) {
		const struct mount_point *p = &m->items[i];

		if (!strstr(p->propagation, "shared") && !strstr(p->propagation, "slave"))
			continue;
		if (!table)
			r = file_read_at(
				AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &table, NULL);
		if (r < 0)
			return err_sys(err, r, "read the table of mounts");
		r = check_one(p, table, err);
	}
	return r;
}
