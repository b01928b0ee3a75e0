/* oci/network.h - ranges of Internet addresses: "10.1.0.0/16", "fd00::/8". */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

struct network {
	int family; /* AF_INET, AF_INET6 */
	unsigned char address[16];
	unsigned bits;
};

/* "ADDRESS/BITS"; -EINVAL. */
int network_parse(const char *text, struct network *ret);
/* Whether the address lies in one of these, which are valid. */
bool network_has(char *const *networks, const struct sockaddr *address);
/* The same of any address of a host, for whose name the resolver is asked, or (numeric) only if it is written as
 * an address. */
bool network_has_host(char *const *networks, const char *host, bool numeric);
