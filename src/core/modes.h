/* core/modes.h - whose namespaces a container lives in: NetworkMode, PidMode, IpcMode, UTSMode,
 * CgroupnsMode and UsernsMode. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/config.h"

struct core;
struct container;

/* The container a mode "container:X" speaks of, or NULL. */
const char *mode_container(const char *mode);

/* At creation: what is known and possible, Docker's defaults and conflicts. shareable_ipc: what an old
 * API means by an empty IpcMode. */
int modes_settle(struct host_config *h, const struct container_config *c, bool shareable_ipc,
	char ***w, struct err *err);
/* At creation: names of containers become ids, so that a rename changes nothing. Who is not there is
 * left as typed, and a start will say so. */
void modes_name_by_id(struct core *c, struct host_config *h);

/* "keep-id": this user has the same ids in the container as outside, or those given in
 * "keep-id:uid=N,gid=N". LABEL_USERNS asks for it where a client checks UsernsMode by itself, as
 * Docker's does. 1 if mode says so, 0 if not, or an error. */
#define LABEL_USERNS "dayfly.userns"
int keep_id_read(const char *mode, uid_t *uid, gid_t *gid, struct err *err);

/* Before a start: the containers whose namespaces are to be joined, all running. */
struct joins {
	char *net, *pid, *ipc;   /* run folders, or NULL */
	struct container *names; /* whose network it is: host name and etc/ files are its */
};
int joins_find(struct core *c, const char *id, const struct host_config *h, struct joins *ret,
	struct err *err);
void joins_clear(struct joins *j);
#define auto_joins __attribute__((cleanup(joins_clear)))
