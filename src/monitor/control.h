/* monitor/control.h - the messages of state/wire.h, taken off the control socket. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct monitor;

/* Watches the socket (taken over). */
int control_open(struct monitor *m, int take_sock);
void control_close(struct monitor *m);
/* No more messages come in after this; those queued are handled. Then true if the monitor may end;
 * false if one of them needs it alive: a new socket is listening. */
bool control_finish(struct monitor *m);
/* Handles what was held (control_hold). */
void control_release(struct monitor *m);
/* Answers it with an error instead. */
void control_refuse(struct monitor *m, const struct err *err);
