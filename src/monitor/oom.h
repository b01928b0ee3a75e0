/* monitor/oom.h - watches for the OOM killer in the container's own cgroup: event "oom" and OOMKilled as
 * soon as one of its processes was killed, whether the container ends with it or not. */
#pragma once

struct monitor;

void oom_watch(struct monitor *m);
/* The run is over: looks once more, and no more. */
void oom_settle(struct monitor *m);
/* Recovery: the event may be missing though the record says it. */
void oom_tell_rest(struct monitor *m);
