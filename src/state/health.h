/* state/health.h - health checks: what the switchboard, which compiles and shows them, and the monitor,
 * which runs them, both know.
 *
 *   run/containers/ID/health-plan   the probe: the plan of an exec session, with the check's numbers. Core
 *                                   writes it beside the container's plan; none: no check
 *   run/containers/ID/health        the last HEALTH_RESULTS results, written by the monitor after each
 *                                   probe and replaced as a whole. Gone after a reboot
 * What the results come to, status and streak, is in the status record, where a list finds it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "state/plan.h"
#include "state/status.h"

#define HEALTH_RESULTS    5    /* as Docker */
#define HEALTH_OUTPUT     4096 /* bytes kept of a probe's output; Docker marks what was cut by "..." */
#define HEALTH_OUTPUT_MAX (HEALTH_OUTPUT + 128) /* with the words that are put around it */

/* Docker's defaults, ns */
#define HEALTH_INTERVAL       INT64_C(30000000000)
#define HEALTH_TIMEOUT        INT64_C(30000000000)
#define HEALTH_START_INTERVAL INT64_C(5000000000)
#define HEALTH_RETRIES        3
#define HEALTH_SHORTEST       INT64_C(1000000)

/* Docker's Healthcheck without its command, defaults filled in. Durations are ns. */
struct health_check {
	int64_t interval, timeout, start_period, start_interval;
	unsigned retries;
};

/* The numbers as items of the probe's plan, and back. -EBADMSG: they are not there. */
void health_check_write(struct buf *plan, const struct health_check *c);
int health_check_read(const struct plan *plan, struct health_check *ret);

/* How long to wait for the next probe, up ns after the run's start. */
int64_t health_pause(const struct health_check *c, enum health_state now, int64_t up);
/* A probe that began up ns after the start has ended: changes health and failing_streak. */
void health_judge(const struct health_check *c, struct status *st, int exit_code, int64_t up);

#define HEALTH_PROBE_FAILED                                                                        \
	(-1) /* Docker's exit code of a probe that took too long or did not start */

struct health_result {
	int64_t start, end; /* ns since 1970 */
	int exit_code;
	const char *output; /* any bytes, at most HEALTH_OUTPUT_MAX */
	size_t len;
};

/* The results, oldest first. They point into text. */
struct health_log {
	char *text;
	struct health_result items[HEALTH_RESULTS];
	size_t count;
};

/* A missing file is an empty log. -EBADMSG: not one of ours. */
int health_log_read(int run_dir, struct health_log *ret);
int health_log_parse(char *take_text, size_t len, struct health_log *ret);
void health_log_print(struct buf *out, const struct health_log *log);
/* Adds one at the end; the oldest goes if there is no room. */
int health_log_add(int run_dir, const struct health_result *result);
void health_log_clear(struct health_log *log);
#define auto_health_log __attribute__((cleanup(health_log_clear)))
