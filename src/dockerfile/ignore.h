/* dockerfile/ignore.h - .dockerignore, and --exclude of ADD and COPY: a list of patterns of which the last
 * one that fits decides. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define IGNORE_TEXT_MAX     (1024 * 1024)
#define IGNORE_PATTERNS_MAX 4096

struct ignore;

/* The content of a .dockerignore: a pattern a line, "#" comments, "!" brings back what an earlier line left
 * out. file is the name for messages. ERR_INVALID names the line. */
int ignore_parse(
	const char *text, size_t len, const char *file, struct ignore **ret, struct err *err);
/* The same from words, as --exclude has them; NULL gives one that leaves out nothing. */
int ignore_of(char *const *patterns, struct ignore **ret, struct err *err);
void ignore_free(struct ignore *ig);
static inline void ignore_free_ptr(struct ignore **ig)
{
	ignore_free(*ig);
}
#define auto_ignore __attribute__((cleanup(ignore_free_ptr)))

/* Whether this path, relative to the root of what is copied, is left out, by itself or with a folder it
 * lies in. */
bool ignore_match(const struct ignore *ig, const char *path);
/* Whether something below a folder that is left out may be brought back, so that it has to be walked. */
bool ignore_may_keep_below(const struct ignore *ig, const char *folder);
