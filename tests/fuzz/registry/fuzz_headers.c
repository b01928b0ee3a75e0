/* Headers of registries and of clients: every reader gets every input. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "registry/auth.h"
#include "registry/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size), *next = NULL, *host = NULL;
	auto_credentials struct credentials who = { 0 };
	auto_challenge struct challenge c = { 0 };
	auto_free char *basic = NULL, *resolved = NULL;
	struct err err = { 0 };

	challenge_parse(text, &c);
	assert(c.kind != CHALLENGE_BEARER || c.realm);
	next = link_next(text);
	if (next)
		resolved = url_resolve("https://registry.example/v2/a/tags/list", next);
	host = url_host(text);
	if (credentials_decode(text, &who, &err) < 0)
		assert(err.sys > 0 && err.msg[0] && !who.username);
	basic = credentials_basic(&who);
	assert(!basic == !who.username);
	return 0;
}
