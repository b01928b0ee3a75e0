/* stream/details.h - `docker logs --details`: the attributes of a record, as text before its line. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Zeroed is ready. Neighbours mostly have the same attributes. */
struct details {
	struct buf json, text;
};

/* "k=v,k=v" of a record's JSON object, escaped as in a URL and sorted; "" for none. Valid until the next
 * call. */
const char *details_text(struct details *d, const char *json, size_t len);
void details_clear(struct details *d);
