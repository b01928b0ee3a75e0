/* oci/event.h - what happens to images, told to `docker events`. */
#pragma once

#include "state/dirs.h"

/* Appends an image event with the labels of the image; name: what Docker shows as the attribute "name"
 * (the reference, or the id). Best effort: an event never fails what it tells of. */
void image_event(const struct dirs *d, const char *action, const char *id, const char *name);
/* The same for what Docker tells of a reference: pull and push. shown: that, in the place of the id. */
void image_event_as(const struct dirs *d, const char *action, const char *shown, const char *name,
	const char *id);
