/* What registries ask for and clients send, as text. */
#include "../unit.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "registry/auth.h"
#include "registry/http.h"

static void challenges_are_understood(void **unused)
{
	static const struct {
		const char *text;
		enum challenge_kind kind;
		const char *realm, *service, *scope, *error;
	} cases[] = {
		{ .text = "", .kind = CHALLENGE_NONE },
		{ .text = "Basic realm=\"x\"", .kind = CHALLENGE_BASIC, .realm = "x" },
		{ .text = "Basic", .kind = CHALLENGE_BASIC },
		{ .text = "Bearer realm=\"https://a/token\",service=\"r\","
			  "scope=\"repository:a/b:pull,push\"",
			.kind = CHALLENGE_BEARER,
			.realm = "https://a/token",
			.service = "r",
			.scope = "repository:a/b:pull,push" },
		{ .text = "bearer  REALM = \"https://a\" , error=insufficient_scope",
			.kind = CHALLENGE_BEARER,
			.realm = "https://a",
			.error = "insufficient_scope" },
		{ .text = "Basic realm=\"x\", Bearer realm=\"https://a\"",
			.kind = CHALLENGE_BEARER,
			.realm = "https://a" },
		{ .text = "Bearer realm=\"https://a\", Basic realm=\"x\"",
			.kind = CHALLENGE_BEARER,
			.realm = "https://a" },
		{ .text = "Negotiate, Basic realm=\"a \\\"quoted\\\" one\"",
			.kind = CHALLENGE_BASIC,
			.realm = "a \"quoted\" one" },
		{ .text = "Bearer service=\"no realm\"", .kind = CHALLENGE_NONE },
		{ .text = "Bearer realm=\"not closed", .kind = CHALLENGE_NONE },
		{ .text = "Bearer realm=\"first\",realm=\"second\"",
			.kind = CHALLENGE_BEARER,
			.realm = "first" },
		{ .text = "=,=", .kind = CHALLENGE_NONE },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_challenge struct challenge c = { 0 };

		challenge_parse(cases[i].text, &c);
		if (c.kind != cases[i].kind)
			fail_msg("%s: %d", cases[i].text, c.kind);
		assert_string_equal(c.realm ? c.realm : "", cases[i].realm ? cases[i].realm : "");
		assert_string_equal(
			c.service ? c.service : "", cases[i].service ? cases[i].service : "");
		assert_string_equal(c.scope ? c.scope : "", cases[i].scope ? cases[i].scope : "");
		assert_string_equal(c.error ? c.error : "", cases[i].error ? cases[i].error : "");
	}
}

static void the_next_page_is_found_among_links(void **unused)
{
	static const struct {
		const char *text, *next;
	} cases[] = {
		{ "</v2/a/tags/list?last=b&n=1>; rel=\"next\"", "/v2/a/tags/list?last=b&n=1" },
		{ "<https://h/x>;rel=next", "https://h/x" },
		{ "<a>; rel=\"prev\", <b>; title=\"x, y\"; rel=\"NEXT\"", "b" },
		{ "<a>; rel=\"prev\"", NULL },
		{ "<a>", NULL },
		{ "<a", NULL },
		{ "a; rel=next", NULL },
		{ "", NULL },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *next = link_next(cases[i].text);

		if (!next != !cases[i].next || (next && !str_eq(next, cases[i].next)))
			fail_msg("%s: %s", cases[i].text, next ? next : "nothing");
	}
}

static void credentials_come_as_clients_send_them(void **unused)
{
	auto_credentials struct credentials c = { 0 };
	auto_free char *basic = NULL;
	auto_buf struct buf text = { 0 };
	struct err err;
	const char *json =
		"{\"username\":\"\",\"auth\":\"dXNlcjpwYTpzcw==\",\"identitytoken\":\"\","
		"\"serveraddress\":\"h\"}";

	(void)unused;
	base64_encode(json, strlen(json), &text);
	assert_int_equal(credentials_decode(text.data, &c, &err), 0);
	assert_string_equal(c.username, "user");
	assert_string_equal(c.password, "pa:ss");
	assert_string_equal(c.server, "h");
	assert_null(c.identity_token);
	basic = credentials_basic(&c);
	assert_string_equal(basic, "Basic dXNlcjpwYTpzcw==");
}

static void what_are_no_credentials_is_refused(void **unused)
{
	static const char *const bad[] = { "@", "W10=", "ew==", "bnVsbA==bnVsbA==", "bnVsbHg=" };
	struct credentials c = { 0 };
	struct err err;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (credentials_decode(bad[i], &c, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
}

static void no_credentials_may_be_nothing_null_or_an_empty_object(void **unused)
{
	static const char *const none[] = { "", "bnVsbA==", "bnVsbA", "e30", "e30=", "IHt9Cg==" };
	struct credentials c = { 0 };
	struct err err;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		if (credentials_decode(none[i], &c, &err) != 0)
			fail_msg("%s: %s", none[i], err.msg);
		assert_null(credentials_basic(&c));
	}
}

static void a_member_of_credentials_that_is_no_text_is_named(void **unused)
{
	static const char *const bad[] = { "{\"password\":5}", "{\"password\":\"a\\u0000b\"}",
		"{\"password\":[]}" };
	struct credentials c = { 0 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		assert_int_equal(credentials_parse(bad[i], strlen(bad[i]), &c, &err), -EINVAL);
		assert_string_equal(err.msg, "invalid credentials: password must be a string");
	}
	assert_int_equal(credentials_parse("{\"password\":null}", 17, &c, NULL), 0);
	assert_null(c.password);
}

static void urls_have_hosts(void **unused)
{
	auto_free char *host = url_host("https://user:p@h:1/path?a@b"), *none = url_host("path");
	auto_free char *encoded = url_encode("a b/c:%\xc3\xa9~");
	auto_free char *relative = url_resolve("https://h:1/v2/a/list?x=1", "/v2/b?y=2");

	(void)unused;
	assert_string_equal(host, "h:1");
	assert_null(none);
	assert_string_equal(encoded, "a%20b%2Fc%3A%25%C3%A9~");
	assert_string_equal(relative, "https://h:1/v2/b?y=2");
	assert_true(url_same_origin("https://h/a", "https://H/b"));
	assert_false(url_same_origin("https://h/a", "http://h/a"));
	assert_false(url_same_origin("https://h/a", "https://h:444/a"));
	assert_false(url_same_origin("https://h/a", "https://h@evil/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_understood),
		cmocka_unit_test(the_next_page_is_found_among_links),
		cmocka_unit_test(credentials_come_as_clients_send_them),
		cmocka_unit_test(what_are_no_credentials_is_refused),
		cmocka_unit_test(no_credentials_may_be_nothing_null_or_an_empty_object),
		cmocka_unit_test(a_member_of_credentials_that_is_no_text_is_named),
		cmocka_unit_test(urls_have_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
