/* core/propagation.h - whether the host's mounts can do what a bind's propagation asks for. */
#pragma once

#include "core/mounts.h"

/* slave: what the host mounts later shows in the container, if the source lies on a shared mount. shared:
 * the other way round as well, which no container of a user namespace can have. ERR_INVALID in Docker's
 * words. */
int propagation_check(const struct mount_points *m, struct err *err);
