/* monitor/log.h - where a container's output is kept: one of the drivers its plan can name. A driver is a
 * file and a line in log.c. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/http_out.h"
#include "state/plan.h"

struct log;

struct log_driver {
	const char *name;
	/* dir: the container's data folder, borrowed. */
	int (*open)(
		struct log *l, const struct plan *plan, int dir, const char *id, struct err *err);
	/* The contract of logfile_write() and logfile_flush(): output counts as taken, what cannot be
	 * written is kept and tried again by a call with len 0. */
	int (*write)(struct log *l, enum stream_id stream, const void *data, size_t len);
	int (*flush)(struct log *l);
	void (*tidy)(struct log *l); /* frees what it can make anew */
	void (*close)(struct log *l);
};

struct log {
	const struct log_driver *driver;
	void *state; /* the driver's */
	bool drops;  /* mode=non-blocking: a log that cannot be written does not stop the reading */
	int writeable; /* while writing fails, EPOLLOUT here tells that it may go on; FD_NONE: only time does */
};

/* *ret is NULL for the driver none. */
int log_open(const struct plan *plan, int dir, const char *id, struct log **ret, struct err *err);
int log_write(struct log *l, enum stream_id stream, const void *data, size_t len);
int log_flush(struct log *l);
void log_tidy(struct log *l);  /* NULL is fine */
void log_close(struct log *l); /* likewise */

/* A number among the plan's log-opts. */
int64_t log_number(const struct plan *plan, const char *key, int64_t missing);

extern const struct log_driver log_json_file, log_local, log_journald;
