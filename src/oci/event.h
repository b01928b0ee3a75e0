/* oci/event.h - what happens to images, told to `docker events`. */
#pragma once

#include "state/dirs.h"

/* Appends an image event with the labels of the image; name: what Docker shows as the attribute "name"
 * (the reference, or the id). Best effort: an event never fails what it tells of. */
void image_event(const struct dirs *d, const char *action, const char *id, const char *name);
