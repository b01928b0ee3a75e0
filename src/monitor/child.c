#include "monitor/child.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"

#define KILL_PATIENCE_MS 2000

void child_unknown(struct status *st)
{
	st->exit_code = EXIT_UNKNOWN;
	st->exit_known = false;
	(void)snprintf(st->error, sizeof(st->error),
		"exit status unknown: it went to another process than the container's monitor");
}

static bool collect(int pidfd, int flags, struct status *st, struct totals *used)
{
	siginfo_t si = { 0 };
	struct rusage ru;
	long r;

	/* libc's waitid() has no place for the last one */
	do
		r = syscall(SYS_waitid, P_PIDFD, pidfd, &si, WEXITED | flags, &ru);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		child_unknown(st);
		return true;
	}
	if (si.si_pid == 0)
		return false;
	totals_add(used, &ru);
	st->exit_known = true;
	st->exit_code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	return true;
}

bool child_collect(int pidfd, struct status *st, struct totals *used)
{
	return collect(pidfd, WNOHANG, st, used);
}

void child_collect_killed(int pidfd, struct status *st, struct totals *used)
{
	(void)proc_pidfd_wait(pidfd, KILL_PATIENCE_MS);
	if (!collect(pidfd, WNOHANG, st, used))
		child_unknown(st);
}
