/* state/restart.h - restart policies: when a container that has ended runs again.
 *
 * Its monitor starts it again after a pause; the container is RUN_RESTARTING meanwhile. When the monitor
 * itself was killed, or the machine went down, the next look at the container finds out and has a new
 * monitor do it: the switchboard asks the same questions here and sends it "again" (state/wire.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "state/plan.h"
#include "state/status.h"

enum restart_kind {
	RESTART_NO,
	RESTART_ALWAYS,
	RESTART_UNLESS_STOPPED,
	RESTART_ON_FAILURE,
	RESTART_KIND_COUNT,
};

struct restart_rule {
	enum restart_kind kind;
	unsigned max; /* RESTART_ON_FAILURE: restarts in a row, 0: any number */
	bool unwell; /* a run is ended when its health check calls it unhealthy, and counts as failed */
};

/* Docker's words: "no", "always", "unless-stopped", "on-failure". -EINVAL for others. */
int restart_kind_parse(const char *word, enum restart_kind *ret);
const char *restart_kind_name(enum restart_kind kind);

/* As items of a container's plan, and back; none is RESTART_NO. */
void restart_rule_write(struct buf *plan, const struct restart_rule *rule);
struct restart_rule restart_rule_read(const struct plan *plan);

/* st is how a run ended, just now or under a monitor that was killed; failed: it counts as a failure
 * whatever its exit code. */
bool restart_after_end(const struct restart_rule *rule, const struct status *st, bool failed);
/* st is of an earlier boot or login. Somebody who stopped a container that runs "always" finds it running
 * again, as in Docker; that is how unless-stopped differs. */
bool restart_after_boot(const struct restart_rule *rule, const struct status *st);

/* The pause before the next start, ns: before is the last one (0: none yet), ran how long the program ran. */
int64_t restart_pause(int64_t before, int64_t ran);
