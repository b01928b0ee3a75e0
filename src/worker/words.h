/* worker/words.h - the small grammar inside Dockerfile instructions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The value of a variable, never NULL. */
typedef const char *words_lookup(void *arg, const char *name, size_t len);

/* Splits at blanks. "…" and '…' keep blanks, a backslash takes the next character as it is, and
 * $NAME and ${NAME} are replaced (not within '…'). -EINVAL for a quote without its end. */
int words_split(const char *text, words_lookup *lookup, void *arg, char ***ret);

/* "1h30m", "500ms", "1.5s", "0" in nanoseconds; -EINVAL. */
int words_duration(const char *text, int64_t *ret);
