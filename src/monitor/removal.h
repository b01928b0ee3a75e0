/* monitor/removal.h - taking the container off the disk: asked for, or at the end of its run. */
#pragma once

#include "base/err.h"

struct monitor;

/* Answers everybody who waits for it. */
int removal(struct monitor *m, struct err *err);
