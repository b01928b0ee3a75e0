/* state/status.h - what became of a container or an exec session, as its monitor last wrote it.
 *
 * The monitor is the only writer (but for an auto-remove container's first record); readers take no
 * lock.
 *   run/containers/ID/status        always the latest
 *   data/containers/ID/state        the same record, durable: written (and synced) when a run starts
 *                                   and when it ends, before anyone is told; not for auto-remove
 *                                   containers
 *   run/containers/ID/exec/EXECID/status   one exec session
 * None there: created, never started.
 *
 * An auto-remove container goes with its boot. It has its first record in the run tree before it is a
 * container; so one without a record is of an earlier boot, and whoever meets it has it removed
 * (status_lost).
 *
 * The file has two slots of STATUS_SLOT bytes, each a record of key=value lines that ends with a
 * sequence number and a checksum. A write goes in place to the slot that is not the latest, so a
 * reader, a crash or a power cut in the middle of it finds the record before. Replacing files by
 * rename would say the same at ten times the price: ext4 frees the old one on the spot, 2 to 6 ms
 * measured, and a sync has to commit the journal where here it only writes one block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/dirs.h"
#include "state/totals.h"

enum run_state {
	RUN_CREATED, /* never ran, or its last start failed before the program began */
	RUN_RUNNING,
	RUN_PAUSED,
	RUN_RESTARTING,
	RUN_REMOVING,
	RUN_EXITED,
	RUN_DEAD, /* removal failed half-way */
	RUN_STATE_COUNT,
};

/* What the health check of a run says; meaningless without one. state/health.h has the rest. */
enum health_state {
	HEALTH_NONE, /* there is no check */
	HEALTH_STARTING,
	HEALTH_HEALTHY,
	HEALTH_UNHEALTHY, /* also once the run has ended */
	HEALTH_STATE_COUNT,
};

#define EXIT_UNKNOWN 255 /* shown when exit_known is false */

struct status {
	enum run_state state;
	unsigned run; /* number of the current or last run, from 1 */
	pid_t pid;    /* the container's first process, while it runs */
	uint64_t pid_start;
	pid_t monitor;
	uint64_t monitor_start;
	int64_t started, finished; /* ns since 1970, 0 = never */
	int exit_code;
	bool exit_known; /* false: the code went to nobody who could tell us */
	bool oom_killed;
	/* Nothing runs, but the monitor is not through with it: the end of the run is on record and its
	 * events may not be written, or an auto-remove container's start has begun. Never in the data
	 * tree: events are not promised to survive a power cut. */
	bool unfinished;
	bool stopped; /* by the user, which a restart policy respects (state/restart.h) */
	unsigned restart_count;
	enum health_state health;
	unsigned failing_streak; /* probes that failed since the last success */
	char boot_id
		[40]; /* of the kernel that ran it: tells a crash of the machine from the rest */
	char error[256];
	struct totals totals; /* what the run used in all; known once it has ended */
};

const char *run_state_name(enum run_state s);       /* Docker's word: "created", "running", … */
const char *health_state_name(enum health_state s); /* "none", "starting", … */

#define STATUS_SLOT 1024
#define STATUS_FILE (2 * (size_t)STATUS_SLOT)

/* One record, with its sequence number, without padding. */
void status_print(struct buf *out, const struct status *st, uint64_t sequence);
/* What a record's last line says of the lines before it. */
uint64_t status_checksum(const char *data, size_t len);
/* The content of a file (one slot or both): the latest complete record. Unknown keys are skipped,
 * missing ones keep zero. -ENOENT: no complete record, as in a file just made; -EBADMSG: complete, but
 * not one of ours. */
int status_parse(const char *text, struct status *ret);

/* The latest record as it stands, without asking whether its processes live. Missing: RUN_CREATED.
 * run_dir or data_dir may be FD_NONE. */
int status_read(int run_dir, int data_dir, struct status *ret);
int status_write(int run_dir, const struct status *st);
int status_write_durable(int data_dir, const struct status *st); /* synced when it returns */

/* For readers that find a running state whose monitor is gone (killed, or the machine went down):
 * changes the record to what can honestly be said, exited with an unknown code; one that waited to be
 * started again has ended before, and its code is known. exact: compare start
 * times through /proc (inspect); otherwise only kill(pid, 0) is asked (list). Returns true when the
 * record was stale, or unfinished: someone should then run the monitor's recovery. */
bool status_settle(struct status *st, bool exact);
/* st is what status_read() gave for an auto-remove container: it had no record. */
static inline bool status_lost(const struct status *st, bool auto_remove)
{
	return auto_remove && st->state == RUN_CREATED && !*st->boot_id;
}

/* This boot's id; constant for the life of the machine. */
const char *boot_id_read(char ret[40]);
