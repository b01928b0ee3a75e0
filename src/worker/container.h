/* worker/container.h - a container's files, for the jobs that read them. The switchboard has resolved
 * it and says in words: id=ID attrs=JSON (the members of its events) from=IMAGE
 * [removed=1: it was removed, and something of it is kept]. */
#pragma once

#include <json-c/json_object.h>

#include "base/err.h"
#include "worker/merged.h"
#include "worker/work.h"

struct container_files {
	const char *id;          /* the work's */
	json_object *doc;        /* config.json */
	char **diff_ids;         /* of its image, bottom first */
	struct merged own, tree; /* its own layer alone (raw), and all of them */
};

/* The caller has entered the user namespace. ERR_NOT_FOUND if it was removed meanwhile. */
int container_files_open(const struct work *w, struct container_files *ret, struct err *err);
void container_files_close(struct container_files *c);
#define auto_container_files __attribute__((cleanup(container_files_close)))

/* Appends an event of it; more: JSON members, or NULL. Best effort. */
void container_tell(const struct work *w, const char *action, const char *more);
