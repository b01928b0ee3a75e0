/* The first line of a request: method and raw URI. The method is the first byte of the input. */
#include <assert.h>
#include <stdint.h>

#include "api/exchange.h"
#include "base/alloc.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS",
		"PATCH" };
	auto_free char *uri = size ? xstrndup((const char *)data + 1, size - 1) : xstrdup("");
	const char *method = methods[size ? data[0] % ARRAY_SIZE(methods) : 0];
	struct request req = { .client = FD_NONE };
	struct reply rep = { 0 };
	struct err err = { 0 };

	if (request_route(&req, &rep, method, uri, &err) < 0)
		assert(err.sys > 0 && err.msg[0]);
	else if (rep.kind == REPLY_NONE) /* neither OPTIONS nor a version nobody offers */
		assert(req.route && req.param_count <= PARAMS_MAX && req.minor <= 47);
	reply_clear(&rep);
	request_clear(&req);
	return 0;
}
