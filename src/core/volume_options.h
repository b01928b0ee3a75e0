/* core/volume_options.h - what the options of a local volume ask for: type, o and device, as for mount(8). */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* All checks answer in Docker's words. */
int volume_name_check(const char *name, struct err *err);
/* "" and "local" are: all others are plugins, of which there are none. name NULL: an anonymous volume.
 * missing: what that is; not ERR_NOT_FOUND in a create of a container, which means the image there. */
int volume_driver_check(
	const char *name, const char *driver, enum err_kind missing, struct err *err);
/* options: strings, or NULL. name NULL: an anonymous volume. ERR_UNSUPPORTED for a file system that only
 * root of the host can mount. */
int volume_options_check(const char *name, json_object *options, struct err *err);
/* An object of strings, or NULL. */
int volume_strings_check(json_object *o, const char *field, struct err *err);

/* How such a volume is mounted: device as a bind mount, or a new tmpfs. */
struct volume_way {
	bool bind, recursive, read_only;
	struct buf data; /* the other words of o, for the plan */
};
/* options have been checked, and device is among them. Free way->data. */
void volume_way_read(json_object *options, struct volume_way *way);
