/* core/scan.h - a quick look at all containers, for lists and counts: the folders are opened once, and
 * what cannot be there is not looked for. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "core/core.h"
#include "core/records.h"
#include "state/status.h"

struct id_list {
	char (*ids)[ID_SIZE];
	size_t count;
};

struct scan {
	struct core *c;
	int data, run;               /* the containers' folders in both trees */
	struct id_list all, run_ids; /* run_ids: those with a run folder, sorted */
	char boot_id[40];
};

int scan_open(struct core *c, struct scan *ret, struct err *err);
void scan_close(struct scan *s);
#define auto_scan __attribute__((cleanup(scan_close)))

/* -ENOENT: no container after all. A half-made folder is swept away. */
int scan_summary(const struct scan *s, const char *id, struct summary *ret);
/* Settled; when its monitor died, recovery is started. -ENOENT: its boot is over, and it goes with it. */
int scan_status(
	const struct scan *s, const char *id, const struct summary *summary, struct status *ret);
