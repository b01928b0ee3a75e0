/* api/activation.h - the few lines of systemd's socket activation and readiness protocols that the
 * switchboard needs; why not libsystemd: docs/decisions/010-cold-start.md. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* The sockets this process was started with, 3 … 3 + count - 1, now O_CLOEXEC. Unsets the variables,
 * so that no child takes them for its own. Returns the count, 0 without activation. */
int activation_sockets(struct err *err);
/* Tells the service manager ("READY=1"). Nobody listening is fine, failures too: it is advice. */
void activation_notify(const char *state);
