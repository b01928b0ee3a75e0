/* core/restarts.h - restart policies where no monitor is left to follow them: the rule is state/restart.h's,
 * and what follows it is a new monitor's.
 *
 * A monitor that was killed is found by whoever looks at its container next. After a boot or a login nobody
 * may look: then `dayfly --restart` does, which systemd runs (dayfly-restart.service); else a copy of the first
 * request's process, once in the life of a run tree. The tree has a file `restarted` from then on. */
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
int restarts_run(struct core *c, struct err *err);
/* `dayfly --restart`: whoever calls it knows of a boot or a login. A run tree tells of one only if it went
 * with the last: with `systemctl restart user@1000`, for one, all monitors end and the tree stays. */
int restarts_anew(struct core *c, struct err *err);
