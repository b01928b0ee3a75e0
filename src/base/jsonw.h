/* base/jsonw.h - writes JSON text into a buf, commas and escapes included. Used wherever a reply or a
 * record is produced; reading JSON is json-c's work (json/). A NULL key means: an array element or the
 * top-level value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct jsonw {
	struct buf *out;
	bool comma; /* the next value needs one before it */
};

#define JSONW(b) ((struct jsonw){ .out = (b) })

void jw_object(struct jsonw *w, const char *key);
void jw_object_end(struct jsonw *w);
void jw_array(struct jsonw *w, const char *key);
void jw_array_end(struct jsonw *w);
void jw_str(struct jsonw *w, const char *key, const char *value); /* NULL value: "" */
void jw_strn(struct jsonw *w, const char *key, const char *value, size_t len);
void jw_int(struct jsonw *w, const char *key, int64_t value);
void jw_uint(struct jsonw *w, const char *key, uint64_t value);
void jw_bool(struct jsonw *w, const char *key, bool value);
void jw_null(struct jsonw *w, const char *key);
void jw_time(struct jsonw *w, const char *key, int64_t ns);       /* RFC3339Nano string */
void jw_time_known(struct jsonw *w, const char *key, int64_t ns); /* the same, but 0 is 1970 */
void jw_strv(struct jsonw *w, const char *key, char *const *v);   /* NULL gives [] */
/* value is JSON text already, e.g. stored earlier by a jsonw. */
void jw_raw(struct jsonw *w, const char *key, const char *json);
/* members of an object without braces ("a":1,"b":2); "" adds nothing. */
void jw_members(struct jsonw *w, const char *members);

/* A quoted JSON string, the only place that escapes. Invalid UTF-8 becomes U+FFFD. */
void json_quote(struct buf *out, const char *s, size_t len);
/* Length of the well-formed UTF-8 sequence at s that starts with a byte above 0x7f; 0 if it is none. */
size_t utf8_sequence(const unsigned char *s, size_t len);
