/* dockerfile/expand.h - the expander's two other ways, beside df_expand_word(). */
#pragma once

#include "dockerfile/dockerfile.h"

/* The words that one word becomes: what it expands to is split at blanks outside of quotes. */
int expand_split(
	const char *word, char escape, df_lookup *lookup, void *arg, char ***ret, struct err *err);

/* The content of a heredoc: variables are replaced, quotes stay. */
int expand_content(const char *content, df_lookup *lookup, void *arg, char **ret, struct err *err);

/* ---- substitute.c: ${NAME#pattern} and its like. In a pattern, * is any characters, ? is one, a
 * backslash takes *, ?, } or / for itself. -EINVAL for a wrong pattern, whose reason is in *why. */

/* Without what matches at the beginning (or the end), the shortest (or the longest) match. */
int substitute_trim(const char *value, const char *pattern, bool suffix, bool longest, char **ret,
	const char **why);
/* With what matches replaced, once or everywhere. */
int substitute_replace(const char *value, const char *pattern, const char *by, bool all, char **ret,
	const char **why);
