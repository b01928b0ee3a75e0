#include "core/networks.h"

#include <stddef.h>

#include "core/modes.h"

/* A container in another's network has no endpoint of its own. */
void network_endpoint_write(struct jsonw *w, const char *mode)
{
	if (mode_container(mode))
		return;
	jw_object(w, mode);
	jw_null(w, "IPAMConfig");
	jw_null(w, "Links");
	jw_null(w, "Aliases");
	jw_str(w, "MacAddress", "");
	jw_null(w, "DriverOpts");
	jw_str(w, "NetworkID", "");
	jw_str(w, "EndpointID", "");
	jw_str(w, "Gateway", "");
	jw_str(w, "IPAddress", "");
	jw_int(w, "IPPrefixLen", 0);
	jw_str(w, "IPv6Gateway", "");
	jw_str(w, "GlobalIPv6Address", "");
	jw_int(w, "GlobalIPv6PrefixLen", 0);
	jw_null(w, "DNSNames");
	jw_object_end(w);
}

void network_settings_write(struct jsonw *w, const char *key, const char *mode)
{
	jw_object(w, key);
	jw_str(w, "Bridge", "");
	jw_str(w, "SandboxID", "");
	jw_str(w, "SandboxKey", "");
	jw_raw(w, "Ports", "{}");
	jw_bool(w, "HairpinMode", false);
	jw_str(w, "LinkLocalIPv6Address", "");
	jw_int(w, "LinkLocalIPv6PrefixLen", 0);
	jw_null(w, "SecondaryIPAddresses");
	jw_null(w, "SecondaryIPv6Addresses");
	jw_str(w, "EndpointID", "");
	jw_str(w, "Gateway", "");
	jw_str(w, "GlobalIPv6Address", "");
	jw_int(w, "GlobalIPv6PrefixLen", 0);
	jw_str(w, "IPAddress", "");
	jw_int(w, "IPPrefixLen", 0);
	jw_str(w, "IPv6Gateway", "");
	jw_str(w, "MacAddress", "");
	jw_object(w, "Networks");
	network_endpoint_write(w, mode);
	jw_object_end(w);
	jw_object_end(w);
}
