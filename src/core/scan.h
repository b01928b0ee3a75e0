/* core/scan.h - a quick look at all containers, for lists and counts: the folders are opened once, and
 * what cannot be there is not looked for.
 *
 * A client that shows containers asks every second or two. So the summaries stay in memory until the next
 * look; each counts as long as its container's folder has the same modification time, one fstatat in
 * place of six calls. The time tells nothing if it was too fresh when the folder was read: the clock that
 * stamps files ticks every 1 to 10 ms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/core.h"
#include "core/records.h"
#include "state/status.h"

struct id_list {
	char (*ids)[ID_SIZE];
	size_t count;
};

/* One container's folder in the data tree as it was read. */
struct known {
	char id[ID_SIZE];
	int64_t changed; /* its modification time, ns */
	bool settled;    /* changed was old enough then: an equal one means an equal folder */
	bool stateless;  /* there is no durable status */
	struct summary summary;
};

struct known_list {
	struct known *items; /* sorted by id */
	size_t count;
};

struct scan {
	struct core *c;
	struct known_list *known;    /* read by this scan; becomes core's */
	int data, run;               /* the containers' folders in both trees */
	struct id_list all, run_ids; /* sorted; run_ids: those with a run folder */
	size_t next;
	char boot_id[40];
};

int scan_open(struct core *c, struct scan *ret, struct err *err);
void scan_close(struct scan *s);
#define auto_scan __attribute__((cleanup(scan_close)))

/* The containers in turn; false when there are no more. The entry is the scan's, its status settled; when
 * the monitor died, recovery is started. Folders that are no containers (any more) are left out, half-made
 * ones swept away. */
bool scan_next(struct scan *s, const struct known **ret, struct status *ret_status);
void known_list_free(struct known_list *l);
