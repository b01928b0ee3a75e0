/* worker/fetch.h - the layers of an image come in, several at once, each on a connection of its own. What
 * comes is hashed as it comes, and unpacked by the stage meanwhile. A complete one gets its place in the
 * store at once, with a lease (oci/lease.h): what another pull is fetching is waited for, not fetched. */
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
	bool here;
	struct stage_blob *blob; /* then; NULL: in the store, others fetched it */
	/* the fetch's: */
	bool taken, elsewhere; /* by a thread; others were fetching it when we looked */
	int lease;
};

struct fetch;
/* Begins. Everything is borrowed; r only to fork from, before this returns. */
struct fetch *fetch_new(const struct dirs *d, struct stage *s, const struct registry *r,
	struct meter *m, struct fetch_layer *layers, size_t count);
/* Ends the threads: what is still under way must have been cancelled, or be wanted. */
void fetch_free(struct fetch *f);
static inline void fetch_free_ptr(struct fetch **f)
{
	fetch_free(*f);
}
#define auto_fetch __attribute__((cleanup(fetch_free_ptr)))
/* The leases of layers whose fetch has ended go; those of an image that came to nothing (!done) stay with
 * what came in whole. */
void fetch_end_leases(
	const struct dirs *d, const struct fetch_layer *layers, size_t count, bool done);

/* Until this layer is here. The first error of any layer cancels the others and is what all get. */
int fetch_wait(struct fetch *f, const struct fetch_layer *layer, struct err *err);
