/* core/delegation.h - what containers' cgroups can do here: which controllers systemd delegated to this
 * user's manager, below which every container gets its scope (runtime/cgroup.h). */
#pragma once

#include <stdbool.h>

#include "base/jsonw.h"

enum controller { CTL_CPU, CTL_CPUSET, CTL_IO, CTL_MEMORY, CTL_PIDS, CTL_COUNT };

enum cgroup_maker {
	CGROUP_BY_NOBODY,  /* containers have no cgroup of their own */
	CGROUP_BY_SYSTEMD, /* a scope each */
	CGROUP_BY_US,      /* below the engine's own group, which is writable */
};

struct delegation {
	enum cgroup_maker maker;
	bool has[CTL_COUNT];
	bool swap;   /* memory.swap.max: the kernel counts swap */
	bool weight; /* io.weight or io.bfq.weight: the kernel has a scheduler for it */
};

/* The drop-in that delegates all of them, as one sentence for people. */
extern const char delegation_remedy[];

void delegation_read(struct delegation *ret);
const char *controller_name(enum controller c);
/* Why containers cannot have this, without a full stop: "…has no memory controller". */
const char *delegation_lack(const struct delegation *d, enum controller c);

/* Of GET /info: what limits there are, and CgroupDriver and CgroupVersion. */
void delegation_print(struct jsonw *w, const struct delegation *d);
/* Elements of its Warnings. */
void delegation_warn(struct jsonw *w, const struct delegation *d);
