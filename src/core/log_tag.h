/* core/log_tag.h - the log option "tag": a Go template in Docker, of which the fields are known here, each
 * as {{.Field}}; conditions, functions and pipelines are refused. */
#pragma once

#include "core/containers.h"

int log_tag_check(const char *template, struct err *err);
int log_tag_print(const char *template, const struct container *ct, char **ret, struct err *err);
