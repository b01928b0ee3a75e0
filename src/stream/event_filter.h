/* stream/event_filter.h - which events a client asked for. Keys: type, event, scope, label, image and
 * the kinds of objects (container, network, volume, …); others are ignored, as in Docker. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/err.h"

struct event_filter {
	json_object *keys;    /* NULL: everything passes */
	bool no_image_create; /* clients of an API below 1.46 do not know of these */
};

/* {"key":{"value":true}} or {"key":["value"]}; NULL or "" for none. ERR_INVALID. */
int event_filter_parse(const char *json, struct event_filter *ret, struct err *err);
void event_filter_clear(struct event_filter *f);
#define auto_event_filter __attribute__((cleanup(event_filter_clear)))
/* line: the event as it stands in the journal. */
bool event_filter_match(const struct event_filter *f, const char *line, size_t len);
