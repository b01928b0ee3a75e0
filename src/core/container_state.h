/* core/container_state.h - what core's files on containers share: their ids, status, events. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "core/containers.h"
#include "core/core.h"
#include "state/status.h"

/* Every folder's id, complete containers or not; NULL-ended, owned. */
char **container_ids(struct core *c);
/* Removes a folder that is no container: its creation was cut short, or a power cut took its record.
 * Only if the lock is free. */
void container_sweep(struct core *c, const char *id);
/* For a status that status_settle() or status_lost() found to need it: has the monitor's recovery
 * settle it. Does not wait for that. */
void container_recover(struct core *c, const char *id);
/* An auto-remove container whose removal is only a matter of time: its monitor died or its boot is
 * over. If so, recovery is started. */
bool container_is_going(struct core *c, const char *id);

/* The latest record, not settled. 0 or -errno. */
int container_status(struct core *c, const char *id, struct status *ret);
/* Whether a monitor holds run/containers/ID/lock. */
bool container_monitor_lives(struct core *c, const char *id);
/* The lock of a container's monitor, so that none starts meanwhile; -EWOULDBLOCK: one lives. */
int container_monitor_lock(struct core *c, const char *id);

/* JSON members for Actor.Attributes of every event: labels, image, name. */
void container_attrs(struct buf *out, const struct container *ct);
/* The words by which a worker knows a container: id= attrs= from=. */
void container_words(char ***argv, const struct container *ct);
/* more: members after attrs, or NULL. An event that cannot be written is lost, not fatal. */
void container_event(
	struct core *c, const struct container *ct, const char *action, const char *more);

/* "Up 3 minutes", "Exited (0) 2 hours ago", as `docker ps` shows it at the time now. */
void status_text(struct buf *out, const struct status *st, int64_t now);
/* "About a minute", … */
void duration_text(struct buf *out, int64_t seconds);

/* HostConfig.LogConfig.Type */
const char *container_log_driver(const struct container *ct);

/* Bytes the files below data/containers/ID/upper take. A copy (core.h) joins the user namespace for this. */
int64_t container_size_rw(struct core *c, const char *id);
/* The same with the image's layers. */
int64_t container_size_root(struct core *c, const struct container *ct, int64_t rw);
