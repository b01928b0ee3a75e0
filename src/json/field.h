/* json/field.h - field tables: which members a JSON object may have, and where they go in a struct.
 *
 * A table reads an object into a struct, checking types strictly (a number is never taken for a
 * string), writes the struct back as JSON in the table's order, and frees what it owns. The macros
 * compare each member's C type when compiling. Keys match exactly, else without regard to case, as
 * Go's decoder does; unknown keys pass; null means "not given". */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/jsonw.h"

/* A list for which "not given" and "given, empty" mean different things. */
struct jwords {
	bool given;
	char **list;
};

/* An array of structs that share one table. */
struct jlist {
	void *items;
	size_t count;
};

#define JINT_NONE INT64_MIN /* of JINT64_OPT: not given */

enum jtype {
	J_STR,       /* char *: NULL while not given */
	J_STRV,      /* char **: array of strings */
	J_WORDS,     /* struct jwords: a string is one word */
	J_NULLSTRV,  /* struct jwords: array or null */
	J_MAP,       /* char **: key, value, key, value…: an object of strings */
	J_INT64,     /* int64_t */
	J_INT64_OPT, /* int64_t: JINT_NONE while not given */
	J_BOOL,      /* bool */
	J_BOOL_OPT,  /* int: -1 while not given */
	J_OBJECT,    /* a struct with a table of its own */
	J_LIST,      /* struct jlist */
	J_ANY,       /* json_object *: an object, kept as it is with a reference */
	J_ARRAY,     /* json_object *: the same for an array */
	J_REFUSE,    /* known, not honoured: only its neutral values pass */
	J_IGNORE,    /* known, without meaning here */
};

struct jfield {
	const char *key;
	enum jtype type;
	size_t offset;
	const struct jfield *fields; /* J_OBJECT, J_LIST */
	size_t size;                 /* J_LIST: of one item */
	const char *empty;   /* JSON written for an empty value; J_REFUSE, J_IGNORE: always */
	const char *neutral; /* J_REFUSE: JSON of one more value that asks for nothing */
	const char *why;     /* J_REFUSE: what stands in the way; NULL: it only is not there yet */
};

#define J_IS(s, m, T)                                                                              \
	(offsetof(s, m) +                                                                          \
		0 *                                                                                \
			sizeof(char[__builtin_types_compatible_p(__typeof__(((s *)0)->m), T)       \
					? 1                                                        \
					: -1]))

/* clang-format off */
#define JSTR(k, s, m)		{ .key = k, .type = J_STR, .offset = J_IS(s, m, char *) }
#define JSTRV(k, s, m)		{ .key = k, .type = J_STRV, .offset = J_IS(s, m, char **), .empty = "[]" }
#define JSTRV_NULL(k, s, m)	{ .key = k, .type = J_STRV, .offset = J_IS(s, m, char **), .empty = "null" }
#define JWORDS(k, s, m)		{ .key = k, .type = J_WORDS, .offset = J_IS(s, m, struct jwords) }
#define JNULLSTRV(k, s, m)	{ .key = k, .type = J_NULLSTRV, .offset = J_IS(s, m, struct jwords) }
#define JMAP(k, s, m)		{ .key = k, .type = J_MAP, .offset = J_IS(s, m, char **), .empty = "{}" }
#define JMAP_OMIT(k, s, m)	{ .key = k, .type = J_MAP, .offset = J_IS(s, m, char **) }
#define JINT64(k, s, m)		{ .key = k, .type = J_INT64, .offset = J_IS(s, m, int64_t) }
#define JINT64_OPT(k, s, m)	{ .key = k, .type = J_INT64_OPT, .offset = J_IS(s, m, int64_t) }
#define JBOOL(k, s, m)		{ .key = k, .type = J_BOOL, .offset = J_IS(s, m, bool) }
#define JBOOL_OPT(k, s, m)	{ .key = k, .type = J_BOOL_OPT, .offset = J_IS(s, m, int) }
#define JOBJECT(k, s, m, T, t)	{ .key = k, .type = J_OBJECT, .offset = J_IS(s, m, T), .fields = t }
#define JLIST(k, s, m, T, t)	{ .key = k, .type = J_LIST, .offset = J_IS(s, m, struct jlist), \
				  .fields = t, .size = sizeof(T), .empty = "[]" }
/* e: what is written when it was not given; NULL leaves the key out */
#define JANY(k, s, m, e)	{ .key = k, .type = J_ANY, .offset = J_IS(s, m, json_object *), .empty = e }
#define JARRAY(k, s, m, e)	{ .key = k, .type = J_ARRAY, .offset = J_IS(s, m, json_object *), .empty = e }
/* null, false, 0, "", [], {} and objects of only such values ask for nothing */
#define JREFUSE(k, e)		{ .key = k, .type = J_REFUSE, .empty = e }
#define JREFUSE_BUT(k, e, n)	{ .key = k, .type = J_REFUSE, .empty = e, .neutral = n }
#define JREFUSE_WHY(k, e, y)	{ .key = k, .type = J_REFUSE, .empty = e, .why = y }
#define JIGNORE(k, e)		{ .key = k, .type = J_IGNORE, .empty = e }
#define JEND			{ .key = NULL }
/* clang-format on */

/* Fills *ret (zeroed or never used memory) from o; where is put before the key in messages
 * ("HostConfig."). ERR_INVALID for a wrong type, ERR_UNSUPPORTED for a refused field. On failure *ret
 * owns nothing. */
int jfields_read(
	const struct jfield *fields, json_object *o, const char *where, void *ret, struct err *err);
/* Writes the members, without braces of their own. */
void jfields_write(struct jsonw *w, const struct jfield *fields, const void *from);
/* Frees what the struct owns and leaves the members empty. */
void jfields_clear(const struct jfield *fields, void *of);

/* Whether a value asks for nothing: null, false, 0, "", [], {} or an object of only such. */
bool json_is_neutral(json_object *value);
/* The value of key in a J_MAP vector, or NULL. */
const char *jmap_get(char *const *map, const char *key);
