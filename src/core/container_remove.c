/* Removing containers that no monitor looks after; one that lives removes its own (state/wire.h). */
#include "core/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/container_filter.h"
#include "core/container_state.h"
#include "core/records.h"
#include "core/removed.h"
#include "core/spawn.h"
#include "state/events.h"
#include "state/remove.h"
#include "state/volumes.h"
#include "json/text.h"

/* What is too much is swept with the trash. */
static void mark_kept(struct core *c, const struct container *ct)
{
	auto_fd int dir = FD_NONE;
	struct removed_limits limits;

	removed_limits_read(ct, &limits);
	if (limits.time <= 0)
		return;
	dir = dirs_container_data(&c->dirs, ct->id);
	if (dir >= 0 && removed_mark(dir, &ct->status, &limits) < 0)
		log_warning("%.12s: nothing of it can be kept", ct->id);
}

/* fast: without waiting for the disk. */
static int take_away(
	struct core *c, const struct container *ct, bool volumes, bool fast, struct err *err)
{
	auto_fd int monitor = container_monitor_lock(c, ct->id);
	auto_strv char **its = NULL;
	auto_fd int lock = FD_NONE;
	int r;

	if (monitor == -EWOULDBLOCK)
		return err_set(
			err, ERR_UNAVAILABLE, EBUSY, "container %s is being looked after", ct->id);
	if (monitor == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", ct->id);
	if (monitor < 0)
		return err_sys(err, monitor, "lock container %.12s", ct->id);
	lock = dirs_lock(&c->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	mark_kept(c, ct);
	its = volumes ? volume_links(&c->dirs, ct->id, true) : NULL;
	r = container_take_away(&c->dirs, ct->id, ct->name, fast, err);
	if (r == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", ct->id);
	if (r < 0)
		return r;
	volumes_take_away(&c->dirs, its, !fast);
	lock = fd_close(lock);
	container_event(c, ct, "destroy", NULL);
	return 0;
}

int container_remove_stopped(struct core *c, struct container *ct, bool volumes, struct err *err)
{
	bool passing = json_get_bool(ct->host_config, "AutoRemove");

	return take_away(c, ct, volumes || passing, passing, err);
}

/* ---- prune */

struct prune {
	struct core *c;
	const struct filters *f;
	int64_t until;
	char **removed;
	int64_t freed;
};

static bool is_stopped(const struct container *ct)
{
	return ct->status.state == RUN_CREATED || ct->status.state == RUN_EXITED ||
		ct->status.state == RUN_DEAD;
}

static int prune_one(void *arg, const struct container *ct)
{
	static const char *const words[] = { "force=0", "volumes=0", NULL };
	struct prune *p = arg;
	int64_t size;

	if (!is_stopped(ct) || !prune_filter_match(p->f, ct, p->until))
		return 0;
	size = container_size_rw(p->c, ct->id);
	/* a monitor may hold clients that wait for a start: it removes the container itself */
	if (take_away(p->c, ct, json_get_bool(ct->host_config, "AutoRemove"), true, NULL) < 0 &&
		monitor_send_if_live(p->c, ct->id, "remove", words, FD_NONE, NULL) != 1)
		return 0;
	strv_add(&p->removed, ct->id);
	p->freed += size;
	return 0;
}

/* One wait for the disk is enough for all of them. */
static int sync_removals(struct core *c, struct err *err)
{
	auto_fd int fd = openat(c->dirs.data, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "sync the containers' folder");
	return 0;
}

int container_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err)
{
	struct prune p = { .c = c, .f = f };
	struct jsonw w = JSONW(out);
	auto_fd int lock = FD_NONE;
	int r;

	r = filters_time(f, "until", &p.until, err);
	if (r < 0)
		return r;
	lock = core_lock_prune(c, "containers", err);
	if (lock < 0)
		return lock;
	r = container_foreach(c, prune_one, &p, err);
	if (r == 0)
		r = sync_removals(c, err);
	if (r == 0) {
		(void)event_prune(&c->dirs, "container", p.freed);
		jw_object(&w, NULL);
		jw_strv(&w, "ContainersDeleted", p.removed);
		jw_int(&w, "SpaceReclaimed", p.freed);
		jw_object_end(&w);
	}
	if (p.removed)
		core_trashed(c);
	strv_free(p.removed);
	return r;
}
