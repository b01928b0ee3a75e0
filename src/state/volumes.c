#include "state/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "state/events.h"
#include "state/remove.h"

#define NAME_LEN_MAX 240 /* of a file name's 255 */
#define LINK_PATH    (32 + ID_SIZE + VOLUME_PATH)

static const char named[] = "named", anonymous_word[] = "anonymous";

bool volume_name_valid(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (len < 2 || len > NAME_LEN_MAX || !strchr(first, *name))
		return false;
	for (name++; *name; name++)
		if (!strchr(first, *name) && !strchr("_.-", *name))
			return false;
	return true;
}

int volume_link(int container, const char *name, bool anonymous)
{
	char path[VOLUME_PATH];

	if (mkdirat(container, "volumes", 0700) < 0 && errno != EEXIST)
		return -errno;
	(void)snprintf(path, sizeof(path), "volumes/%s", name);
	if (symlinkat(anonymous ? anonymous_word : named, container, path) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static DIR *open_links(const struct dirs *d, const char *id)
{
	char path[32 + ID_SIZE];
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%.64s/volumes", id);
	fd = openat(d->data, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		(void)fd_close(fd);
	return dir;
}

static bool is_anonymous(int dir, const char *name)
{
	char word[sizeof(anonymous_word)];
	ssize_t n = readlinkat(dir, name, word, sizeof(word));

	return n == sizeof(word) - 1 && memcmp(word, anonymous_word, (size_t)n) == 0;
}

char **volume_links(const struct dirs *d, const char *id, bool only_anonymous)
{
	DIR *dir = open_links(d, id);
	char **names = NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (volume_name_valid(e->d_name) &&
			(!only_anonymous || is_anonymous(dirfd(dir), e->d_name)))
			strv_add(&names, e->d_name);
	if (dir)
		(void)closedir(dir);
	return names;
}

static bool refers(int containers, const char *id, const char *name)
{
	char path[LINK_PATH];

	(void)snprintf(path, sizeof(path), "%.64s/volumes/%s", id, name);
	if (faccessat(containers, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%.64s/config.json", id);
	return record_complete_at(containers, path);
}

char **volume_users(const struct dirs *d, const char *name)
{
	int fd = openat(d->data, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char **ids = NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (id_valid(e->d_name) && refers(fd, e->d_name, name))
			strv_add(&ids, e->d_name);
	if (dir)
		(void)closedir(dir);
	else
		(void)fd_close(fd);
	return ids;
}

int volume_drop_rest(int volumes, const char *name)
{
	char path[VOLUME_PATH];

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_RECORD, name);
	(void)unlinkat(volumes, path, 0);
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_DATA, name);
	(void)unlinkat(volumes, path, AT_REMOVEDIR);
	return unlinkat(volumes, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int volume_take_away(const struct dirs *d, const char *name, bool durable)
{
	auto_fd int volumes = openat(d->data, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (volumes < 0)
		return -errno;
	r = trash_put(d, volumes, name);
	if (r == 0 && durable && fsync(volumes) < 0)
		r = -errno;
	return r;
}

void volumes_take_away(const struct dirs *d, char *const *names, bool durable)
{
	for (; names && *names; names++) {
		auto_strv char **users = volume_users(d, *names);

		if (!users && volume_take_away(d, *names, durable) == 0)
			volume_event(d, *names, "destroy", NULL);
	}
}

void volume_event(const struct dirs *d, const char *name, const char *action, const char *more)
{
	auto_free char *attrs =
		xasprintf("%s%s\"driver\":\"local\"", more ? more : "", more ? "," : "");

	(void)event_append(d,
		&(struct event){ .type = "volume", .action = action, .id = name, .attrs = attrs });
}
