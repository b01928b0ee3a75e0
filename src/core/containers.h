/* core/containers.h - every container this user has, running or not.
 *
 * data/containers/ID/config.json is the truth about how a container was created (state/dirs.h); the
 * folder counts as a container once that file is complete. Its monitor owns everything that happens
 * while it lives (status, log, exit record); nothing here talks to a monitor to answer a read.
 *
 * Names: data/names/NAME is a symbolic link to the ID. Creating, renaming and removing hold
 * dirs_lock(). */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"
#include "state/status.h"

struct image;

/* What identifies a container, resolved from what the user typed. */
struct container {
	char id[ID_SIZE];
	char *name;                        /* without slash */
	char *image;                       /* as typed at creation */
	char *image_id;                    /* sha256:… */
	char **diff_ids;                   /* of the image at creation, bottom first */
	json_object *doc;                  /* config.json as a whole */
	json_object *config, *host_config; /* borrowed from doc */
	struct status status;              /* settled (status_settle exact) when loaded */
	bool stale;                        /* the monitor died: container_recover() is due */
};

void container_free(struct container *c);
static inline void container_free_ptr(struct container **c)
{
	container_free(*c);
}
#define auto_container __attribute__((cleanup(container_free_ptr)))

/* Full id, else exact name (leading "/" optional), else unique id prefix. ERR_NOT_FOUND "No such
 * container: x"; ERR_INVALID "multiple IDs found with provided prefix: x". Only the id. */
int container_resolve(struct core *c, const char *what, char ret[ID_SIZE], struct err *err);
/* The same, loaded. */
int container_find(struct core *c, const char *what, struct container **ret, struct err *err);

/* body: the create request. name may be NULL (one is made up). Appends {"Id":…,"Warnings":[…]}: the answer,
 * unless *ret_unfilled becomes a container. That one's volumes are first to be filled by a worker, which then
 * gives this answer. */
int container_create(struct core *c, const char *body, const char *name, const char *platform,
	unsigned api_minor, struct buf *out, struct container **ret_unfilled, struct err *err);
/* The same on something that need not be in the store's index: a step of a build. */
struct container_base {
	const struct image *image; /* id, diff_ids, config (may be NULL) and platform count */
	/* Absolute path of an empty folder that takes the container's changes and outlives it; its name
	 * in the container's folder is then a symbolic link. NULL: the container's own. */
	const char *upper;
};
int container_create_on(struct core *c, const char *body, const struct container_base *base,
	char ret_id[ID_SIZE], char ***ret_warnings, struct err *err);
/* Whether such a request could be honoured, before there is an image. */
int container_create_check(const char *body, struct err *err);
int container_list(struct core *c, const struct filters *f, bool all, int limit, bool size,
	struct buf *out, struct err *err);
int container_inspect(
	struct core *c, const char *what, bool size, struct buf *out, struct err *err);
int container_rename(struct core *c, const char *what, const char *name, struct err *err);
/* body: limits and restart policy to be changed. Appends {"Warnings":[…]}, to be answered once the monitor,
 * if one lives, was told "update"; *ret is the container as it is now. */
int container_update(struct core *c, const char *what, const char *body, struct buf *out,
	struct container **ret, struct err *err);
/* A container without a live monitor; with one, the handler sends the monitor "remove". */
int container_remove_stopped(struct core *c, struct container *ct, bool volumes, struct err *err);
int container_prune(struct core *c, const struct filters *f, struct buf *out, struct err *err);

/* compile.c: writes run/containers/ID/plan and the files it mounts (hosts, resolv.conf, hostname). 1:
 * err is why it cannot be started, and the plan says so to the monitor, which keeps the record. */
int container_compile(struct core *c, const struct container *ct, struct err *err);
/* compile.c: sees that there is a plan from which a monitor knows at least whose events it writes and
 * whether the container removes itself. After a reboot none is left. */
int container_identify(struct core *c, const struct container *ct, struct err *err);

/* For images (conflicts, garbage) and /info: every container in turn; stop by returning non-zero,
 * which is returned. */
typedef int container_fn(void *arg, const struct container *ct);
int container_foreach(struct core *c, container_fn *fn, void *arg, struct err *err);
struct container_counts {
	unsigned total, running, paused, stopped;
};
int container_count(struct core *c, struct container_counts *ret, struct err *err);
