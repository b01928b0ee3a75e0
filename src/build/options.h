/* build/options.h - what POST /build asked for, as words of the worker's command line. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "worker/work.h"

struct options {
	const char *dockerfile; /* path in the context */
	const char *target, *platform, *network;
	const char *remote; /* URL instead of a body, "": the body */
	bool quiet, no_cache, pull;
	bool keep;    /* the containers of steps stay: --rm=false without --force-rm */
	char **names; /* full references for the image */
	char **shown; /* the same as people type them */
	json_object *build_args, *labels; /* maps; NULL: none */
	char *host_config;                /* members of the steps' HostConfig, JSON */
	bool has_epoch;                   /* SOURCE_DATE_EPOCH among the build arguments: */
	int64_t epoch;                    /* ns since 1970 */
};

/* Everything that can be wrong with the request itself is found here. build_args: JSON, or "". */
int options_read(
	const struct work *w, const char *build_args, struct options *ret, struct err *err);
void options_clear(struct options *o);

/* The value of --build-arg, or NULL. A df_lookup; arg is the struct options. */
const char *options_build_arg(void *arg, const char *name, size_t len);
