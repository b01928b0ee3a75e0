/* worker/changes.h - Dockerfile instructions that change an image's configuration, as `docker import
 * --change` takes them. */
#pragma once

#include <json-c/json_object.h>

#include "base/err.h"

/* Applies one instruction (CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER,
 * VOLUME, WORKDIR) to config, the "config" member of an image's document. An empty line and a comment
 * change nothing. ERR_INVALID names what is wrong. */
int change_apply(json_object *config, const char *instruction, struct err *err);
