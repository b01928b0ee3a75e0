/* core/mounts.h - what a container sees of the host's files, and its in-memory ones: Docker's Binds,
 * Mounts and Tmpfs brought to one list. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "core/config.h"

struct mount_point {
	char *type;   /* "bind", "volume" or "tmpfs" */
	char *name;   /* volume: NULL for an anonymous one that is still to be made */
	char *source; /* bind: absolute path on the host; volume: its folder, once it is made */
	char *target;
	char *subpath;     /* volume: what of it is mounted, relative; NULL: all */
	char *mode;        /* as typed after the second colon of a bind, "" otherwise */
	char *propagation; /* bind: "rprivate", … */
	char *data;        /* tmpfs: options for the kernel */
	bool read_only, recursive;
	bool top_only;    /* what is mounted below the source stays writable */
	bool make_source; /* a missing source is made, as a folder */
	bool listed;      /* shown in Mounts of inspect and list (HostConfig.Tmpfs is not) */
	bool copy;        /* a volume that is empty gets what the image has at target */
	bool anonymous;   /* the volume may go with the container */
	/* for making the volume, not recorded; NULL: none */
	json_object *options, *labels;
};

struct mount_points {
	struct mount_point *items; /* parents before what lies below them */
	size_t count;
};

void mount_points_clear(struct mount_points *m);
#define auto_mount_points __attribute__((cleanup(mount_points_clear)))

static inline bool mount_is(const struct mount_point *m, const char *type)
{
	return str_eq(m->type, type);
}

/* ERR_INVALID for what Docker would refuse. The disk is not looked at. */
int mount_points_read(const struct host_config *h, struct mount_points *ret, struct err *err);
/* An entry of VolumesFrom: "CONTAINER" or "CONTAINER:MODE". */
int volumes_from_split(
	const char *from, char **ret_container, bool *ret_read_only, struct err *err);
/* Adds what that container (its config.json) has, in place of what has come from others to the same
 * point. */
int mount_points_inherit(struct mount_points *m, json_object *doc, bool read_only, struct err *err);
/* Moves over what comes from others, except where something is mounted already. */
void mount_points_merge(struct mount_points *m, struct mount_points *inherited);
/* Adds an anonymous volume for each path of Config.Volumes where nothing is mounted yet. */
int mount_points_add_volumes(struct mount_points *all, const struct host_config *h,
	json_object *volumes, struct err *err);
/* Brings them into their order; to be called once all are there. */
void mount_points_sort(struct mount_points *m);

/* At creation: the sources that must be there already. */
int mount_points_check_sources(const struct mount_points *m, struct err *err);
/* Before a start: makes the sources that may be made, and sees whether the host's mounts can do what is
 * asked of them. */
int mount_points_make_sources(const struct mount_points *m, struct err *err);

/* What a container was given at its creation: the "MountPoints" of its config.json. */
void mount_points_record(struct jsonw *w, const struct mount_points *m);
int mount_points_load(
	json_object *doc, const struct host_config *h, struct mount_points *ret, struct err *err);
/* The Mounts list of replies, as the array's value. */
void mount_points_write(struct jsonw *w, const char *key, const struct mount_points *m);
struct mount_point *mount_points_at(const struct mount_points *m, const char *target);
void mount_point_clear(struct mount_point *m);
/* Takes *m over on success; ERR_INVALID if something is mounted there already. */
int mount_points_add(struct mount_points *all, struct mount_point *m, struct err *err);

/* "size=…", "mode=…" and what else tmpfs understands. */
bool tmpfs_data_valid(const char *word);
/* Docker's checks of what a mount point may be; what: said before the message. */
int mount_point_set_target(
	struct mount_point *m, const char *target, const char *what, struct err *err);
