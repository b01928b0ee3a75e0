/* worker/platform.h - what a machine runs, in the words of images: "linux/arm64/v8". */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/err.h"

/* "os/arch[/variant]", "arch" or "" (this machine) as JSON members: "architecture":…,"os":…. */
int platform_parse(const char *text, char **ret_members, struct err *err);
/* Whether the "platform" of a manifest's descriptor is this machine's. */
bool platform_fits(json_object *platform);
