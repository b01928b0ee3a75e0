/* monitor/start.h - beginning a run. */
#pragma once

#include "base/err.h"

struct monitor;

/* Reads the plan and runs it. On failure everything is recorded and told, but for the answer. */
int start_run(struct monitor *m, struct err *err);
/* Records and tells, likewise, that a start was given up before it had begun. */
void start_refused(struct monitor *m, struct err *err);
/* The second half of a restart; answers those who asked for it. */
void start_restarted(struct monitor *m);
