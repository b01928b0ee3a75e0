/* core/info.h - what the engine tells about itself and its machine. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"

/* Appends the document of GET /info. Reads small files and counts objects; opens no network
 * connection and no image. */
int engine_info(struct core *c, struct buf *out, struct err *err);
