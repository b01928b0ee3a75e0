/* core/mounts.h - what a container sees of the host's files, and its in-memory ones: Docker's Binds,
 * Mounts and Tmpfs brought to one list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "core/config.h"

enum mount_kind { MOUNT_BIND, MOUNT_TMPFS };

struct mount_point {
	enum mount_kind kind;
	char *source; /* bind: absolute path on the host */
	char *target;
	char *mode;        /* as typed after the second colon of a bind, "" otherwise */
	char *propagation; /* "rprivate", … */
	char *data;        /* tmpfs: options for the kernel */
	bool read_only, recursive;
	bool make_source; /* a missing source is made, as a folder */
	bool listed;      /* shown in Mounts of inspect and list (HostConfig.Tmpfs is not) */
};

struct mount_points {
	struct mount_point *items; /* parents before what lies below them */
	size_t count;
};

void mount_points_clear(struct mount_points *m);
#define auto_mount_points __attribute__((cleanup(mount_points_clear)))

/* ERR_INVALID for what Docker would refuse, ERR_UNSUPPORTED for volumes. The disk is not looked at. */
int mount_points_read(const struct host_config *h, struct mount_points *ret, struct err *err);
/* At creation: the sources that must be there already. */
int mount_points_check_sources(const struct mount_points *m, struct err *err);
/* Before a start: makes the sources that may be made. */
int mount_points_make_sources(const struct mount_points *m, struct err *err);
/* The Mounts list of replies, as the array's value. */
void mount_points_write(struct jsonw *w, const char *key, const struct mount_points *m);
const struct mount_point *mount_points_at(const struct mount_points *m, const char *target);
