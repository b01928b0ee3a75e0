/* monitor/removal.h - taking the container off the disk: asked for, or at the end of its run. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "state/wire.h"

struct monitor;

/* Answers everybody who waits for it. */
int removal(struct monitor *m, struct err *err);
/* What is up goes by force only: without it the message is answered, and this is true. state is Docker's word
 * for what it is. */
bool removal_refused(const struct monitor *m, struct wire_msg *msg, const char *state);
