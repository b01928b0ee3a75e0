#include "oci/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

int network_parse(const char *text, struct network *ret)
{
	const char *slash = strchr(text, '/');
	auto_free char *address = NULL;
	struct network n = { 0 };
	uint64_t bits;

	if (!slash || str_to_u64(slash + 1, &bits) < 0)
		return -EINVAL;
	address = xstrndup(text, (size_t)(slash - text));
	n.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(n.family, address, n.address) != 1)
		return -EINVAL;
	if (bits > (n.family == AF_INET ? 32 : 128))
		return -EINVAL;
	n.bits = (unsigned)bits;
	*ret = n;
	return 0;
}

static bool is_in(const struct network *n, int family, const unsigned char *address)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	unsigned mask = 0xff00u >> rest & 0xff;

	if (n->family != family || memcmp(n->address, address, whole) != 0)
		return false;
	return rest == 0 || (n->address[whole] & mask) == (address[whole] & mask);
}

bool network_has(char *const *networks, const struct sockaddr *sa)
{
	const unsigned char *address;
	struct network n;

	if (sa->sa_family == AF_INET6)
		address = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
	else if (sa->sa_family == AF_INET)
		address = (const unsigned char *)&((const struct sockaddr_in *)(const void *)sa)
				  ->sin_addr;
	else
		return false;
	for (; networks && *networks; networks++)
		if (network_parse(*networks, &n) == 0 && is_in(&n, sa->sa_family, address))
			return true;
	return false;
}

bool network_has_host(char *const *networks, const char *host, bool numeric)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = numeric ? AI_NUMERICHOST : 0 };
	struct addrinfo *found = NULL;
	bool ret = false;

	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	for (const struct addrinfo *a = found; a && !ret; a = a->ai_next)
		ret = network_has(networks, a->ai_addr);
	freeaddrinfo(found);
	return ret;
}
