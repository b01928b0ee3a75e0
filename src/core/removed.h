/* core/removed.h - what is kept of removed containers (state/removed.h): who asks for it, and who reads it. */
#pragma once

#include "core/containers.h"
#include "state/removed.h"

/* A time like "1h30m": for this container, whatever the settings say; "0": nothing. */
#define REMOVED_LABEL "dayfly.removed.keep"

/* Whether the label, if there is one, makes sense. ERR_INVALID. */
int removed_label_check(char *const *labels, struct err *err);
/* By the settings and the label; time 0: nothing is to be kept. Settings that cannot be read keep nothing. */
void removed_limits_read(const struct container *ct, struct removed_limits *ret);

/* By its full id: a container that was removed, with its last status. ERR_NOT_FOUND in Docker's words. */
int removed_find(struct core *c, const char *id, struct container **ret, struct err *err);
