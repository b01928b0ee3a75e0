/* monitor/finish.h - the end of a run. */
#pragma once

struct monitor;

/* m->status tells how it ended: record, events. */
void finish_tell(struct monitor *m);
/* The end is on record: what the journal has not of its events. */
void finish_tell_rest(struct monitor *m);
