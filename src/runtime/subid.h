/* runtime/subid.h - the subordinate ids a user may hand out, from /etc/subuid and /etc/subgid. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SUBID_MAX 16 /* ranges used of one user */

struct subid_range {
	uint32_t start, count;
};

/* The ranges of a user, given by login name (may be NULL) or id, in the file's order. Lines that make
 * no sense are passed over, as newuidmap does. Returns how many were found, at most SUBID_MAX. */
size_t subid_parse(
	const char *text, const char *name, uint32_t uid, struct subid_range ret[SUBID_MAX]);
