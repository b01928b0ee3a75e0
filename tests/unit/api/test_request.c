#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/exchange.h"

/* Two headers are all that is looked at. */
struct headers {
	const char *type, *connection, *upgrade;
};

static const char *find(void *arg, const char *name)
{
	const struct headers *h = arg;

	if (str_eq(name, "Content-Type"))
		return h->type;
	if (str_eq(name, "Connection"))
		return h->connection;
	return str_eq(name, "Upgrade") ? h->upgrade : NULL;
}

static const struct route strict = { POST, "/x", NULL, BODY_JSON, "X" };
static const struct route lenient = { POST, "/x", NULL, BODY_JSON | BODY_OPTIONAL, "X" };
static const struct route bodyless = { POST, "/x", NULL, 0, "X" };

static enum err_kind checked(
	const struct route *route, const char *type, const char *body, size_t len)
{
	struct headers h = { .type = type };
	struct request req = { .route = route, .header = find, .header_arg = &h };
	struct err err = { .kind = ERR_SYSTEM };
	int r;

	buf_add(&req.body, body, len);
	req.body_len = len;
	r = request_check_body(&req, &err);
	request_clear(&req);
	return r < 0 ? err.kind : ERR_SYSTEM; /* stands for: fine */
}

static void json_bodies_need_their_content_type(void **unused)
{
	(void)unused;
	assert_int_equal(checked(&strict, "application/json", "{}", 2), ERR_SYSTEM);
	assert_int_equal(checked(&strict, "application/json; charset=utf-8", "{}", 2), ERR_SYSTEM);
	assert_int_equal(checked(&strict, "Application/JSON", "{}", 2), ERR_SYSTEM);
	assert_int_equal(checked(&strict, "application/jsonp", "{}", 2), ERR_INVALID);
	assert_int_equal(checked(&strict, "text/plain", "{}", 2), ERR_INVALID);
	assert_int_equal(checked(&strict, NULL, "{}", 2), ERR_INVALID);
	assert_int_equal(checked(&bodyless, "text/plain", "whatever", 8), ERR_SYSTEM);
}

static void empty_bodies_pass_where_they_are_optional(void **unused)
{
	(void)unused;
	assert_int_equal(checked(&lenient, NULL, "", 0), ERR_SYSTEM);
	assert_int_equal(checked(&lenient, "text/plain", "", 0), ERR_SYSTEM);
	assert_int_equal(checked(&strict, "application/json", "", 0), ERR_INVALID);
}

static void a_nul_cannot_hide_the_rest_of_a_body(void **unused)
{
	(void)unused;
	assert_int_equal(checked(&strict, "application/json", "{}\0{}", 5), ERR_INVALID);
}

static void large_bodies_are_refused_without_being_kept(void **unused)
{
	struct request req = { .route = &strict, .body_len = BODY_MAX + 1 };
	struct err err;

	(void)unused;
	assert_true(request_check_body(&req, &err) < 0);
	assert_int_equal(err.kind, ERR_TOO_LARGE);
}

static bool upgrade(const char *connection, const char *protocol)
{
	struct headers h = { .connection = connection, .upgrade = protocol };
	struct request req = { .header = find, .header_arg = &h };

	return req_wants_upgrade(&req, "tcp");
}

static void an_upgrade_needs_both_headers(void **unused)
{
	(void)unused;
	assert_true(upgrade("Upgrade", "tcp"));
	assert_true(upgrade("keep-alive, upgrade", "TCP"));
	assert_false(upgrade("keep-alive", "tcp"));
	assert_false(upgrade("Upgrade", "h2c"));
	assert_false(upgrade("Upgraded", "tcp"));
	assert_false(upgrade("Upgrade", NULL));
	assert_false(upgrade(NULL, "tcp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_bodies_need_their_content_type),
		cmocka_unit_test(empty_bodies_pass_where_they_are_optional),
		cmocka_unit_test(a_nul_cannot_hide_the_rest_of_a_body),
		cmocka_unit_test(large_bodies_are_refused_without_being_kept),
		cmocka_unit_test(an_upgrade_needs_both_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
