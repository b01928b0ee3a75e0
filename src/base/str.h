/* base/str.h - strings, numbers in strings, NULL-ended string vectors, identifiers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool str_empty(const char *s)
{
	return !s || !*s;
}

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Whole-string decimal numbers without blanks or sign (i64: one leading '-'). 0 or -EINVAL/-ERANGE. */
int str_to_u64(const char *s, uint64_t *ret);
int str_to_i64(const char *s, int64_t *ret);

/* A vector ends with NULL; NULL itself is the empty vector. Elements and vector are owned. */
void strv_free(char **v);
static inline void strv_free_ptr(char ***v)
{
	strv_free(*v);
}
#define auto_strv __attribute__((cleanup(strv_free_ptr)))
size_t strv_len(char *const *v);
void strv_add(char ***v, const char *s); /* copies */
void strv_add_take(char ***v, char *s);  /* owns s */
/* strv_add() where very many may come: *n is the length, which is not counted anew each time. */
void strv_add_sized(char ***v, size_t *n, const char *s);
char **strv_copy(char *const *v);
bool strv_has(char *const *v, const char *s);
/* Splits at every sep; empty pieces are kept. */
char **strv_split(const char *s, char sep);
/* "KEY" of "KEY=VALUE": the index of the entry for key, or -1. */
int strv_find_key(char *const *v, const char *key, size_t key_len);

/* Object identifiers: 64 lower-case hex digits (32 random bytes), as Docker has them. */
#define ID_LEN  64
#define ID_SIZE (ID_LEN + 1)
void id_new(char ret[ID_SIZE]);
bool id_valid(const char *s);        /* exactly 64 lower-case hex digits */
bool id_prefix_valid(const char *s); /* 1..64 hex digits */

void hex_encode(const void *data, size_t len, char *ret /* 2 * len + 1 */);
