#include "core/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "core/container_state.h"

#define FILE_ROOM 16384 /* a summary that is larger is read the slow way */

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

static void add_id(struct id_list *l, const char *id)
{
	if ((l->count & (l->count - 1)) == 0)
		l->ids = xreallocarray(l->ids, l->count ? 2 * l->count : 1, ID_SIZE);
	memcpy(l->ids[l->count++], id, ID_SIZE);
}

static int list_folder(int tree, int *ret, struct id_list *ids)
{
	int fd = openat(tree, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir) {
		int r = -errno;

		(void)fd_close(copy);
		(void)fd_close(fd);
		return r;
	}
	while ((e = readdir(dir)))
		if (id_valid(e->d_name))
			add_id(ids, e->d_name);
	(void)closedir(dir);
	*ret = fd;
	return 0;
}

int scan_open(struct core *c, struct scan *ret, struct err *err)
{
	auto_scan struct scan s = { .c = c, .data = FD_NONE, .run = FD_NONE };
	int r;

	/* data first: who appears in between is at worst taken for not yet started */
	r = list_folder(c->dirs.data, &s.data, &s.all);
	if (r == 0)
		r = list_folder(c->dirs.run, &s.run, &s.run_ids);
	if (r < 0)
		return err_sys(err, r, "list containers");
	if (s.run_ids.count)
		qsort(s.run_ids.ids, s.run_ids.count, ID_SIZE, compare_ids);
	(void)boot_id_read(s.boot_id);
	*ret = s;
	s = (struct scan){ .data = FD_NONE, .run = FD_NONE };
	return 0;
}

void scan_close(struct scan *s)
{
	free(s->all.ids);
	free(s->run_ids.ids);
	s->data = fd_close(s->data);
	s->run = fd_close(s->run);
}

/* ID/file below folder in one read; room includes the NUL. -EFBIG if it does not fit. */
static ssize_t read_small(int folder, const char *id, const char *file, char *to, size_t room)
{
	char path[ID_SIZE + 16];
	auto_fd int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%.64s/%s", id, file);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read(fd, to, room - 1);
	if (n < 0)
		return -errno;
	if ((size_t)n == room - 1)
		return -EFBIG;
	to[n] = '\0';
	return n;
}

int scan_summary(const struct scan *s, const char *id, struct summary *ret)
{
	char text[FILE_ROOM];
	ssize_t n = read_small(s->data, id, "summary", text, sizeof(text));
	int r = -EBADMSG;

	if (n > 0)
		r = summary_parse(xmemdup(text, (size_t)n), (size_t)n, ret);
	if (r == 0)
		return 0;
	r = summary_read(s->c, id, ret);
	if (r == -ENOENT)
		container_sweep(s->c, id);
	return r;
}

/* status_settle() without a look at /proc for each container: this boot is known, and a monitor that
 * answers to its pid is taken for alive. */
static bool settle(const struct scan *s, struct status *st)
{
	if (st->monitor > 0 && str_eq(st->boot_id, s->boot_id) &&
		(kill(st->monitor, 0) == 0 || errno == EPERM))
		return false;
	return status_settle(st, false);
}

static bool has_run_folder(const struct scan *s, const char *id)
{
	return s->run_ids.count &&
		bsearch(id, s->run_ids.ids, s->run_ids.count, ID_SIZE, compare_ids);
}

int scan_status(
	const struct scan *s, const char *id, const struct summary *summary, struct status *ret)
{
	char text[4096];
	int r = -ENOENT;
	bool stale;

	/* An auto-remove container may just have been created: what the list lacks says nothing. */
	if ((summary->auto_remove || has_run_folder(s, id)) &&
		read_small(s->run, id, "status", text, sizeof(text)) > 0)
		r = status_parse(text, ret);
	if (r == -ENOENT && read_small(s->data, id, "state", text, sizeof(text)) > 0)
		r = status_parse(text, ret);
	if (r == -ENOENT) {
		*ret = (struct status){ .state = RUN_CREATED };
		r = 0;
	}
	if (r < 0)
		return r;
	stale = settle(s, ret);
	if (stale && container_status(s->c, id, ret) == 0) /* as in container_find() */
		stale = settle(s, ret);
	if (stale || status_lost(ret, summary->auto_remove))
		container_recover(s->c, id);
	return status_lost(ret, summary->auto_remove) ? -ENOENT : 0;
}
