/* dockerfile/split.h - taking the arguments of an instruction apart. Quotes and escapes stay as they are
 * wherever df_expand() will deal with them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DF_WORDS_MAX 4096 /* of one instruction */

/* What separates words: not \n, which only heredocs hold. */
#define BLANKS " \t\v\f\r\n"

/* All four: *ret is NULL when there is nothing; ERR_INVALID for too many words. */

/* At blanks, whatever they stand in: ADD, COPY, EXPOSE, FROM, VOLUME. */
int split_blanks(const char *text, char ***ret, struct err *err);

/* At blanks outside of quotes: ARG, ENV, LABEL. */
int split_quoted(const char *text, char escape, char ***ret, struct err *err);

/* ["a", "b"]: 1 and the strings, 0 if it is not a JSON list at all. A list of something else is
 * ERR_INVALID. */
int split_json(const char *text, char ***ret, struct err *err);

/* The leading --flags, without their quotes. *rest is what follows. */
int split_flags(const char *text, char ***ret, const char **rest, struct err *err);

/* a,"b,c",d as one line of comma separated values. */
int split_csv(const char *text, char ***ret, struct err *err);
