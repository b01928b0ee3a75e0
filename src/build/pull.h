/* build/pull.h - images that FROM and --from need and the store does not have, or not of today (--pull). */
#pragma once

#include "base/err.h"
#include "build/build.h"
#include "oci/reference.h"

/* Pulls it, telling the client as `docker pull` does. Errors are the registry's. */
int build_pull(struct build *b, const struct image_ref *ref, const char *platform, struct err *err);
