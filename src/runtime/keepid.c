#include "runtime/keepid.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "runtime/userns_map.h"

static const char *const map_files[] = { "uid_map", "gid_map" };

/* The user is 0 outside; everybody else follows from 1 on. */
void keepid_rows(struct buf *out, uint64_t own, uint64_t count, char sep, char end)
{
	unsigned long long me = own, next = own + 1, last = count - 1;
	unsigned long long below = me < last ? me : last;

	if (below)
		buf_printf(out, "0%c1%c%llu%c", sep, sep, below, end);
	buf_printf(out, "%llu%c0%c1", me, sep, sep);
	if (next <= last)
		buf_printf(out, "%c%llu%c%llu%c%llu", end, next, sep, next, sep, last - me);
}

/* kind 0: users, 1: groups. */
static int rows_of_plan(
	const struct plan *plan, int kind, struct buf *out, char sep, char end, struct err *err)
{
	const struct plan_item *it = plan_next(plan, "keep-id", NULL);
	uint64_t own, count = 0;
	int r;

	if (str_to_u64(it->words[kind], &own) < 0 || own > INT32_MAX)
		return err_set(err, ERR_SYSTEM, EBADMSG, "the plan's keep-id is no number");
	r = userns_map_count(map_files[kind], &count);
	if (r < 0)
		return rt_sys(err, r, "read the own %s", map_files[kind]);
	if (count < 2)
		return err_set(err, ERR_INVALID, EPERM,
			"keep-id takes a range of ids for this user in /etc/subuid and /etc/subgid");
	keepid_rows(out, own, count, sep, end);
	return 0;
}

static int map_write(const struct plan *plan, pid_t pid, struct err *err)
{
	for (int kind = 0; kind < 2; kind++) {
		auto_buf struct buf rows = { 0 };
		int r;

		r = rows_of_plan(plan, kind, &rows, ' ', '\n', err);
		if (r < 0)
			return r;
		buf_addc(&rows, '\n');
		r = userns_map_write(pid, map_files[kind], rows.data);
		if (r < 0)
			return rt_sys(err, r, "write %s", map_files[kind]);
	}
	return 0;
}

/* Somebody to be in the namespace until a descriptor holds it. It ends by our hand, or with us. */
static pid_t holder_start(int ready[2])
{
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	(void)close(ready[0]);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(1);
	/* entering one has cleared the wish */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (write(ready[1], "r", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static int holder_open(const struct plan *plan, pid_t pid, int *ret, struct err *err)
{
	char name[40];
	int r = map_write(plan, pid, err);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "/proc/%d/ns/user", (int)pid);
	*ret = open(name, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? rt_sys(err, errno, "open the new user namespace") : 0;
}

int keepid_make(const struct plan *plan, int *ret, struct err *err)
{
	int ready[2], r;
	pid_t pid;
	char byte;

	*ret = FD_NONE;
	if (!plan_has(plan, "keep-id"))
		return 0;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return rt_sys(err, errno, "pipe");
	pid = holder_start(ready);
	(void)fd_close(ready[1]);
	if (pid < 0)
		r = rt_sys(err, pid, "fork");
	else if (read(ready[0], &byte, 1) != 1)
		r = err_set(
			err, ERR_SYSTEM, EPERM, "the kernel refuses a user namespace for keep-id");
	else
		r = holder_open(plan, pid, ret, err);
	(void)fd_close(ready[0]);
	if (pid > 0)
		(void)kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

void keepid_server_options(const struct plan *plan, struct buf *options)
{
	static const char *const names[] = { ",uidmapping=", ",gidmapping=" };

	if (!plan_has(plan, "keep-id"))
		return;
	for (int kind = 0; kind < 2; kind++) {
		buf_adds(options, names[kind]);
		(void)rows_of_plan(plan, kind, options, ':', ':', NULL); /* has worked before */
	}
}

/* A namespace brings a full set of capabilities; the steps that follow take them away again. */
int keepid_enter(struct enter *e, struct err *err)
{
	if (e->keepid < 0)
		return 0;
	return setns(e->keepid, CLONE_NEWUSER) < 0 ? rt_sys(err, errno, "join it") : 0;
}
