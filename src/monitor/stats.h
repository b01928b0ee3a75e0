/* monitor/stats.h - clients of GET /containers/ID/stats. One sample a second serves them all; nobody looking
 * costs nothing. A client that reads too slowly misses samples, and never gets half of one. */
#pragma once

#include "base/buf.h"
#include "base/loop.h"
#include "state/usage.h"
#include "state/wire.h"

struct monitor;

struct viewer {
	struct viewer *next;
	struct monitor *m;
	struct watch watch;
	int fd;
	bool stream;         /* goes on until the container is removed */
	int64_t due;         /* CLOCK_MONOTONIC: of the next sample */
	struct usage before; /* sample before that; its texts are gone */
	struct buf rest;     /* of a record the socket did not take at once */
};

void stats_request(struct monitor *m, struct wire_msg *msg);
/* A run is over: what is read now are zeros. */
void stats_run_over(struct monitor *m);
/* The container is gone, or the monitor goes: ends every answer. */
void viewers_end(struct monitor *m);
