/* core/log_config.h - HostConfig.LogConfig: which log drivers there are, what their options may be, and
 * what comes of them in the plan. */
#pragma once

#include "base/buf.h"
#include "core/config.h"
#include "core/containers.h"

/* Fills in what was not said and checks all of it. ERR_INVALID in Docker's words; ERR_UNSUPPORTED by name
 * for what Docker has and dayfly has not. */
int log_config_settle(struct log_config *l, struct err *err);
/* The plan's log, log-opt and log-field. */
int log_config_compile(struct buf *plan, const struct container *ct,
	const struct container_config *c, const struct log_config *l, struct err *err);
