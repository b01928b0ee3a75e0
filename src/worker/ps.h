/* worker/ps.h - what ps(1) prints, as a table of Docker's `top`. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Arguments by which nothing but a process number would be called PID: ERR_INVALID. */
int ps_args_check(const char *args, struct err *err);
/* The lines of the output that belong to these processes (sorted), as JSON. ERR_INVALID if the arguments
 * have left no column PID. */
int ps_table(const char *output, const pid_t *pids, size_t n, struct buf *out, struct err *err);
