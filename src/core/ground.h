/* core/ground.h - what every container finds something mounted on: /proc, /sys, /dev and three files of
 * /etc, empty, as a layer below those of its image.
 *
 * An image seldom has them all. What it lacks would be made at each start in the container's own layer,
 * where it costs five files and a copy of /etc, and would have to be told apart from what the container
 * has done. An image that has them, or hides them, hides these. */
#pragma once

#include "base/err.h"
#include "state/dirs.h"

/* Adds it to lower, layers from the top down; not where there are none. Made when it is missing. */
int ground_add(const struct dirs *d, char ***lower, struct err *err);
