/* monitor/report.h - what the monitor tells the world: status records and events. A failure to write
 * one is logged and the container goes on; only a run that cannot be recorded at all is not begun. */
#pragma once

#include "base/err.h"
#include "runtime/runtime.h"
#include "state/status.h"

struct monitor;

/* A start has begun. From here on an auto-remove container is its monitor's to remove, also when the
 * start comes to nothing. */
void report_starting(struct monitor *m);
/* The record of a run that begins: durable before anyone is told. */
int report_running(struct monitor *m, const struct rt_process *p, struct err *err);
/* A start failed: previous is the record from before it. */
void report_failed_start(
	struct monitor *m, const struct status *previous, int exit_code, const struct err *err);
/* m->status holds the end of a run, whose events are still to be written. */
void report_exit(struct monitor *m);
/* They are written. */
void report_told(struct monitor *m);
/* Paused, or not any more: record and event. */
void report_paused(struct monitor *m, bool paused);
/* The OOM killer was here: record and event. */
void report_oom(struct monitor *m);
/* m->status has changed, for those who look while the run goes on. */
void report_progress(struct monitor *m);
/* The same where it has to outlast the machine. */
void report_change(struct monitor *m);
/* The container is about to leave the disk: whoever finds this record has to finish that. */
void report_removing(struct monitor *m);

void report_event(struct monitor *m, const char *action);
/* With one more attribute or two (key2 may be NULL). */
void report_event_with(struct monitor *m, const char *action, const char *key, const char *value,
	const char *key2, const char *value2);
/* With more attributes: members of an object. */
void report_event_members(struct monitor *m, const char *action, const char *members);
void report_event_number(struct monitor *m, const char *action, const char *key, long value);
/* One event for each volume: that the container has come to use it, or has let it go. */
void report_volumes_mounted(struct monitor *m);
void report_volumes_unmounted(struct monitor *m);
