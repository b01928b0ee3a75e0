/* core/words.h - fixed lists of words, NULL-ended. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

static inline bool word_among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (str_eq(*words, word))
			return true;
	return false;
}
