/* base/proc.h - remembering a process across time: pid and start time, pidfds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat, clock ticks since boot; 0 if there is no such process. */
uint64_t proc_start_time(pid_t pid);
/* Whether pid is alive (not a zombie) and is the process that had this start time. */
bool proc_alive(pid_t pid, uint64_t start);
/* pidfd_open(2); -errno on failure. */
int proc_pidfd(pid_t pid);
int proc_pidfd_kill(int pidfd, int sig);

/* Our own oom_score_adj; 0 if it cannot be read. What we start may raise it, lowering is a privilege. */
int proc_oom_score_adj(void);
