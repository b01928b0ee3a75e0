/* core/signals.h - signals as people write them. */
#pragma once

#include "base/err.h"

/* "9", "KILL", "SIGKILL", "RTMIN+3", in any case. ERR_INVALID "invalid signal: x". */
int signal_parse(const char *text, int *ret, struct err *err);
