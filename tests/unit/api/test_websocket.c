#include "../unit.h"

#include "api/exchange.h"
#include "api/websocket.h"
#include "base/alloc.h"

struct headers {
	const char *connection, *upgrade, *version, *key, *protocol;
};

static const char *find(void *arg, const char *name)
{
	const struct headers *h = arg;

	if (str_eq(name, "Connection"))
		return h->connection;
	if (str_eq(name, "Upgrade"))
		return h->upgrade;
	if (str_eq(name, "Sec-WebSocket-Version"))
		return h->version;
	if (str_eq(name, "Sec-WebSocket-Key"))
		return h->key;
	return str_eq(name, "Sec-WebSocket-Protocol") ? h->protocol : NULL;
}

/* The example of RFC 6455, 1.3, as a browser would send it. */
static const struct headers good = {
	.connection = "keep-alive, Upgrade",
	.upgrade = "websocket",
	.version = "13",
	.key = "dGhlIHNhbXBsZSBub25jZQ==",
};

static int accepted(const struct headers *h, struct reply *rep, struct err *err)
{
	struct request req = { .header = find, .header_arg = (void *)(uintptr_t)h };

	return websocket_accept(&req, rep, err);
}

static const char *told(const struct reply *rep, const char *name)
{
	for (char **h = rep->headers; h && *h; h += 2)
		if (str_eq(h[0], name))
			return h[1];
	return NULL;
}

static void the_example_of_the_rfc_is_accepted(void **unused)
{
	struct reply rep = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(accepted(&good, &rep, &err), 0);
	assert_string_equal(told(&rep, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_null(told(&rep, "Sec-WebSocket-Protocol"));
	reply_clear(&rep);
}

static void the_only_subprotocol_is_taken_and_none_of_several(void **unused)
{
	struct headers one = good, two = good;
	struct reply rep = { 0 };
	struct err err;

	(void)unused;
	one.protocol = "binary";
	two.protocol = "binary, base64";
	assert_int_equal(accepted(&one, &rep, &err), 0);
	assert_string_equal(told(&rep, "Sec-WebSocket-Protocol"), "binary");
	reply_clear(&rep);
	assert_int_equal(accepted(&two, &rep, &err), 0);
	assert_null(told(&rep, "Sec-WebSocket-Protocol"));
	reply_clear(&rep);
}

static void other_requests_are_refused(void **unused)
{
	struct headers bad[8];
	static const char *const keys[] = { NULL, "", "dGhlIHNhbXBsZSBub25jZQ",
		"dGhlIHNhbXBsZSBub25jZQ= ", "dGhlIHNhbXBsZSBub25jZWVl",
		"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		bad[i].key = keys[i];
	bad[6].connection = "keep-alive";
	bad[7].upgrade = "tcp";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct reply rep = { 0 };
		struct err err;

		assert_true(accepted(&bad[i], &rep, &err) < 0);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(rep.headers);
	}
}

static void another_version_is_told_ours(void **unused)
{
	static const char *const versions[] = { NULL, "", "8", "130" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct headers h = good;
		struct reply rep = { 0 };
		struct err err;

		h.version = versions[i];
		assert_true(accepted(&h, &rep, &err) > 0);
		assert_int_equal(rep.status, 426);
		assert_string_equal(told(&rep, "Sec-WebSocket-Version"), "13");
		reply_clear(&rep);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc_is_accepted),
		cmocka_unit_test(the_only_subprotocol_is_taken_and_none_of_several),
		cmocka_unit_test(other_requests_are_refused),
		cmocka_unit_test(another_version_is_told_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
