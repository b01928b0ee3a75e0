/* core/disk_usage.h - what uses how much of the disk. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"

/* types: Docker's names of what to look at (container, image, volume, build-cache), NULL-ended; NULL:
 * all. ERR_INVALID for another one. Takes long: every container's files are looked at. */
int disk_usage_check(char *const *types, struct err *err);
int disk_usage(
	struct core *c, char *const *types, unsigned api_minor, struct buf *out, struct err *err);
