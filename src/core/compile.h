/* core/compile.h - a container's configuration compiled to the monitor's plan (state/plan.h), in parts
 * that need no disk. container_compile() of containers.h puts them together. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/containers.h"
#include "core/mounts.h"
#include "core/security.h"

struct compile_paths {
	const char *folder;  /* data/containers/ID, absolute */
	char *const *lower;  /* layers, top first, absolute */
	const char *seccomp; /* file with a custom profile, or NULL */
	/* Of containers whose namespaces are joined: run folders, and the folder that holds the etc/ files
	 * of the network's owner. NULL where there is no such container. */
	const char *net, *pid, *ipc, *net_etc;
};

int compile_plan(const struct container *ct, const struct compile_paths *paths, struct buf *plan,
	struct err *err);

/* The environment of the container's processes: Docker's own variables, then what was configured.
 * Owned. */
char **compile_env(const struct container_config *c, char *const *more, bool tty);

/* Parts that an exec session's plan shares with its container's. */
int compile_configs(const struct container *ct, struct container_config *c, struct host_config *h,
	struct err *err);
void compile_security(struct buf *plan, const struct host_config *h, bool privileged,
	const char *profile_path, const struct security *s);
void compile_rlimits(struct buf *plan, const struct host_config *h);
void compile_identity(struct buf *plan, const struct container *ct);
/* A further process of a container: an exec session, a health check's probe. */
struct process_spec {
	char *const *cmd, *const *env;  /* env: added to the container's */
	const char *user, *working_dir; /* NULL or "": the container's */
	bool privileged, tty;
};
void compile_process(struct buf *plan, const struct process_spec *p,
	const struct container_config *c, const struct host_config *h, const char *profile,
	const struct security *security);

/* ---- compile_etc.c: what the container finds below etc/ */
void etc_hosts_write(struct buf *out, const struct container_config *c, const struct host_config *h,
	const char *host_file);
/* host_file: the text of the host's resolv.conf, "" if it has none. */
void etc_resolv_write(struct buf *out, const struct host_config *h, const char *host_file);
int etc_files_write(
	int dir, const struct container_config *c, const struct host_config *h, struct err *err);
