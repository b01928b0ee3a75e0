/* json/grammar.h - whether a text is one value of RFC 8259, nothing more and nothing less.
 *
 * json-c, even when told to be strict, takes single quotes, control characters and overlong UTF-8. What
 * passes here means the same to every parser. */
#pragma once

#include <stddef.h>

/* NULL if it is, else what is wrong with it; deeper or of more values than allowed is wrong, too. */
const char *json_grammar(const char *text, size_t len, unsigned depth_max, unsigned values_max);
