/* monitor/control.h - the messages of state/wire.h, taken off the control socket. */
#pragma once

#include <stdbool.h>

struct monitor;

/* Watches the socket (taken over). */
int control_open(struct monitor *m, int take_sock);
void control_close(struct monitor *m);
/* No more messages come in after this; those queued are handled. Then true if the monitor may end;
 * false if one of them needs it alive: a new socket is listening. */
bool control_finish(struct monitor *m);
/* Handles what waited for the end of a run. */
void control_release(struct monitor *m);
