/* state/status.h - what became of a container or an exec session, as its monitor last wrote it.
 *
 * A text file of key=value lines. The monitor is the only writer; readers take no lock.
 *   run/containers/ID/status        always the latest
 *   data/containers/ID/state        the same record, durable: written (fsync) when a run starts and
 *                                   when it ends, before anyone is told; not for auto-remove
 *                                   containers, which a power cut removes anyway
 *   run/containers/ID/exec/EXECID/status   one exec session
 * Neither file there: created, never started. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/dirs.h"

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
	unsigned restart_count;
	char boot_id
		[40]; /* of the kernel that ran it: tells a crash of the machine from the rest */
	char error[256];
};

const char *run_state_name(enum run_state s); /* Docker's word: "created", "running", … */

void status_print(struct buf *out, const struct status *st);
/* Unknown keys are skipped, missing ones keep zero. -EBADMSG if it is no status record. */
int status_parse(const char *text, struct status *ret);

/* The latest record as it stands, without asking whether its processes live. Missing: RUN_CREATED.
 * run_dir or data_dir may be FD_NONE. */
int status_read(int run_dir, int data_dir, struct status *ret);
int status_write(int run_dir, const struct status *st);          /* atomic */
int status_write_durable(int data_dir, const struct status *st); /* atomic, fsync */

/* For readers that find a running state whose monitor is gone (killed, or the machine went down):
 * changes the record to what can honestly be said, exited with an unknown code. exact: compare start
 * times through /proc (inspect); otherwise only kill(pid, 0) is asked (list). Returns true when the
 * record was stale: someone should then run the monitor's recovery. */
bool status_settle(struct status *st, bool exact);

/* This boot's id; constant for the life of the machine. */
const char *boot_id_read(char ret[40]);
