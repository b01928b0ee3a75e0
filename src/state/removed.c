#include "state/removed.h"

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
#include "base/path.h"
#include "base/timefmt.h"
#include "state/remove.h"

#define FOLDER   "removed"
#define MARK     "kept" /* "SINCE UNTIL DIFF\n", times in ns since 1970 */
#define MARK_MAX 96

struct mark {
	int64_t since, until;
	bool diff;
};

/* ---- the mark */

int removed_mark(int dir, const struct status *st, const struct removed_limits *limits)
{
	int64_t now = time_now();
	char text[MARK_MAX];
	int r;

	(void)snprintf(text, sizeof(text), "%lld %lld %d\n", (long long)now,
		(long long)(now + limits->time), limits->diff);
	r = status_write(dir, st); /* its run folder goes */
	return r < 0 ? r : file_replace_at(dir, MARK, text, strlen(text), 0600, 0);
}

static int mark_read(int dir, struct mark *ret)
{
	auto_free char *text = NULL;
	auto_strv char **words = NULL;
	int r = file_read_at(dir, MARK, MARK_MAX, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	words = strv_split(text, ' ');
	if (strv_len(words) != 3 || str_to_i64(words[0], &ret->since) < 0 ||
		str_to_i64(words[1], &ret->until) < 0)
		return -EBADMSG;
	ret->diff = str_eq(words[2], "1");
	return 0;
}

/* ---- in */

static int open_folder(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* What nobody asks for any more, or only those who want the diff. */
static void drop_rest(const struct dirs *d, int dir, bool diff)
{
	(void)trash_put(d, dir, "work");
	if (!diff)
		(void)trash_put(d, dir, "upper");
}

int removed_put(const struct dirs *d, int containers, const char *id)
{
	auto_fd int dir = open_folder(containers, id);
	struct mark mark;
	char to[ID_SIZE + 16];

	if (dir < 0 || mark_read(dir, &mark) < 0)
		return 1;
	(void)snprintf(to, sizeof(to), FOLDER "/%.64s", id);
	if (mkdirat(d->data, FOLDER, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (renameat(containers, id, d->data, to) < 0)
		return -errno;
	drop_rest(d, dir, mark.diff);
	return 0;
}

/* ---- out */

int removed_open(const struct dirs *d, const char *id)
{
	auto_fd int dir = FD_NONE;
	char path[ID_SIZE + 16];
	struct mark mark;

	(void)snprintf(path, sizeof(path), FOLDER "/%.64s", id);
	dir = open_folder(d->data, path);
	if (dir < 0 || mark_read(dir, &mark) < 0 || mark.until <= time_now())
		return -ENOENT;
	return take_fd(&dir);
}

struct kept {
	char id[ID_SIZE];
	int64_t since, bytes;
};

static int newest_first(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return (x->since < y->since) - (x->since > y->since);
}

/* One folder: dropped, or noted. */
static void look(const struct dirs *d, int folder, const char *name, bool sizes,
	struct kept **items, size_t *count)
{
	auto_fd int dir = open_folder(folder, name);
	struct mark mark = { 0 };
	struct kept k = { 0 };

	if (!id_valid(name) || dir < 0 || mark_read(dir, &mark) < 0 || mark.until <= time_now()) {
		(void)trash_put(d, folder, name);
		return;
	}
	if (!sizes)
		return;
	drop_rest(d, dir, mark.diff); /* somebody was killed before he could */
	(void)snprintf(k.id, sizeof(k.id), "%.64s", name);
	k.since = mark.since;
	k.bytes = tree_size_at(folder, name);
	*items = xreallocarray(*items, *count + 1, sizeof(**items));
	(*items)[(*count)++] = k;
}

void removed_sweep(const struct dirs *d, const struct removed_limits *limits)
{
	auto_fd int folder = open_folder(d->data, FOLDER);
	int copy = folder < 0 ? -1 : fcntl(folder, F_DUPFD_CLOEXEC, 3);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	auto_free struct kept *items = NULL;
	int64_t bytes = 0;
	size_t count = 0;
	struct dirent *e;

	if (!list) {
		(void)fd_close(copy);
		return;
	}
	while ((e = readdir(list)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			look(d, folder, e->d_name, limits, &items, &count);
	(void)closedir(list);
	if (count)
		qsort(items, count, sizeof(*items), newest_first);
	for (size_t i = 0; i < count; i++) {
		bytes += items[i].bytes;
		if ((int64_t)i >= limits->count || bytes > limits->bytes)
			(void)trash_put(d, folder, items[i].id);
	}
}
