#include "core/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "core/container_state.h"

#define TICK_MAX  (50 * NSEC_PER_MSEC) /* coarser no clock is that stamps files */
#define FILE_ROOM 16384                /* a summary that is larger is read the slow way */

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
	if (s.all.count)
		qsort(s.all.ids, s.all.count, ID_SIZE, compare_ids);
	s.known = xcalloc(1, sizeof(*s.known));
	s.known->items = xcalloc(s.all.count + 1, sizeof(*s.known->items));
	(void)boot_id_read(s.boot_id);
	*ret = s;
	s = (struct scan){ .data = FD_NONE, .run = FD_NONE };
	return 0;
}

void known_list_free(struct known_list *l)
{
	for (size_t i = 0; l && i < l->count; i++)
		summary_clear(&l->items[i].summary);
	if (l)
		free(l->items);
	free(l);
}

void scan_close(struct scan *s)
{
	if (s->known) {
		known_list_free(s->c->known);
		s->c->known = take_ptr(&s->known);
	}
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

static struct known *known_find(const struct known_list *l, const char *id)
{
	return l && l->count ? bsearch(id, l->items, l->count, sizeof(*l->items), compare_ids)
			     : NULL;
}

/* The summary as it is on disk. -ENOENT: no container after all. */
static int read_summary(const struct scan *s, const char *id, struct summary *ret)
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

/* Whether the last look's entry still holds; takes it over if so. Otherwise ret has the time from which
 * on what is read now holds: taken before, so that what changes in between is read again next time. */
static bool still_known(struct scan *s, const char *id, struct known *ret)
{
	struct known *old = known_find(s->c->known, id);
	struct stat st;

	if (fstatat(s->data, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	ret->changed = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	ret->settled = time_now() - ret->changed > TICK_MAX;
	if (!old || !old->settled || !old->summary.text || old->changed != ret->changed)
		return false;
	*ret = *old;
	old->summary = (struct summary){ 0 };
	return true;
}

/* The first look of a process remembers nothing: many live for one request. */
static int look(struct scan *s, const char *id, struct known *ret)
{
	*ret = (struct known){ 0 };
	memcpy(ret->id, id, ID_SIZE);
	if (s->c->known && still_known(s, id, ret))
		return 0;
	return read_summary(s, id, &ret->summary);
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

/* The run tree's status if there is one, or else the durable one. */
static int read_status(const struct scan *s, struct known *k, struct status *ret)
{
	char text[4096];
	int r = -ENOENT;
	ssize_t n;

	/* An auto-remove container may just have been created: what the list lacks says nothing. */
	if ((k->summary.auto_remove || has_run_folder(s, k->id)) &&
		read_small(s->run, k->id, "status", text, sizeof(text)) > 0)
		r = status_parse(text, ret);
	if (r != -ENOENT)
		return r;
	n = k->stateless ? -ENOENT : read_small(s->data, k->id, "state", text, sizeof(text));
	k->stateless = n == -ENOENT;
	if (n > 0)
		r = status_parse(text, ret);
	if (r == -ENOENT) {
		*ret = (struct status){ .state = RUN_CREATED };
		r = 0;
	}
	return r;
}

/* -ENOENT: its boot is over, and it goes with it. */
static int find_status(const struct scan *s, struct known *k, struct status *ret)
{
	int r = read_status(s, k, ret);
	bool stale;

	if (r < 0)
		return r;
	stale = settle(s, ret);
	if (stale && container_status(s->c, k->id, ret) == 0) /* as in container_find() */
		stale = settle(s, ret);
	if (stale || status_lost(ret, k->summary.auto_remove))
		container_recover(s->c, k->id);
	return status_lost(ret, k->summary.auto_remove) ? -ENOENT : 0;
}

bool scan_next(struct scan *s, const struct known **ret, struct status *ret_status)
{
	while (s->next < s->all.count) {
		struct known *k = &s->known->items[s->known->count];

		if (look(s, s->all.ids[s->next++], k) < 0)
			continue;
		s->known->count++;
		if (find_status(s, k, ret_status) < 0)
			continue;
		*ret = k;
		return true;
	}
	return false;
}
