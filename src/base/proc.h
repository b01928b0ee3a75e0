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
