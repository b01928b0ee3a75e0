/* monitor/attach.h - POST /containers/ID/attach and the container's terminal size. */
#pragma once

#include "state/wire.h"

struct monitor;

void attach_request(struct monitor *m, struct wire_msg *msg);
void attach_resize(struct monitor *m, struct wire_msg *msg);
/* Height and width of a message; false if they are missing or senseless. */
bool wire_size(const struct wire_msg *msg, unsigned short *height, unsigned short *width);
