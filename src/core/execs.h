/* core/execs.h - exec sessions. Created by writing run/containers/ID/exec/EXECID/plan and the link
 * run/execs/EXECID; started by the container's monitor, which writes their status; kept for five
 * minutes after their end, as in Docker, unless there are very many. One that is never started goes with
 * the end of the container's run, or when there are a thousand of them and it is ten minutes old. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"

/* body: the exec create request. Appends {"Id":…}. ERR_CONFLICT if the container is not running, or
 * has too many sessions that were never started. */
int exec_create(
	struct core *c, const char *container, const char *body, struct buf *out, struct err *err);
struct exec {
	char id[ID_SIZE];
	char container[ID_SIZE];
	bool tty;     /* of create: the process has a terminal */
	bool started; /* has run or is running */
	bool running;
	bool attach_stdin, attach_stdout, attach_stderr;
};
/* ERR_NOT_FOUND "No such exec instance: x". */
int exec_find(struct core *c, const char *id, struct exec *ret, struct err *err);
int exec_inspect(struct core *c, const char *id, struct buf *out, struct err *err);
/* The live (not finished) sessions of a container, for ExecIDs; NULL-ended, owned. */
char **exec_ids(struct core *c, const char *container);
