/* core/detach_keys.h - the key sequence that lets go of a terminal. */
#pragma once

#include "base/err.h"

/* A comma list of single characters and ctrl-X; "" is the default sequence. ERR_INVALID otherwise. */
int detach_keys_check(const char *keys, struct err *err);
