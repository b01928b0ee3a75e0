/* state/totals.h - what a run used in all, counted at its end: a part of its exit record (state/status.h),
 * of inspect (State.Usage) and of the event "die".
 *
 * A number that nothing here counts is not known, and then it is nowhere: never a 0 that could be taken for
 * one. Where the container has a cgroup, its files say what all of its processes used. Without one, or without
 * the controller in question, CPU time and IO are what the kernel says at the end of its first process, its
 * exec sessions and its health checks: each with those of its descendants that were waited for. Those that
 * the end of the container killed, and children of a process that ignores SIGCHLD, are missing there. */
#pragma once

#include <stdint.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/jsonw.h"

enum total {
	TOTAL_MEMORY_PEAK, /* bytes, of the whole cgroup: memory.peak, Linux 5.19 */
	TOTAL_MAX_RSS,     /* bytes, of the largest process: ru_maxrss */
	TOTAL_CPU_USER,    /* ns: cpu.stat or ru_utime */
	TOTAL_CPU_KERNEL,  /* ns: cpu.stat or ru_stime */
	TOTAL_IO_READ,     /* bytes from storage, on all devices: io.stat or ru_inblock */
	TOTAL_IO_WRITTEN,  /* … and to it; what the page cache answers is neither */
	TOTAL_OOM_KILLS,   /* processes: oom_kill of memory.events */
	TOTAL_COUNT,
};

struct totals {
	unsigned known; /* 1 << TOTAL_… */
	int64_t n[TOTAL_COUNT];
};

void total_set(struct totals *t, enum total which, uint64_t n);
/* Takes from now, what a counter says at the end, what it said before the run began. */
void totals_set(struct totals *t, const struct totals *now, const struct totals *before);
/* Adds what a process used that has been waited for. */
void totals_add(struct totals *t, const struct rusage *ru);

/* "key=number\n" of each known one, for a record. */
void totals_print(struct buf *out, const struct totals *t);
/* Takes such a line, if it is one. */
void totals_take(struct totals *t, const char *key, int64_t n);

/* State.Usage; nothing if nothing is known. */
void totals_write(struct jsonw *w, const struct totals *t);
/* The same as attributes of an event, where every value is a string. */
void totals_write_attrs(struct jsonw *w, const struct totals *t);
