#include "worker/work.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "oci/layer.h"
#include "runtime/runtime.h"

const char *work_get_nth(const struct work *w, const char *key, size_t n)
{
	size_t len = strlen(key);

	for (const char *const *p = w->words; *p; p++)
		if (strncmp(*p, key, len) == 0 && (*p)[len] == '=' && n-- == 0)
			return *p + len + 1;
	return NULL;
}

const char *work_get(const struct work *w, const char *key, const char *missing)
{
	const char *value = work_get_nth(w, key, 0);

	return value ? value : missing;
}

int work_enter(struct work *w, struct err *err)
{
	int r = userns_enter(&w->dirs, &w->single_id, err);

	return r < 0 ? err_prefix(err, "enter the user namespace") : 0;
}

void work_drain(void)
{
	char block[16 * 1024];

	while (fd_read_upto(STDIN_FILENO, block, sizeof(block)) > 0)
		;
}

int work_credentials(struct credentials *ret, struct err *err)
{
	auto_buf struct buf line = { 0 };
	char c;

	*ret = (struct credentials){ 0 };
	/* a byte at a time: the body comes behind it, for others to read */
	while (line.len <= 2 * CREDENTIALS_MAX && fd_read_upto(STDIN_FILENO, &c, 1) == 1 &&
		c != '\n')
		buf_addc(&line, c);
	return credentials_decode(line.data ? line.data : "", ret, err);
}

/* What each layer says before the sync is what the sync has covered. */
static void mark_layers(int layers, char *const *names)
{
	for (; names && *names; names++) {
		char path[ID_SIZE + 16];

		(void)snprintf(path, sizeof(path), "%.64s/" LAYER_UNSYNCED, *names);
		(void)unlinkat(layers, path, 0);
	}
}

void work_sync_layers(const struct dirs *d)
{
	auto_fd int layers = openat(d->data, "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = layers < 0 ? -1 : fcntl(layers, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	auto_strv char **names = NULL;
	struct dirent *e;

	if (!dir) {
		(void)fd_close(copy);
		return;
	}
	while ((e = readdir(dir))) {
		char digest[sizeof("sha256:") + ID_LEN];

		(void)snprintf(digest, sizeof(digest), "sha256:%.64s", e->d_name);
		if (id_valid(e->d_name) && layer_unsynced(d, digest) &&
			layer_state(d, digest) == LAYER_READY)
			strv_add(&names, e->d_name);
	}
	(void)closedir(dir);
	if (names && syncfs(layers) == 0)
		mark_layers(layers, names);
}
