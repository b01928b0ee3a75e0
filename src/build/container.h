/* build/container.h - one container of a step, from creation to its end. It is driven as by any client:
 * its monitor answers attach, wait and start on connections of ours. */
#pragma once

#include "base/err.h"
#include "build/build.h"

struct step_container {
	const char *body;       /* of the create request */
	const struct draft *on; /* whose layers it runs on */
	const char *upper;      /* where its changes go */
};

/* Creates it, tells the client its id, runs it, tells what it says. The exit code, or why it could not
 * be run. A client that goes away ends it: -ECANCELED. Afterwards it is removed, unless containers are
 * to be kept. */
int container_run(struct build *b, const struct step_container *c, char ret_id[ID_SIZE],
	int *ret_code, struct err *err);
