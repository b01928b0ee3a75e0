/* The user's settings file. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/network.h"
#include "oci/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_settings struct settings s = { 0 };
	struct err err = { 0 };
	struct network net;

	if (settings_parse(text, strlen(text), "config", &s, &err) < 0) {
		assert(err.sys > 0 && err.kind == ERR_SYSTEM && str_starts(err.msg, "config: "));
		return 0;
	}
	for (char **n = s.insecure_nets; n && *n; n++)
		assert(network_parse(*n, &net) == 0);
	for (char **m = s.mirrors; m && *m; m++)
		assert(str_starts(*m, "http") && str_ends(*m, "/"));
	free(proxy_masked(s.http_proxy));
	return 0;
}
