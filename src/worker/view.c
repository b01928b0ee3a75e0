#include "worker/view.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "runtime/files.h"
#include "state/plan.h"
#include "state/status.h"

#define START_PATIENCE (10 * NSEC_PER_SEC) /* for a container that is just being put together */
#define START_STEP_US  5000

void view_close(struct view *v)
{
	v->root = fd_close(v->root);
	v->mounts = fd_close(v->mounts);
	if (v->upper)
		files_take_apart(v->upper);
	free(take_ptr(&v->upper));
	v->lock = fd_close(v->lock);
}

static int gone(const char *id, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", id);
}

static int lock_files(const struct work *w, const char *id, int *ret, struct err *err)
{
	auto_free char *upper = xasprintf("%s/containers/%s/upper", w->dirs.data_path, id);

	*ret = files_lock(upper, -1);
	if (*ret == -ENOENT)
		return gone(id, err);
	return *ret < 0 ? err_sys(err, *ret, "lock the files of container %.12s", id) : 0;
}

static bool read_running(const struct work *w, const char *id, struct status *ret)
{
	auto_fd int run = dirs_container_run(&w->dirs, id, false);
	auto_fd int data = dirs_container_data(&w->dirs, id);

	if (status_read(run, data, ret) < 0)
		return false;
	(void)status_settle(ret, true);
	return ret->state == RUN_RUNNING || ret->state == RUN_PAUSED;
}

/* The switchboard has had it written, if no start did. */
static int read_plan(const struct work *w, const char *id, struct plan *ret, struct err *err)
{
	auto_fd int run = dirs_container_run(&w->dirs, id, false);
	const struct plan_item *fault;
	int r = run < 0 ? gone(id, err) : plan_read(run, "plan", ret, err);

	if (r < 0)
		return r;
	fault = plan_next(ret, "fault", NULL);
	if (fault)
		return err_set(err, ERR_CONFLICT, EINVAL, "%s", fault->words[2]);
	if (!plan_has(ret, "upper")) /* it only says whose end a recovery has to tell */
		return err_set(err, ERR_UNAVAILABLE, EBUSY,
			"container %.12s has just ended: try again", id);
	return 0;
}

static int open_stopped(
	const struct work *w, const char *id, bool write, struct view *v, struct err *err)
{
	auto_plan struct plan plan = { 0 };
	bool shared = !write;
	int r = read_plan(w, id, &plan, err);

	if (r == 0)
		r = files_assemble(&plan, &shared, &v->root, err);
	if (r < 0)
		return r;
	v->read_only = plan_has(&plan, "readonly-root");
	if (shared)
		v->lock = fd_close(v->lock);
	else
		v->upper = xstrdup(plan_get(&plan, "upper", ""));
	return 0;
}

/* One look. -EAGAIN: neither way yet. */
static int try_open(
	const struct work *w, const char *id, bool write, struct view *v, struct err *err)
{
	struct status st;
	int r = lock_files(w, id, &v->lock, err);

	if (r < 0)
		return r;
	if (!read_running(w, id, &st))
		return open_stopped(w, id, write, v, err);
	v->lock = fd_close(v->lock);
	v->runs = true;
	r = files_of_process(st.pid, st.pid_start, &v->mounts, &v->root);
	if (r == -ESRCH || r == -EAGAIN) /* it ends, or begins: the record will say */
		return -EAGAIN;
	return r < 0 ? err_sys(err, r, "look into container %.12s", id) : 0;
}

int view_open(struct work *w, bool write, struct view *ret, struct err *err)
{
	int64_t give_up = time_monotonic() + START_PATIENCE;
	const char *id = work_get(w, "id", "");
	auto_view struct view v = VIEW_NONE;
	int r = work_enter(w, err);

	if (r == 0 && !id_valid(id))
		r = err_set(err, ERR_INVALID, EINVAL, "no container was named");
	if (r < 0)
		return r;
	while ((r = try_open(w, id, write, &v, err)) == -EAGAIN) {
		if (time_monotonic() > give_up)
			return err_set(err, ERR_UNAVAILABLE, EAGAIN,
				"container %.12s is just starting: try again", id);
		view_close(&v);
		v.runs = false;
		(void)usleep(START_STEP_US);
	}
	if (r < 0)
		return r;
	*ret = v;
	v = VIEW_NONE;
	return 0;
}
