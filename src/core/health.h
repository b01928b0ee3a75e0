/* core/health.h - Docker's Healthcheck: what requests and images say, and the probe's plan. What runs it
 * is the container's monitor (state/health.h).
 *
 * The label dayfly.health.events=false keeps the exec events of its probes out of the journal. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "state/health.h"

#define LABEL_HEALTH_EVENTS "dayfly.health.events"

struct container;

struct healthcheck {
	char **test;
	int64_t interval, timeout, start_period, start_interval,
		retries; /* ns; 0: Docker's default */
};

void healthcheck_clear(struct healthcheck *h);
#define auto_healthcheck __attribute__((cleanup(healthcheck_clear)))

/* o may be NULL: no check. ERR_INVALID for wrong types and for what Docker refuses. */
int healthcheck_read(json_object *o, struct healthcheck *ret, struct err *err);
/* Completes the request's by the image's; *mine may be NULL, and stays so if there is nothing. */
void healthcheck_merge(json_object **mine, json_object *image);
/* Whether a container with it is checked at all; *unknown (may be NULL) is a first word of Test that says
 * nothing. */
bool healthcheck_runs(const struct healthcheck *h, const char **unknown);
/* The label's value, or missing; ERR_INVALID for anything but "true" and "false". */
int label_bool(char *const *labels, const char *label, bool missing, bool *ret, struct err *err);

/* The probe's plan, or nothing if there is no check. profile: as in compile_security(). */
int healthcheck_compile(const struct container *ct, const struct container_config *c,
	const struct host_config *h, const char *profile, struct buf *plan, struct err *err);

/* State.Health, from the status and the log in the run folder (FD_NONE: there is none). */
void health_write(struct jsonw *w, const struct status *st, int run_dir);
