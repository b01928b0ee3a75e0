/* core/restarts.h - restart policies where no monitor is left to follow them: the rule is state/restart.h's,
 * and what follows it is a new monitor's.
 *
 * A monitor that was killed is found by whoever looks at its container next. After a boot or a login nobody
 * may look: then `dayfly --restart` does, once in the life of a run tree, which has a file `restarted` from
 * then on. systemd runs it (dayfly-restart.service); else a copy of the first request's process does so. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "core/config.h"
#include "core/core.h"
#include "state/restart.h"

struct container;

#define LABEL_RESTART_UNHEALTHY "dayfly.restart.unhealthy"

struct restart_rule container_restart_rule(const struct container *ct);
/* Checks the label, and says where it has no effect. */
int restart_label_check(
	const struct container_config *c, const struct host_config *h, char ***w, struct err *err);
int restart_policy_check(struct restart_policy *p, struct err *err); /* "" is settled to "no" */

/* ct's record is stale. Whether it comes again; a monitor that sees to it is on its way then. */
bool container_comes_again(struct core *c, const struct container *ct);

/* Nobody has seen to them in this run tree yet. */
bool restarts_are_due(struct core *c);
/* `dayfly --restart`. */
int restarts_run(struct core *c, struct err *err);
