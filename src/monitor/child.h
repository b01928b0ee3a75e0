/* monitor/child.h - how a process ended. An exit code is never invented: what cannot be known is
 * recorded as unknown. */
#pragma once

#include <stdbool.h>

#include "state/status.h"

/* False: it has not ended. Otherwise it is reaped, exit_code, exit_known and error are set, and what it
 * used is added to *used. */
bool child_collect(int pidfd, struct status *st, struct totals *used);
/* The same, waiting for an end that is certain. */
bool child_collect_wait(int pidfd, struct status *st, struct totals *used);
void child_unknown(struct status *st);
