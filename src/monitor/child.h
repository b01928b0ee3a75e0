/* monitor/child.h - how a process ended. An exit code is never invented: what cannot be known is
 * recorded as unknown. */
#pragma once

#include <stdbool.h>
#include <sys/epoll.h>

#include "state/status.h"

/* False: it has not ended. Otherwise it is reaped, exit_code, exit_known and error are set, and what it
 * used is added to *used. */
bool child_collect(int pidfd, struct status *st, struct totals *used);
/* SIGKILL was sent: the same, waiting for the end. What the kernel, or somebody who traces it, keeps from it for
 * longer than two seconds is left to them, and its exit code is unknown. */
void child_collect_killed(int pidfd, struct status *st, struct totals *used);
void child_unknown(struct status *st);

/* What a child's pidfd is watched for. It is told once that the child is dead, and once more when whoever traced it
 * has let go of it: until then it cannot be collected, and without EPOLLET we would be told all the time. */
#define CHILD_EVENTS (EPOLLIN | EPOLLET)
