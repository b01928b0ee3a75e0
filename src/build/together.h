/* build/together.h - stages that do not need each other are built at the same time, a process each. */
#pragma once

#include "build/build.h"

#define STAGES_AT_ONCE 4

/* All stages of b->order. The client hears them one after the other in that order, as if they were built so:
 * what a stage says before its turn waits in memory. The first failure ends the others. The caller has one
 * thread, and has started no monitor. */
int build_together(struct build *b, struct err *err);
