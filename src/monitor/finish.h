/* monitor/finish.h - the end of a run. */
#pragma once

struct monitor;

/* m->status tells how it ended: record, events. */
void finish_tell(struct monitor *m);
