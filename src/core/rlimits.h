/* core/rlimits.h - Docker's Ulimits. */
#pragma once

#include "base/err.h"
#include "json/field.h"

/* A list of struct ulimit: known names, soft not above hard, -1 for unlimited. */
int rlimits_check(const struct jlist *ulimits, struct err *err);
