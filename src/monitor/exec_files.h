/* monitor/exec_files.h - what lies in an exec session's folder besides plan and status: "size", the
 * terminal size a client asked for before the start, as a plan of its own. */
#pragma once

#include "state/plan.h"
#include "state/wire.h"

struct monitor;

void exec_size_keep(struct monitor *m, const char *id, unsigned short height, unsigned short width);
/* The newest of what the start's message, an early resize and the plan say; 0 if none does. */
void exec_size(int dir, const struct wire_msg *msg, const struct plan *plan, unsigned short *height,
	unsigned short *width);
