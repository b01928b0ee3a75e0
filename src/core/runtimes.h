/* core/runtimes.h - what containers can be run by: our own steps, or an OCI runtime that is installed on the host
 * (runtime/bundle.h). */
#pragma once

#include "base/err.h"
#include "base/jsonw.h"
#include "core/config.h"
#include "core/mounts.h"

#define RUNTIME_BUILT_IN "dayfly"

/* At creation, when the modes are settled: the name is known, what it stands for is installed and can do what the
 * rest asks for. Docker's own name for runc means the built-in one where there is no runc, with a warning. */
int runtime_settle(struct host_config *h, char ***w, struct err *err);
/* The same for what is to be mounted. */
int runtime_check_mounts(
	const struct host_config *h, const struct mount_points *mounts, struct err *err);
/* Before a start; nothing is added for the built-in one. */
int runtime_compile(struct buf *plan, const struct host_config *h, struct err *err);
/* Members of /info. */
void runtimes_print(struct jsonw *w);
