/* core/volume_fill.h - whether a new container's volumes are to get files of its image (worker/fill.c). */
#pragma once

#include <stdbool.h>

#include "core/core.h"
#include "core/mounts.h"

/* A volume of the mount points may be empty while the image may have something at its place. In doubt
 * true: not all of it can be read from outside the user namespace, and links are not followed here. */
bool volumes_want_filling(struct core *c, const struct mount_points *m, char *const *diff_ids);
