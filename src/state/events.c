/* The writing side of state/events.h. One lock, on the journal's current file, orders all writers and
 * the rotation; a reader needs none, since after the rename nobody writes to the old file any more. */
#include "state/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/timefmt.h"

#define FIRST_LINE 8192

void event_print(struct buf *out, const struct event *e)
{
	int64_t now = e->time ? e->time : time_now();
	bool container = str_eq(e->type, "container");
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	if (container || str_eq(e->type, "image")) {
		jw_str(&w, "status", e->action);
		jw_str(&w, "id", e->id);
	}
	if (container)
		jw_str(&w, "from", e->from);
	jw_str(&w, "Type", e->type);
	jw_str(&w, "Action", e->action);
	jw_object(&w, "Actor");
	jw_str(&w, "ID", e->id);
	jw_object(&w, "Attributes");
	jw_members(&w, e->attrs ? e->attrs : "");
	jw_members(&w, e->more ? e->more : "");
	jw_object_end(&w);
	jw_object_end(&w);
	jw_str(&w, "scope", "local");
	jw_int(&w, "time", now / NSEC_PER_SEC);
	jw_int(&w, "timeNano", now);
	jw_object_end(&w);
}

/* line: as event_print() wrote it, without its end. */
static int64_t line_time(const char *line, size_t len)
{
	static const char key[] = "\"timeNano\":";
	const char *at = NULL, *next = line;

	/* the last one: labels come before it and may look alike */
	while ((next = memmem(next, len - (size_t)(next - line), key, sizeof(key) - 1)))
		at = next += sizeof(key) - 1;
	return at ? strtoll(at, NULL, 10) : 0;
}

/* Opens and locks events/current. Whoever waited for the lock may have waited on a file that was
 * rotated away meanwhile, and looks again. */
static int lock_current(int dir)
{
	for (;;) {
		auto_fd int fd = openat(dir, EVENTS_CURRENT,
			O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat mine, there;

		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return -errno;
		if (fstat(fd, &mine) < 0)
			return -errno;
		if (fstatat(dir, EVENTS_CURRENT, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
			there.st_ino == mine.st_ino && there.st_dev == mine.st_dev)
			return take_fd(&fd);
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int events_files(int dir, int64_t **ret, size_t *ret_count)
{
	auto_free int64_t *files = NULL;
	size_t n = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int r = -errno;

		(void)fd_close(fd);
		return r;
	}
	while ((e = readdir(d))) {
		int64_t t;

		if (str_to_i64(e->d_name, &t) < 0 || t <= 0)
			continue;
		files = xreallocarray(files, n + 1, sizeof(*files));
		files[n++] = t;
	}
	(void)closedir(d);
	if (n)
		qsort(files, n, sizeof(*files), by_time);
	*ret = take_ptr(&files);
	*ret_count = n;
	return 0;
}

char *events_file_name(char ret[EVENTS_NAME_SIZE], int64_t file)
{
	(void)snprintf(ret, EVENTS_NAME_SIZE, "%lld", (long long)file);
	return ret;
}

/* Puts the current file, which is locked, aside and drops the oldest ones. */
static int rotate(int dir)
{
	auto_free int64_t *files = NULL;
	char name[EVENTS_NAME_SIZE];
	int64_t now = time_now();
	size_t n = 0;
	int r;

	r = events_files(dir, &files, &n);
	if (r < 0)
		return r;
	if (n &&
		files[n - 1] >= now) /* the clock was set back: names keep the order all the same */
		now = files[n - 1] + 1;
	if (renameat(dir, EVENTS_CURRENT, dir, events_file_name(name, now)) < 0)
		return -errno;
	for (size_t i = 0; i < n; i++)
		if (i + EVENTS_FILES_MAX < n + 2 || now - files[i] > EVENTS_AGE)
			(void)unlinkat(dir, events_file_name(name, files[i]), 0);
	return 0;
}

/* Whether the file begins with an event of long ago. One whose first line is longer than most goes by its
 * size alone. */
static bool is_old(int fd, int64_t now)
{
	char block[FIRST_LINE + 1];
	ssize_t n = pread(fd, block, FIRST_LINE, 0);
	const char *end = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
	int64_t first;

	if (!end)
		return false;
	block[end - block] = '\0';
	first = line_time(block, (size_t)(end - block));
	return first > 0 && now - first > EVENTS_FILE_AGE;
}

/* The current file, locked and with room for a line at that time; *ret_size is its size. */
static int current_with_room(int dir, int64_t now, off_t *ret_size)
{
	for (;;) {
		auto_fd int fd = lock_current(dir);
		struct stat st;
		int r;

		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_size < EVENTS_FILE_SIZE && (st.st_size == 0 || !is_old(fd, now))) {
			*ret_size = st.st_size;
			return take_fd(&fd);
		}
		r = rotate(dir);
		if (r < 0)
			return r;
	}
}

int event_append(const struct dirs *d, const struct event *e)
{
	auto_fd int dir = openat(d->data, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_buf struct buf line = { 0 };
	auto_fd int fd = FD_NONE;
	off_t size;
	char last;
	ssize_t n;

	if (dir < 0)
		return -errno;
	fd = current_with_room(dir, e->time ? e->time : time_now(), &size);
	if (fd < 0)
		return fd;
	if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n')
		buf_addc(&line, '\n'); /* a writer died inside its line */
	event_print(&line, e);         /* under the lock, so that times ascend with the position */
	buf_addc(&line, '\n');
	n = write(fd, line.data, line.len);
	if (n < 0)
		return -errno;
	if ((size_t)n == line.len)
		return 0;
	/* the disk is full: no half of an event stays behind */
	return ftruncate(fd, size) < 0 ? -errno : -ENOSPC;
}

int event_prune(const struct dirs *d, const char *type, int64_t freed)
{
	auto_buf struct buf attrs = { 0 };
	auto_free char *text = xasprintf("%lld", (long long)freed);
	struct jsonw w = JSONW(&attrs);

	jw_str(&w, "reclaimed", text);
	return event_append(d,
		&(struct event){ .type = type, .action = "prune", .id = "", .attrs = attrs.data });
}

static bool is_in_file(int dir, const char *name, const char *start, int64_t since)
{
	auto_free char *text = NULL;
	const char *line, *end, *line_end;
	size_t len;

	if (file_read_at(dir, name, 2 * EVENTS_FILE_SIZE, &text, &len) < 0)
		return false;
	for (line = text, end = text + len; line < end; line = line_end + 1) {
		line_end =
			memchr(line, '\n', (size_t)(end - line)); /* a power cut may leave NULs */
		if (!line_end)
			line_end = end;
		if (str_starts(line, start) && line_time(line, (size_t)(line_end - line)) >= since)
			return true;
	}
	return false;
}

bool event_is_written(const struct dirs *d, const char *id, const char *action, int64_t since)
{
	auto_fd int dir = openat(d->data, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_free char *start = xasprintf("{\"status\":\"%s\",\"id\":\"%s\",", action, id);
	auto_free int64_t *files = NULL;
	char name[EVENTS_NAME_SIZE];
	size_t n = 0;

	if (dir < 0)
		return false;
	/* current first: put aside meanwhile, it is found among the others */
	if (is_in_file(dir, EVENTS_CURRENT, start, since))
		return true;
	return events_files(dir, &files, &n) == 0 && n &&
		is_in_file(dir, events_file_name(name, files[n - 1]), start, since);
}
