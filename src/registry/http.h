/* registry/http.h - HTTP requests through libcurl, one after the other on connections that are kept.
 *
 * Redirects are followed here, so that the authorization stays with the host it was meant for. TLS,
 * certificates and proxies are as oci/settings.h has them for each host. A server that stops sending
 * is given up on; what one may send is limited by the caller. No answer is an error of this file:
 * a 500 is a reply like a 200. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/settings.h"

#define HTTP_BODY_MAX  (8u << 20)  /* of an answer that is kept in memory, unless asked for less */
#define HTTP_HEADS_MAX (64u << 10) /* of all headers of one answer */
#define HTTP_URL_MAX   (16u << 10)

/* A client is for one thread at a time. Settings are borrowed. cancel (may be NULL) may be set by any
 * thread: whatever is under way ends within a second, with -ECANCELED. */
struct http;
struct http *http_new(const struct settings *s, const atomic_bool *cancel);
void http_free(struct http *h);
static inline void http_free_ptr(struct http **h)
{
	http_free(*h);
}
#define auto_http __attribute__((cleanup(http_free_ptr)))

struct http_reply {
	int status;
	char *url;      /* that answered, after all redirects */
	char **headers; /* name, value, name, value…; names in lower case */
	struct buf body;
};
void http_reply_clear(struct http_reply *r);
#define auto_reply __attribute__((cleanup(http_reply_clear)))
/* The value of a header (name in lower case), or NULL. Borrowed. */
const char *http_reply_header(const struct http_reply *r, const char *name);

/* What is sent: bytes, or (data NULL) a part of a file, read without moving its offset. It can be sent
 * again, after a redirect or a 401. sent (may be NULL) is told how much of it went out. */
struct http_upload {
	const void *data;
	int fd;
	int64_t offset, length;
	/* Instead: bytes made as they are asked for, of which nobody knows how many come; 0 ends them,
	 * -errno with err fails the request. Chunked on the wire. rewind begins anew, also the first time. */
	ssize_t (*read)(void *arg, void *data, size_t len, struct err *err);
	int (*rewind)(void *arg, struct err *err);
	void (*sent)(void *arg, int64_t total);
	void *arg;
};

/* Takes the body of a 2xx as it comes. begin (may be NULL) sees status and headers before that. Both
 * end the transfer by returning an error, which becomes the request's. */
struct http_sink {
	int (*begin)(void *arg, const struct http_reply *r, struct err *err);
	int (*data)(void *arg, const void *data, size_t len, struct err *err);
	void *arg;
};

struct http_request {
	const char *method;        /* "GET", "HEAD", "POST", "PATCH", "PUT", "DELETE" */
	const char *url;           /* http:// or https:// */
	char *const *headers;      /* "Name: value", NULL-ended; may be NULL */
	const char *authorization; /* its value, for the url's own host; may be NULL */
	const struct http_upload *body;
	const struct http_sink *sink; /* NULL: the body is kept in the reply */
	size_t body_max;              /* of a kept body; 0: HTTP_BODY_MAX. More is -EMSGSIZE */
	bool plain; /* http:// may be used for any host, not only for insecure ones */
};

/* On failure *ret is empty. err says what went wrong in the words Docker's users know ('Get "URL": dial
 * tcp …: connect: connection refused'); -errno tells kinds apart: ECONNREFUSED, EHOSTUNREACH,
 * ETIMEDOUT, ECONNRESET, EPROTO (TLS), ECANCELED, or what a sink returned. */
int http_perform(
	struct http *h, const struct http_request *q, struct http_reply *ret, struct err *err);
/* Whether such an error of the connection may be gone at the next try. */
bool http_error_passes(int r);
/* Whether such an answer may be another at the next try: 408, 429 and 5xx. */
bool http_status_passes(int status);
/* Seconds that Retry-After asks for (a number, or a date), at most max; 0: none. */
unsigned http_retry_after(const struct http_reply *r, unsigned max);
/* Waits, but not for a client that is cancelled: -ECANCELED then. */
int http_pause(const struct http *h, unsigned ms, struct err *err);

/* "https://h:1/path" -> "h:1". Owned; NULL if it is no such URL. */
char *url_host(const char *url);
/* Whether scheme, host and port are the same. */
bool url_same_origin(const char *a, const char *b);
/* relative, as seen from base. Owned; NULL if that gives no URL. */
char *url_resolve(const char *base, const char *relative);
/* Percent-encoded for a query. Owned. */
char *url_encode(const char *text);
