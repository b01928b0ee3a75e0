#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/exchange.h"
#include "base/alloc.h"

struct result {
	struct request req;
	struct reply rep;
	struct err err;
	int r;
};

static struct result *ask(const char *method, const char *uri)
{
	struct result *x = xcalloc(1, sizeof(*x));

	x->r = request_route(&x->req, &x->rep, method, uri, &x->err);
	return x;
}

static void done(struct result *x)
{
	request_clear(&x->req);
	reply_clear(&x->rep);
	free(x);
}

static void operation_is(const char *method, const char *uri, const char *operation)
{
	struct result *x = ask(method, uri);

	assert_int_equal(x->r, 0);
	assert_non_null(x->req.route);
	assert_string_equal(x->req.route->operation, operation);
	done(x);
}

static void param_is(const char *uri, const char *name, const char *value)
{
	struct result *x = ask("GET", uri);

	assert_int_equal(x->r, 0);
	assert_string_equal(req_param(&x->req, name), value);
	done(x);
}

static void not_found(const char *method, const char *uri)
{
	struct result *x = ask(method, uri);

	assert_true(x->r < 0);
	assert_int_equal(x->err.kind, ERR_NOT_FOUND);
	assert_string_equal(x->err.msg, "page not found");
	done(x);
}

static void literal_paths_win_over_placeholders(void **unused)
{
	(void)unused;
	operation_is("GET", "/containers/json", "ContainerList");
	operation_is("GET", "/containers/json/json", "ContainerInspect");
	operation_is("POST", "/containers/create", "ContainerCreate");
	operation_is("GET", "/images/get", "ImageGetAll");
	operation_is("GET", "/images/get/get", "ImageGet");
	operation_is("GET", "/images/json", "ImageList");
	operation_is("POST", "/networks/prune", "NetworkPrune");
}

static void image_names_may_hold_slashes_in_both_spellings(void **unused)
{
	(void)unused;
	param_is("/v1.47/images/localhost:5000/a/b:1/json", "name", "localhost:5000/a/b:1");
	param_is("/images/a%2Fb/json", "name", "a/b");
	param_is("/images/json/json", "name", "json");
	param_is("/images/a/json/json", "name", "a/json");
	operation_is("DELETE", "/images/a/tag", "ImageDelete");
}

static void a_container_name_ends_at_a_slash(void **unused)
{
	(void)unused;
	param_is("/containers/web/json", "id", "web");
	param_is("/containers/%2Fweb/json", "id", "/web");
	not_found("GET", "/containers/a/b/json");
	not_found("GET", "/containers//json");
}

static void unknown_paths_and_methods_are_page_not_found(void **unused)
{
	(void)unused;
	not_found("GET", "/");
	not_found("GET", "/nope");
	not_found("GET", "/containers/json/");
	not_found("PATCH", "/info");
	not_found("POST", "/info");
	not_found("HEAD", "/info");
	not_found("get", "/info");
	not_found("GET", "/v1.47");
	not_found("GET", "/vx.47/info");
	not_found("GET", "/v1/info");
	not_found("GET", "/v1.9999999/info");
	not_found("GET", "/images/a%zz/json");
	not_found("GET", "/images/a%00/json");
	not_found("GET", "/images/a%2");
}

static void options_is_fine_anywhere(void **unused)
{
	struct result *x = ask("OPTIONS", "/whatever");

	(void)unused;
	assert_int_equal(x->r, 0);
	assert_int_equal(x->rep.status, 200);
	done(x);
}

static void version_status(const char *uri, int status, const char *type, const char *text)
{
	struct result *x = ask("GET", uri);

	assert_int_equal(x->r, 0);
	assert_int_equal(x->rep.status, status);
	assert_string_equal(x->rep.type, type);
	assert_string_equal(x->rep.body.data, text);
	done(x);
}

static void versions_compare_as_numbers(void **unused)
{
	struct result *x;

	(void)unused;
	x = ask("GET", "/v1.24/info");
	assert_int_equal(x->rep.kind, REPLY_NONE);
	assert_int_equal(req_api_minor(&x->req), 24);
	done(x);
	x = ask("GET", "/info");
	assert_int_equal(req_api_minor(&x->req), 47);
	done(x);
	version_status("/v1.48/info", 400, "application/json",
		"{\"message\":\"client version 1.48 is too new. Maximum supported API version is "
		"1.47\"}\n");
	version_status("/v2.0/info", 400, "application/json",
		"{\"message\":\"client version 2.0 is too new. Maximum supported API version is "
		"1.47\"}\n");
	version_status("/v1.9/info", 400, "text/plain; charset=utf-8",
		"client version 1.9 is too old. Minimum supported API version is 1.24, please "
		"upgrade your client to a newer version");
	not_found("GET", "/v1.99/nope");
}

