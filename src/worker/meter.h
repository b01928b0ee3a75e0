/* worker/meter.h - what a long job of several threads tells its client while it works: lines, and things
 * ("layers") of which each has a state and perhaps an amount. The records are worker/progress.h's.
 *
 * States are told at once and in their order; amounts at most ten times a second, by a thread that also
 * watches the client: when it goes away, whatever asks meter_cancel() ends. All functions may be
 * called by any thread. The first word begins the answer: no error can have a status of its own
 * after it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "worker/answer.h"

struct meter;
/* a is borrowed and has its client; nobody else writes to it until meter_free(). */
struct meter *meter_new(struct answer *a);
void meter_free(struct meter *m);
static inline void meter_free_ptr(struct meter **p)
{
	meter_free(*p);
}
#define auto_meter __attribute__((cleanup(meter_free_ptr)))

/* Set once the client is gone, or by meter_stop(): for registry/http.h. */
const atomic_bool *meter_cancel(const struct meter *m);
void meter_stop(struct meter *m);

/* {"status":…,"id":…}; id may be NULL. */
void meter_line(struct meter *m, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One JSON object as it is. */
void meter_record(struct meter *m, const char *json);

/* A thing; the meter's, its id is copied. */
struct meter_item;
struct meter_item *meter_item_new(struct meter *m, const char *id);
/* It is in this state now, without an amount. */
void meter_state(struct meter_item *i, const char *status);
/* The state of which there is an amount: current is asked for now and then until the next state, and
 * then once more; or until meter_unwatch(), after which arg may go. */
void meter_unwatch(struct meter_item *i);
void meter_watch(struct meter_item *i, const char *status, int64_t total,
	int64_t (*current)(void *arg), void *arg);
