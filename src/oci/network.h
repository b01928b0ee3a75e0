/* oci/network.h - ranges of Internet addresses: "10.1.0.0/16", "fd00::/8". */
#pragma once

#include <stdbool.h>

struct network {
	int family; /* AF_INET, AF_INET6 */
	unsigned char address[16];
	unsigned bits;
};

/* "ADDRESS/BITS"; -EINVAL. */
int network_parse(const char *text, struct network *ret);
/* Whether an address of the host (a name or an address) lies in one of these, which are valid. Asks the
 * resolver for a name. */
bool network_has_host(char *const *networks, const char *host);
