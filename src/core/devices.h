/* core/devices.h - HostConfig.Devices: nodes of the host shown in the container. Nobody may make nodes
 * in a user namespace, so the host's own are bound, and what the user may not open outside, the
 * container may not open either. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"

/* At creation: forms and defaults. Warns where the access is a group's that the container will not be
 * in. */
int devices_settle(struct host_config *h, char ***w, struct err *err);
/* Before a start, in Docker's words: each is there and is a device, or a folder of such. */
int devices_check(const struct host_config *h, struct err *err);
/* One bind in the plan for each. */
void devices_compile(struct buf *plan, const struct host_config *h);
