/* monitor/restart.h - the restart policy at work (state/restart.h): the pause after a run, and the next one.
 *
 * RUN_RESTARTING is on record with the end of the run, so a monitor killed in the pause leaves what its
 * successor needs to know. */
#pragma once

#include <stdbool.h>

struct monitor;

/* A run has ended, as m->status tells: whether it comes again. If so, it is counted. */
bool restart_due(struct monitor *m);
/* That is on record and told: waits for its time. */
void restart_wait(struct monitor *m);
/* Somebody starts the container himself: the policy begins anew. */
void restart_forget(struct monitor *m);
/* stop.c: the run is unhealthy, and the policy wants another one then. */
void stop_unwell(struct monitor *m);
/* The policy was changed. */
void restart_reconsider(struct monitor *m);
