/* oci/doc.h - reading the JSON documents of images: strict types, limited size and depth. What comes
 * from an archive is hostile; a member of the wrong type counts as missing. */
#pragma once

#include <json-c/json_object.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DOC_MAX (4u << 20) /* bytes of one manifest, index or configuration */

/* Parses one whole document whose top level has this type. ERR_INVALID otherwise. */
int doc_parse(
	const char *text, size_t len, enum json_type type, json_object **ret, struct err *err);

/* Members of an object, borrowed; NULL (0) if missing or of another type. object may be NULL. */
json_object *doc_object(json_object *object, const char *key);
json_object *doc_array(json_object *object, const char *key);
const char *doc_str(json_object *object, const char *key);
int64_t doc_int(json_object *object, const char *key);

/* Elements of an array; array may be NULL. */
size_t doc_len(json_object *array);
const char *doc_str_at(json_object *array, size_t i);
json_object *doc_object_at(json_object *array, size_t i);
/* Every string of an array as a vector; NULL if it is missing or empty. */
char **doc_strv(json_object *array);
