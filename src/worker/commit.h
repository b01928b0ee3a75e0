/* worker/commit.h - the configuration of an image made from a container. */
#pragma once

#include <json-c/json_object.h>

#include "base/err.h"

/* What the request's body may say of it: members with the types Docker has (a command may be a word,
 * and becomes a list). ERR_INVALID names one. */
int commit_config_check(json_object *config, struct err *err);
/* Completes config by what the container was run with, by Docker's rules, and takes out of it what
 * images do not say. */
void commit_config_merge(json_object *config, json_object *container);
