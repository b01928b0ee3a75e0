#include "monitor/child.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

void child_unknown(struct status *st)
{
	st->exit_code = EXIT_UNKNOWN;
	st->exit_known = false;
	(void)snprintf(st->error, sizeof(st->error),
		"exit status unknown: it went to another process than the container's monitor");
}

static bool collect(int pidfd, int flags, struct status *st)
{
	siginfo_t si = { 0 };
	int r;

	do
		r = waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		child_unknown(st);
		return true;
	}
	if (si.si_pid == 0)
		return false;
	st->exit_known = true;
	st->exit_code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	return true;
}

bool child_collect(int pidfd, struct status *st)
{
	return collect(pidfd, WNOHANG, st);
}

bool child_collect_wait(int pidfd, struct status *st)
{
	return collect(pidfd, 0, st);
}
