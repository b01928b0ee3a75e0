/* core/filters.h - the `filters` parameter in both encodings: {"k":{"v":true}} and {"k":["v"]}. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct filters;

/* json NULL or "" gives empty filters. allowed: NULL-ended list of keys; another key is
 * ERR_INVALID "invalid filter 'x'". allowed NULL: any key passes. Patterns (name, id) with repeated groups,
 * intervals or back references are refused: nothing bounds what they cost; so are groups with options. */
int filters_parse(
	const char *json, const char *const *allowed, struct filters **ret, struct err *err);
void filters_free(struct filters *f);
static inline void filters_free_ptr(struct filters **f)
{
	filters_free(*f);
}
#define auto_filters __attribute__((cleanup(filters_free_ptr)))

/* One more value of key. */
void filters_add(struct filters *f, const char *key, const char *value);
/* The values of key, NULL-ended; NULL if the key was not given. Borrowed. */
char *const *filters_get(const struct filters *f, const char *key);
/* 1/true, 0/false; -1 not given; ERR_INVALID otherwise (-EINVAL), as for both at once and for no value. */
int filters_bool(const struct filters *f, const char *key, int *ret, struct err *err);
/* A point in time as time_parse() takes it, a date or a part of one without zone, which is the user's
 * ("2024-03-01", "2024-03-01T10:00"), or how long ago ("1h30m"); *ret is 0 if key was not given. It may be given once. */
int filters_time(const struct filters *f, const char *key, int64_t *ret, struct err *err);
/* The key "label": every value ("k" or "k=v") must hold; and "label!": not all of them may. get returns a
 * label's value or NULL. */
bool filters_match_labels(
	const struct filters *f, const char *(*get)(void *arg, const char *label), void *arg);
/* Names and ids: no filter, or some value matches as a regular expression (POSIX extended, with Go's escapes) or, where it
 * is none, as a part of the text. */
bool filters_match_pattern(const struct filters *f, const char *key, const char *text);
