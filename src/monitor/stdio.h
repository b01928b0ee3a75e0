/* monitor/stdio.h - the standard streams of one process, the container's or an exec session's.
 *
 * Output flows from pipes (or the terminal) to the log and to every client at once. The container's
 * clients are never waited for: their queues spill to disk. An exec session has one client and no log:
 * nothing is read from the process that its client's queue has no room for (paced). A log that cannot
 * be written stops the reading until it can.
 *
 * Input flows from the clients to the process, read from a client only when the process takes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/http_out.h"
#include "base/loop.h"
#include "monitor/log.h"
#include "runtime/runtime.h"

struct monitor;
struct stdio;

struct source {
	struct stdio *io;
	struct watch watch; /* stopped while reading is held up */
	int fd;             /* FD_NONE: at its end, or never there */
	int owed; /* bytes that the process left in it at its end and that are there still */
	enum stream_id stream;
};

typedef void stdio_fn(struct stdio *io);

struct stdio {
	struct monitor *m;
	struct log *log;   /* owned; NULL for none */
	stdio_fn *drained; /* called once: the process is gone and its output complete */
	struct source out[2];
	int in; /* FD_NONE: closed, or the process has no input */
	struct watch in_watch, timer, log_watch;
	int64_t ended, last_data; /* CLOCK_MONOTONIC; ended 0: the process runs */
	bool up;                  /* between stdio_connect() and stdio_close() */
	bool tty, paced, in_once;
	bool log_stuck, held_up;
};

enum { STDIO_IN = 1, STDIO_OUT = 2, STDIO_ERR = 4 };

/* Makes the pipes named by what; the process's ends come back in child, /dev/null for the others. With
 * tty there is nothing to make. */
int stdio_prepare(
	struct stdio *io, struct monitor *m, unsigned what, struct rt_io *child, struct err *err);
/* Closes the process's ends, whether it was started or not. */
void stdio_child_ends_close(struct rt_io *child);
/* The process runs; with tty, console is its terminal (taken over). */
void stdio_connect(struct stdio *io, int console);
/* Sets the terminal's size; without one nothing happens. */
void stdio_resize(struct stdio *io, unsigned short height, unsigned short width);
/* The process has ended: what is still in the pipes is read, then drained() is called, perhaps at once. */
void stdio_process_ended(struct stdio *io);
/* Ends everything; clients stay with their owner. Accepts what was never prepared. */
void stdio_close(struct stdio *io);

/* Gives input to the process. How much it took; -EPIPE: it takes none any more. */
ssize_t stdio_put(struct stdio *io, const void *data, size_t len);
void stdio_in_close(struct stdio *io);
/* A client waits for the process to take input. */
void stdio_in_wait(struct stdio *io);
/* A paced client has room again, or there is none any more. */
void stdio_go_on(struct stdio *io);
