/* worker/changes.h - what instructions of a Dockerfile change in an image's configuration: those of a build,
 * and those that import and commit take as --change. */
#pragma once

#include <json-c/json_object.h>

#include "base/err.h"
#include "dockerfile/dockerfile.h"
#include "worker/work.h"

/* Applies one instruction, expanded, to config, the "config" member of an image's document: CMD,
 * ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR. Of
 * another kind it changes nothing. ERR_INVALID names what is wrong. */
int change_apply(json_object *config, const struct df_instruction *in, struct err *err);

/* Applies the instructions of a --change; variables come from config's Env. SHELL is none of them. */
int change_parse(json_object *config, const char *text, struct err *err);
/* The same for every "changes=" among the job's words. */
int changes_read(const struct work *w, json_object *config, struct err *err);

/* The command line of CMD, ENTRYPOINT or RUN: the words as they are, or the line given to config's Shell
 * (else /bin/sh -c). Owned. */
char **change_command(json_object *config, const struct df_instruction *in);
