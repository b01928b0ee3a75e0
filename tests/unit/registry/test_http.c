/* Where a host is connected to, told by who stands in for the resolver and the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the above */
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "oci/settings.h"
#include "registry/http.h"
#include "registry/libcurl.h"

#define HERE  "127.0.0.1"
#define THERE "192.0.2.1" /* nobody's */
#define NAME  "registry.example"

typedef int resolve_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static struct buf tried; /* addresses, each with a blank behind it */

/* For us and for libcurl: the name has two addresses. */
int getaddrinfo(const char *restrict name, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	resolve_fn *real = (resolve_fn *)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo ipv4 = hints ? *hints : (struct addrinfo){ 0 };
	int r;

	if (!name || strcmp(name, NAME) != 0 || ipv4.ai_flags & AI_NUMERICHOST)
		return real(name, service, hints, ret);
	ipv4.ai_family = AF_INET;
	r = real(HERE, service, &ipv4, ret);
	return r ? r : real(THERE, service, &ipv4, &(*ret)->ai_next);
}

/* Nobody is anywhere. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)to;
	char text[INET_ADDRSTRLEN];

	(void)fd;
	(void)len;
	if (to->sa_family == AF_INET && inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
		buf_printf(&tried, "%s ", text);
	errno = ECONNREFUSED;
	return -1;
}

static void ask(const char *config, const char *url)
{
	auto_settings struct settings s = { 0 };
	struct http_reply reply = { 0 };
	struct err err = { 0 };
	struct http *h;

	if (libcurl_load(NULL) < 0)
		skip();
	buf_free(&tried);
	assert_int_equal(settings_parse(config, strlen(config), "test", &s, &err), 0);
	h = http_new(&s, NULL);
	assert_true(http_perform(h, &(struct http_request){ .method = "GET", .url = url }, &reply,
			    &err) < 0);
	http_free(h);
	http_reply_clear(&reply);
}

static void a_name_is_insecure_at_those_addresses_only_that_are(void **state)
{
	(void)state;
	ask("", "http://" NAME "/v2/");
	assert_string_equal(tried.data, HERE " ");
	ask("", "https://" NAME "/v2/"); /* which nobody would have to vouch for */
	assert_string_equal(tried.data, HERE " ");
	ask("{\"proxies\":{\"http-proxy\":\"http://192.0.2.9:3128\"}}", "http://" NAME "/v2/");
	assert_string_equal(tried.data, HERE " ");
}

static void one_that_is_listed_is_so_at_all_of_them(void **state)
{
	(void)state;
	ask("{\"insecure-registries\":[\"" NAME "\"]}", "http://" NAME "/v2/");
	assert_string_equal(tried.data, HERE " " THERE " ");
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&tried);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_insecure_at_those_addresses_only_that_are),
		cmocka_unit_test(one_that_is_listed_is_so_at_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
