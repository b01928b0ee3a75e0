/* base/proc.h - remembering a process across time: pid and start time, pidfds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat, clock ticks since boot; 0 if there is no such process. */
uint64_t proc_start_time(pid_t pid);
/* Whether pid is alive (not a zombie) and is the process that had this start time. */
bool proc_alive(pid_t pid, uint64_t start);
/* Whether pid is ending or gone. The first process of a pid namespace says so before the others, whose
 * deaths it waits for, are seen to be dead. */
bool proc_exiting(pid_t pid);
/* By a signal, or by somebody who traces it. */
bool proc_stopped(pid_t pid);
/* pidfd_open(2); -errno on failure. */
int proc_pidfd(pid_t pid);
/* The process behind a pidfd, as our pid namespace numbers it; -ESRCH if it is gone or not to be seen there. */
pid_t proc_pidfd_pid(int pidfd);
int proc_pidfd_kill(int pidfd, int sig);
/* Until the process has ended, at most so long. False: it has not. Reaps nothing. */
bool proc_pidfd_wait(int pidfd, int timeout_ms);
/* SIGKILL to a child of the caller's and all that descends from it. What the child lost track of is only
 * found if it is a subreaper (PR_SET_CHILD_SUBREAPER): orphans of its tree then become its own children.
 * It is stopped first, so that it reaps none of them, and killed last. */
void proc_tree_kill(pid_t root, int pidfd);

/* The path of the running program. Owned; NULL: not known. */
char *proc_own_path(void);
/* CPUs this process may run on, at least 1. */
unsigned proc_cpus(void);
/* Our own oom_score_adj; 0 if it cannot be read. What we start may raise it, lowering is a privilege. */
int proc_oom_score_adj(void);
