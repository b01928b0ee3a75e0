/* dockerfile/pattern.h - file name patterns, as Go's filepath.Match has them and .dockerignore extends them.
 *
 *   *        any characters of one name      [a-z]  one of these, [^a-z] none of these
 *   ?        one character of a name         \c     c itself
 *   ** /     (without the blank) any number of folders, also none
 *   **       at the end: everything below
 *
 * Matching takes time proportional to pattern times path, whatever they are. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define PATTERN_MAX 4096

struct pattern;

/* deep: "**" has its meaning, else it is as "*". ERR_INVALID "syntax error in pattern: …". */
int pattern_compile(const char *text, bool deep, struct pattern **ret, struct err *err);
void pattern_free(struct pattern *p);
static inline void pattern_free_ptr(struct pattern **p)
{
	pattern_free(*p);
}
#define auto_pattern __attribute__((cleanup(pattern_free_ptr)))

/* The whole path, relative and without "." and "..". */
bool pattern_match(const struct pattern *p, const char *path);
/* The path or one of the folders it lies in. */
bool pattern_match_tree(const struct pattern *p, const char *path);

/* Whether text means more than its own characters: such a source of COPY is a wildcard. */
bool pattern_is_wild(const char *text);