static void query_values_are_decoded_and_kept_in_order(void **unused)
{
	struct result *x =
		ask("GET", "/containers/json?a=1&filters=%7B%22x%22%3A+1%7D&a=2&b&=c&&d=e=f");
	auto_strv char **all = req_query_all(&x->req, "a");

	(void)unused;
	assert_int_equal(x->r, 0);
	assert_string_equal(req_query(&x->req, "filters"), "{\"x\": 1}");
	assert_string_equal(req_query(&x->req, "a"), "1");
	assert_int_equal(strv_len(all), 2);
	assert_string_equal(all[1], "2");
	assert_string_equal(req_query(&x->req, "b"), "");
	assert_string_equal(req_query(&x->req, "d"), "e=f");
	assert_null(req_query(&x->req, "missing"));
	assert_null(req_query_all(&x->req, "missing"));
	done(x);
}

static void a_broken_escape_in_the_query_is_refused(void **unused)
{
	struct result *x = ask("GET", "/info?a=%4");

	(void)unused;
	assert_true(x->r < 0);
	assert_int_equal(x->err.kind, ERR_INVALID);
	done(x);
}

static void booleans_are_read_as_docker_reads_them(void **unused)
{
	static const char *const no[] = { "", "0", "no", "NO", "false", "False", "none" };
	static const char *const yes[] = { "1", "true", "yes", "2", "off", " " };
	char uri[64];
	struct result *x;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		(void)snprintf(uri, sizeof(uri), "/info?x=%s", no[i]);
		x = ask("GET", uri);
		assert_false(req_query_bool(&x->req, "x", true));
		done(x);
	}
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		(void)snprintf(uri, sizeof(uri), "/info?x=%s", yes[i]);
		x = ask("GET", uri);
		assert_true(req_query_bool(&x->req, "x", false));
		done(x);
	}
	x = ask("GET", "/info");
	assert_true(req_query_bool(&x->req, "x", true));
	assert_false(req_query_bool(&x->req, "x", false));
	done(x);
}

static void numbers_in_queries_are_whole(void **unused)
{
	struct result *x = ask("GET", "/info?t=-1&empty=&bad=1x&big=99999999999");
	int n = 7;

	(void)unused;
	assert_int_equal(req_query_int(&x->req, "t", 5, &n, &x->err), 0);
	assert_int_equal(n, -1);
	assert_int_equal(req_query_int(&x->req, "empty", 5, &n, &x->err), 0);
	assert_int_equal(n, 5);
	assert_int_equal(req_query_int(&x->req, "missing", 6, &n, &x->err), 0);
	assert_int_equal(n, 6);
	assert_true(req_query_int(&x->req, "bad", 5, &n, &x->err) < 0);
	assert_true(req_query_int(&x->req, "big", 5, &n, &x->err) < 0);
	assert_int_equal(n, 6);
	done(x);
}

static void limits_hold(void **unused)
{
	struct buf uri = { 0 };
	struct result *x;

	(void)unused;
	buf_adds(&uri, "/images/");
	for (int i = 0; i < PATH_LIMIT; i++)
		buf_addc(&uri, 'a');
	buf_adds(&uri, "/json");
	x = ask("GET", uri.data);
	assert_int_equal(x->err.kind, ERR_INVALID);
	done(x);
	buf_free(&uri);

	buf_adds(&uri, "/info?");
	for (int i = 0; i <= QUERY_LIMIT; i++)
		buf_adds(&uri, "a=1&");
	x = ask("GET", uri.data);
	assert_int_equal(x->err.kind, ERR_INVALID);
	done(x);
	buf_free(&uri);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literal_paths_win_over_placeholders),
		cmocka_unit_test(image_names_may_hold_slashes_in_both_spellings),
		cmocka_unit_test(a_container_name_ends_at_a_slash),
		cmocka_unit_test(unknown_paths_and_methods_are_page_not_found),
		cmocka_unit_test(options_is_fine_anywhere),
		cmocka_unit_test(versions_compare_as_numbers),
		cmocka_unit_test(query_values_are_decoded_and_kept_in_order),
		cmocka_unit_test(a_broken_escape_in_the_query_is_refused),
		cmocka_unit_test(booleans_are_read_as_docker_reads_them),
		cmocka_unit_test(numbers_in_queries_are_whole),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
