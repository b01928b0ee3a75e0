/* monitor/update.h - limits that change while the container runs. */
#pragma once

#include "state/wire.h"

struct monitor;

void update_request(struct monitor *m, struct wire_msg *msg);
