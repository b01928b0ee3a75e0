/* monitor/recover.h - a container whose monitor died before it: the kernel killed its processes with
 * it (PR_SET_PDEATHSIG), and what is left is to say so. */
#pragma once

struct monitor;

/* Completes what the dead monitor left undone. Harmless when there is nothing. */
void recover(struct monitor *m);
