/* json/text.h - reading JSON text that others wrote, strictly, and writing a tree back.
 *
 * json-c parses; its leniencies (trailing bytes, comments, single quotes, bad UTF-8, any depth) are
 * switched off here. Trees are written through base/jsonw.h, so that one place escapes. */
#pragma once

#include <json-c/json_object.h>
#include <json-c/linkhash.h> /* json_object_object_foreach */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"

#define JSON_TEXT_MAX  (16 * 1024 * 1024)
#define JSON_DEPTH_MAX 32
/* An empty object is three bytes of text and half a kilobyte of tree: without this limit 16 MiB of them
 * would take gigabytes. The largest honest text, an index of all images, has ten values an image. */
#define JSON_VALUES_MAX 100000

static inline void json_put_ptr(json_object **o)
{
	(void)json_object_put(*o);
}
#define auto_json __attribute__((cleanup(json_put_ptr)))

/* One whole value of JSON and nothing after it. ERR_INVALID "invalid JSON: …". */
int json_parse(const char *text, size_t len, json_object **ret, struct err *err);

/* Writes value with all its members; NULL is null. */
void json_write(struct jsonw *w, const char *key, json_object *value);

/* The member of an object, NULL if it is missing, null, or o is no object. Borrowed. */
json_object *json_get(json_object *o, const char *key);
/* The text of a string member, or missing. Borrowed. */
const char *json_get_str(json_object *o, const char *key, const char *missing);
bool json_get_bool(json_object *o, const char *key); /* true only for the literal true */
/* The strings of an array member, as an owned vector; other elements are left out. */
char **json_get_strv(json_object *o, const char *key);
