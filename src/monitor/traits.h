/* monitor/traits.h - the few things of a plan that matter after the start. The plan itself, tens of
 * kilobytes, is not kept. */
#pragma once

#include <stdbool.h>

#include "state/plan.h"
#include "state/removed.h"

#define VOLUME_WORDS 3 /* name, target, writable */
#include "state/restart.h"

struct traits {
	char *name, *image, *attrs; /* owned; never NULL once set */
	char **volumes;             /* the words of the plan's, VOLUME_WORDS each */
	bool tty, open_stdin, stdin_once, auto_remove;
	struct removed_limits keep; /* of it, once it is removed */
	struct restart_rule restart;
	int stop_signal;
	int stop_timeout; /* seconds, -1: for ever */
	unsigned short height, width;
};

void traits_set(struct traits *t, const struct plan *p); /* replaces all */
/* Only what a reload may change: name, attributes and restart policy. */
void traits_reload(struct traits *t, const struct plan *p);
void traits_clear(struct traits *t);

/* A plan's console-size; false without one. */
bool plan_console_size(const struct plan *p, unsigned short *height, unsigned short *width);
