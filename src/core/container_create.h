/* core/container_create.h - a create request on its way to config.json, in steps that need neither a
 * disk nor a server. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/images.h"
#include "core/mounts.h"

struct create_request {
	struct container_config config;
	struct host_config host;
	struct mount_points mounts;
	json_object *networking; /* recorded as sent */
	char **warnings;
	bool unfilled; /* its volumes are still to get what the image has at their places */
	bool step; /* of a build: what goes to a volume that the image declares, goes to its layer */
};

void create_request_clear(struct create_request *q);
#define auto_create_request __attribute__((cleanup(create_request_clear)))

/* Types and refused fields. body is any text. */
int create_request_read(
	const char *body, unsigned api_minor, struct create_request *ret, struct err *err);
/* Checks values, adds the image's part (may be NULL), what other containers' mounts give (moved over; may
 * be NULL) and Docker's defaults. */
int create_request_settle(struct create_request *q, json_object *image_config,
	struct mount_points *inherited, unsigned api_minor, struct err *err);
/* The text of config.json. */
void create_request_write(struct buf *out, const struct create_request *q, const char *id,
	const char *name, int64_t created, const struct image *image);
