/* worker/fetch.h - the layers of an image come in, several at once, each on a connection of its own. What
 * comes is hashed as it comes, and unpacked by the stage meanwhile. */
#pragma once

#include "base/err.h"
#include "registry/client.h"
#include "worker/meter.h"
#include "worker/stage.h"

#define FETCH_AT_ONCE 3 /* as Docker */

struct fetch_layer {
	const char *digest; /* borrowed */
	int64_t size;       /* as declared: neither more nor less is taken */
	struct meter_item *item;
	atomic_llong got;
	struct stage_blob *blob; /* once it is here */
};

struct fetch;
/* Begins. Everything is borrowed; r only to fork from, before this returns. */
struct fetch *fetch_new(struct stage *s, const struct registry *r, struct meter *m,
	struct fetch_layer *layers, size_t count);
/* Ends the threads: what is still under way must have been cancelled, or be wanted. */
void fetch_free(struct fetch *f);
static inline void fetch_free_ptr(struct fetch **f)
{
	fetch_free(*f);
}
#define auto_fetch __attribute__((cleanup(fetch_free_ptr)))

/* Until this layer is here. The first error of any layer cancels the others and is what all get. */
int fetch_wait(struct fetch *f, const struct fetch_layer *layer, struct err *err);
