/* core/core.h - the engine's objects, without HTTP. One struct core per process, opened on the first
 * request that needs the stores (a ping never does). Not thread-safe; the switchboard has one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/dirs.h"

struct unit_manager;
struct known_list;

struct core {
	struct dirs dirs;
	char *programs;             /* folder of dayfly-monitor, dayfly-stream, dayfly-worker */
	char *engine_id;            /* stable id of this user's engine, for /info */
	struct unit_manager *units; /* NULL: no user manager, or not asked for yet */
	bool units_sought;
	int userns; /* the user namespace of the containers; FD_NONE until a monitor has sent it */
	int userns_socket;        /* where it comes from */
	struct known_list *known; /* scan.c: what the last look at all containers has read */
	/* exec sessions this container may be given before they are counted again, and when at last */
	struct {
		char container[ID_SIZE];
		unsigned left;
		int64_t count_again; /* monotonic */
	} exec_room;
	bool copy;        /* this process was forked for one answer and ends with it */
	bool joined;      /* a copy that has joined the user namespace, or tried to */
	unsigned trashed; /* things put into trash/ since the last sweep was started */
};

/* Something was put into trash/: the server sweeps it when nobody waits (spawn.h: worker_sweep). */
static inline void core_trashed(struct core *c)
{
	c->trashed++;
}

int core_open(struct core **ret, struct err *err);
void core_free(struct core *c);
/* A descriptor to be held while objects of that kind are pruned: two at once would count each other's
 * work, so that the second is a conflict, as in Docker. */
int core_lock_prune(struct core *c, const char *kind, struct err *err);
