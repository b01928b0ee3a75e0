/* runtime/report.h - what the child tells its parent while it is still ours: messages on a
 * SOCK_SEQPACKET pair that closes with the execve. End of file after REPORT_EXEC means: the program
 * runs; without it: the child was killed on the way. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "runtime/enter.h"

enum report_kind {
	REPORT_PROCESS, /* with the pidfd: exec, where the parent does not clone itself */
	REPORT_KEEPER,  /* from now on it is none of the container's (bundle.h); wants REPORT_GO */
	REPORT_CREATED, /* with the pidfd of the first process, which wants REPORT_GO as well */
	REPORT_GO,      /* the other way: its cgroup, and the record of the first, are right */
	REPORT_CONSOLE, /* with the master end */
	REPORT_WORK,    /* with the overlay's work folder */
	REPORT_ROOT,    /* with the overlay */
	REPORT_FUSE,    /* with /dev/fuse: the root is mounted and wants its server */
	REPORT_EXEC,    /* the next thing is execve */
	REPORT_FAILED,
};

struct report {
	enum report_kind kind;
	pid_t pid;
	enum enter_blame blame;
	int exit_code;
	struct err err;
};

/* fd may be FD_NONE. 0 or -errno. */
int report_send(int sock, const struct report *r, int fd);
/* 1: a report, with *ret_fd (FD_NONE if none came); 0: end; -errno. */
int report_recv(int sock, struct report *ret, int *ret_fd);
