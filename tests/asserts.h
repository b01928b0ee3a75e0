/* asserts.h - checks of texts, beside those of cmocka, which is included before. */
#pragma once

#include <string.h>

#define assert_has(text, part)                                                                     \
	do {                                                                                       \
		if (!strstr((text), (part)))                                                       \
			fail_msg("\"%s\" is not in \"%s\"", (part), (text));                       \
	} while (0)
#define assert_lacks(text, part)                                                                   \
	do {                                                                                       \
		if (strstr((text), (part)))                                                        \
			fail_msg("\"%s\" is in \"%s\"", (part), (text));                           \
	} while (0)
