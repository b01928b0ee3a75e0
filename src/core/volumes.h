/* core/volumes.h - the volumes of this user: folders that outlive containers and are shared by them.
 * state/volumes.h has what lies on disk and how it is told who uses a volume. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"
#include "core/mounts.h"
#include "core/volume_options.h"

#define VOLUME_DRIVER          "local"
#define VOLUME_ANONYMOUS_LABEL "com.docker.volume.anonymous"

extern const char *const volume_list_filters[], *const volume_prune_filters[];

/* What a volume is, as volume.json has it. */
struct volume {
	char *name, *driver, *created;
	json_object *labels, *options; /* of strings; NULL if none were given */
};

void volume_clear(struct volume *v);
#define auto_volume __attribute__((cleanup(volume_clear)))

/* body: the create request. Appends the volume; one that is there already is as good as a new one. */
int volume_create(struct core *c, const char *body, struct buf *out, struct err *err);
int volume_inspect(struct core *c, const char *name, struct buf *out, struct err *err);
int volume_list(struct core *c, const struct filters *f, struct buf *out, struct err *err);
/* force: one that is not there is as good as removed. */
int volume_remove(struct core *c, const char *name, bool force, struct err *err);
/* Volumes nobody uses; the first takes anonymous ones only unless the filter "all" is set. For a copy
 * (core.h). */
int volume_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err);
int volume_prune_all(struct core *c, const struct filters *f, struct buf *out, struct err *err);
/* The array of system/df: with sizes and numbers of users. For a copy. */
void volume_usage(struct core *c, struct jsonw *w, const char *key);

/* ---- for containers */

/* Sees that every volume of the mount points is there, making those that are missing (anonymous ones get
 * their names), and sets each point's source. The caller holds dirs_lock(). made (owned) gets the names
 * of the new ones, on failure too. durable: for a container that outlives its boot. */
int volumes_ensure(
	struct core *c, struct mount_points *m, bool durable, char ***made, struct err *err);
/* Before a start of the container id: turns each volume into what its options say is mounted. ERR_CONFLICT
 * for one in memory that another container has: it cannot be shared. */
int volumes_resolve(struct core *c, const char *id, struct mount_points *m, struct err *err);
