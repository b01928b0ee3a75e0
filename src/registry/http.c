#include "registry/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/network.h"
#include "registry/libcurl.h"

#define REDIRECTS_MAX     10
#define CONNECT_TIMEOUT_S 15L
#define DOCUMENT_TIME_S                                                                            \
	120L /* for a whole answer that is kept in memory, to a request without body */
#define SILENCE_S      60L
#define SILENCE_SENT_S 300L /* a registry may have to sum up what it got */
#define SILENCE_BYTES  32L  /* a second; less, for SILENCE_S, is silence */
#define RECEIVE_BLOCK  (512L * 1024)
#define HOSTS_MAX      16
#define PEM_MAX        (4u << 20)
#define PAUSE_STEP_MS  100

/* What is known of one host: settings_insecure() may ask the resolver. */
struct host {
	char *name;
	bool insecure, nearby; /* nearby: insecure only where its address is in insecure_nets */
	struct certs certs;
	char *authorities; /* the system's and those of certs; NULL: the system's alone */
};

struct http {
	CURL *easy; /* NULL until the first request */
	const struct settings *settings;
	const atomic_bool *cancel;
	char *no_proxy;
	struct host hosts[HOSTS_MAX];
	size_t host_count;
};

/* One exchange: request, and what of its answer came. */
struct exchange {
	const struct http *http;
	const struct http_request *request;
	struct http_reply *reply;
	size_t heads; /* bytes of headers */
	int64_t sent;
	bool begun; /* the sink has seen the headers */
	int failed; /* -errno of a callback, with err */
	struct err *err;
	char why[CURL_ERROR_SIZE];
};

/* ---- the client */

static bool cancelled(const struct http *h)
{
	return h->cancel && atomic_load_explicit(h->cancel, memory_order_relaxed);
}

static int fail_cancelled(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ECANCELED, "cancelled");
}

struct http *http_new(const struct settings *s, const atomic_bool *cancel)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->settings = s;
	h->cancel = cancel;
	h->no_proxy = settings_no_proxy(s);
	return h;
}

static void host_clear(struct host *o)
{
	free(o->name);
	free(o->authorities);
	certs_clear(&o->certs);
	*o = (struct host){ 0 };
}

static void forget_hosts(struct http *h)
{
	while (h->host_count)
		host_clear(&h->hosts[--h->host_count]);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->easy)
		curl_easy_cleanup(h->easy);
	forget_hosts(h);
	free(h->no_proxy);
	free(h);
}

/* libcurl takes one set of authorities, so that those of certs.d go behind a copy of the system's. */
static char *join_authorities(const char *more)
{
	const char *path = curl_version_info(CURLVERSION_NOW)->cainfo;
	auto_free char *system = NULL;

	if (!path || file_read_at(AT_FDCWD, path, PEM_MAX, &system, NULL) < 0)
		return xstrdup(more);
	return xasprintf("%s\n%s", system, more);
}

static int find_host(struct http *h, const char *name, const struct host **ret, struct err *err)
{
	struct host *o;
	int r;

	for (size_t i = 0; i < h->host_count; i++)
		if (str_eq(h->hosts[i].name, name)) {
			*ret = &h->hosts[i];
			return 0;
		}
	if (h->host_count == HOSTS_MAX)
		forget_hosts(h);
	o = &h->hosts[h->host_count];
	r = settings_certs(h->settings, name, &o->certs, err);
	if (r < 0)
		return r;
	o->name = xstrdup(name);
	o->insecure = settings_insecure(h->settings, name);
	o->nearby = o->insecure && !settings_insecure_as_written(h->settings, name);
	if (o->certs.authorities)
		o->authorities = join_authorities(o->certs.authorities);
	h->host_count++;
	*ret = o;
	return 0;
}

/* ---- replies */

void http_reply_clear(struct http_reply *r)
{
	free(r->url);
	strv_free(r->headers);
	buf_free(&r->body);
	*r = (struct http_reply){ 0 };
}

const char *http_reply_header(const struct http_reply *r, const char *name)
{
	for (char **h = r->headers; h && *h; h += 2)
		if (str_eq(h[0], name))
			return h[1];
	return NULL;
}

static size_t stop(struct exchange *x, int r)
{
	x->failed = r;
	return 0; /* not what was given: libcurl ends the transfer */
}

static void add_header(struct http_reply *reply, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	char *name;

	if (!colon || memchr(line, '\0', len))
		return;
	name = xstrndup(line, (size_t)(colon - line));
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	strv_add_take(&reply->headers, name);
	for (colon++; colon < line + len && (*colon == ' ' || *colon == '\t'); colon++)
		;
	while (line + len > colon && strchr(" \t\r\n", line[len - 1]))
		len--;
	strv_add_take(&reply->headers, xstrndup(colon, (size_t)(line + len - colon)));
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;

	x->heads += len;
	if (x->heads > HTTP_HEADS_MAX)
		return stop(x,
			err_set(x->err, ERR_SYSTEM, EMSGSIZE,
				"%s: the answer has more than %u bytes of headers", x->request->url,
				HTTP_HEADS_MAX));
	/* another answer begins: after a 100, or a proxy's own */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		strv_free(x->reply->headers);
		x->reply->headers = NULL;
	} else {
		add_header(x->reply, line, len);
	}
	return len;
}

static int give_to_sink(struct exchange *x, const void *data, size_t len)
{
	const struct http_sink *s = x->request->sink;
	int r = 0;

	if (!x->begun && s->begin)
		r = s->begin(s->arg, x->reply, x->err);
	x->begun = true;
	return r < 0 || len == 0 ? r : s->data(s->arg, data, len, x->err);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n, max = x->request->body_max;
	long status = 0;
	int r;

	(void)curl_easy_getinfo(x->http->easy, CURLINFO_RESPONSE_CODE, &status);
	x->reply->status = (int)status;
	if (x->request->sink && status / 100 == 2) {
		r = give_to_sink(x, data, len);
		return r < 0 ? stop(x, r) : len;
	}
	if (x->reply->body.len + len > (max ? max : HTTP_BODY_MAX))
		return stop(x,
			err_set(x->err, ERR_SYSTEM, EMSGSIZE,
				"%s: the answer has more than %zu bytes", x->request->url,
				max ? max : HTTP_BODY_MAX));
	buf_add(&x->reply->body, data, len);
	return len;
}

/* ---- what is sent */

static ssize_t read_stored(struct exchange *x, char *to, size_t len)
{
	const struct http_upload *b = x->request->body;
	ssize_t got;

	if ((int64_t)len > b->length - x->sent)
		len = (size_t)(b->length - x->sent);
	if (b->data) {
		memcpy(to, (const char *)b->data + x->sent, len);
		return (ssize_t)len;
	}
	got = pread(b->fd, to, len, b->offset + x->sent);
	if (got < 0 || (got == 0 && len))
		return err_sys(x->err, got < 0 ? errno : EIO, "read what is sent");
	return got;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	const struct http_upload *b = x->request->body;
	ssize_t got =
		b->read ? b->read(b->arg, to, size * n, x->err) : read_stored(x, to, size * n);

	if (got < 0) {
		x->failed = (int)got;
		return CURL_READFUNC_ABORT;
	}
	x->sent += got;
	if (b->sent)
		b->sent(b->arg, x->sent);
	return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;
	const struct http_upload *b = x->request->body;

	if (origin != SEEK_SET || (b->read && offset != 0))
		return CURL_SEEKFUNC_FAIL;
	if (b->read) {
		x->failed = b->rewind(b->arg, x->err);
		if (x->failed < 0)
			return CURL_SEEKFUNC_FAIL;
	}
	x->sent = offset;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(
	void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
	struct exchange *x = arg;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up_now;
	return cancelled(x->http);
}

/* ---- options */

static void set_limits(CURL *c, const struct http_request *q)
{
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SILENCE_BYTES);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, q->body ? SILENCE_SENT_S : SILENCE_S);
	if (!q->sink && !q->body)
		(void)curl_easy_setopt(c, CURLOPT_TIMEOUT, DOCUMENT_TIME_S);
}

static void set_callbacks(CURL *c, struct exchange *x)
{
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->why);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
}

static void set_body(CURL *c, struct exchange *x)
{
	const struct http_request *q = x->request;

	if (q->body) {
		(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(c, CURLOPT_READDATA, x);
		(void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
		(void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE,
			q->body->read ? (curl_off_t)-1 : (curl_off_t)q->body->length);
	} else if (str_eq(q->method, "HEAD")) {
		(void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (!str_eq(q->method, "GET") && !str_eq(q->method, "DELETE")) {
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
	}
	if (!str_eq(q->method, "HEAD"))
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

/* Of a name that was insecure when we asked for its addresses: libcurl asks again. */
static curl_socket_t open_nearby(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct http *h = arg;

	(void)purpose;
	return network_has(h->settings->insecure_nets, &a->addr)
		? socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol)
		: CURL_SOCKET_BAD;
}

static void set_trust(CURL *c, const struct http *h, const struct host *o)
{
	if (o->nearby) {
		(void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_nearby);
		(void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
	}
	if (o->insecure) {
		(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->authorities) {
		struct curl_blob pem = { .data = o->authorities, .len = strlen(o->authorities) };

		pem.flags = CURL_BLOB_COPY;
		(void)curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &pem);
	}
	if (o->certs.cert) {
		(void)curl_easy_setopt(c, CURLOPT_SSLCERT, o->certs.cert);
		(void)curl_easy_setopt(c, CURLOPT_SSLKEY, o->certs.key);
	}
}

/* The environment was looked at with the settings: libcurl must not do so again in its own way. A proxy would ask for
 * the addresses by itself. */
static void set_proxy(CURL *c, const struct http *h, const struct host *o, const char *url)
{
	const char *proxy =
		str_starts(url, "https://") ? h->settings->https_proxy : h->settings->http_proxy;

	(void)curl_easy_setopt(c, CURLOPT_PROXY, proxy && !o->nearby ? proxy : "");
	(void)curl_easy_setopt(c, CURLOPT_NOPROXY, h->no_proxy ? h->no_proxy : "");
}

static struct curl_slist *header_list(const struct http_request *q, const char *authorization)
{
	struct curl_slist *list = NULL;
	bool agent = false;

	for (char *const *s = q->headers; s && *s; s++) {
		list = curl_slist_append(list, *s);
		agent |= strncasecmp(*s, "user-agent:", 11) == 0;
	}
	if (!agent)
		list = curl_slist_append(list, "User-Agent: dayfly/" DAYFLY_VERSION);
	if (authorization) {
		auto_free char *line = xasprintf("Authorization: %s", authorization);

		list = curl_slist_append(list, line);
	}
	if (q->body) /* not every registry says 100, and a second is lost with each that does not */
		list = curl_slist_append(list, "Expect:");
	return list;
}

static void set_options(struct http *h, struct exchange *x, const char *url, const struct host *o)
{
	CURL *c = h->easy;

	curl_easy_reset(c); /* keeps connections */
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	/* One transfer at a time leaves nothing to multiplex. */
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_BLOCK);
	(void)curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	set_limits(c, x->request);
	set_callbacks(c, x);
	set_body(c, x);
	set_trust(c, h, o);
	set_proxy(c, h, o, url);
}

/* ---- errors */

/* Go's words for an operation on a URL: "Get", "Head". */
static char *verb(const char *method)
{
	char *v = xstrdup(method);

	for (char *c = v + 1; *v && *c; c++)
		*c = (char)(*c - 'A' + 'a');
	return v;
}

static char *lower_first(const char *s)
{
	char *copy = xstrdup(s);

	if (*copy >= 'A' && *copy <= 'Z')
		*copy = (char)(*copy - 'A' + 'a');
	return copy;
}

static int connect_failed(const struct http *h, const char *url, struct err *err)
{
	auto_free char *host = url_host(url), *text = NULL;
	long sys = 0;

	(void)curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &sys);
	if (!sys)
		sys = ECONNREFUSED;
	text = lower_first(strerror((int)sys));
	return err_set(
		err, ERR_SYSTEM, (int)sys, "dial tcp %s: connect: %s", host ? host : "?", text);
}

static int curl_failed(struct exchange *x, CURLcode code, const char *url, struct err *err)
{
	const char *why = *x->why ? x->why : curl_easy_strerror(code);
	auto_free char *host = url_host(url);

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		if (host)
			host[strcspn(host, ":")] = '\0';
		return err_set(err, ERR_SYSTEM, EHOSTUNREACH, "dial tcp: lookup %s: no such host",
			host ? host : "?");
	case CURLE_COULDNT_CONNECT: return connect_failed(x->http, url, err);
	case CURLE_OPERATION_TIMEDOUT: return err_set(err, ERR_SYSTEM, ETIMEDOUT, "%s", why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, ERR_SYSTEM, EPROTO, "tls: %s", why);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: return err_set(err, ERR_SYSTEM, ECONNRESET, "%s", why);
	default: return err_set(err, ERR_SYSTEM, EBADMSG, "%s", why);
	}
}

static int failed(struct exchange *x, CURLcode code, const char *url, struct err *err)
{
	auto_free char *v = verb(x->request->method);
	int r;

	if (x->failed)
		return x->failed; /* err is set */
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return fail_cancelled(err);
	r = curl_failed(x, code, url, err);
	(void)err_prefix(err, "%s \"%.256s\"", v, url);
	return r;
}

bool http_error_passes(int r)
{
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -EHOSTUNREACH || r == -ENETUNREACH ||
		r == -ETIMEDOUT;
}

bool http_status_passes(int status)
{
	return status == 408 || status == 429 || status / 100 == 5;
}

unsigned http_retry_after(const struct http_reply *r, unsigned max)
{
	const char *text = http_reply_header(r, "retry-after");
	uint64_t n = 0;
	time_t at;

	if (!text)
		return 0;
	if (str_to_u64(text, &n) < 0) {
		at = curl_getdate(text, NULL);
		n = at > time(NULL) ? (uint64_t)(at - time(NULL)) : 0;
	}
	return n > max ? max : (unsigned)n;
}

int http_pause(const struct http *h, unsigned ms, struct err *err)
{
	int64_t end = time_monotonic() + (int64_t)ms * NSEC_PER_MSEC;

	while (time_monotonic() < end) {
		if (cancelled(h))
			return fail_cancelled(err);
		(void)usleep(PAUSE_STEP_MS * 1000);
	}
	return 0;
}

/* ---- URLs */

char *url_host(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t len;

	if (!host)
		return NULL;
	host += strlen("://");
	len = strcspn(host, "/?#");
	at = memrchr(host, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	return len ? xstrndup(host, len) : NULL;
}

char *url_encode(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	auto_buf struct buf out = { 0 };

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') || strchr("-._~", *p)) {
			buf_addc(&out, (char)*p);
			continue;
		}
		buf_addc(&out, '%');
		buf_addc(&out, hex[*p >> 4]);
		buf_addc(&out, hex[*p & 15]);
	}
	return buf_steal(&out);
}

char *url_resolve(const char *base, const char *relative)
{
	CURLU *u = libcurl_load(NULL) < 0 ? NULL : curl_url();
	char *text = NULL, *ret = NULL;

	if (!u)
		return NULL;
	if (curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, relative, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		ret = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return ret;
}

bool url_same_origin(const char *a, const char *b)
{
	auto_free char *x = url_host(a), *y = url_host(b);

	return x && y && strcasecmp(x, y) == 0 &&
		str_starts(a, "https://") == str_starts(b, "https://");
}

/* What a server may send us to: another host, but not from TLS to plain text. */
static int check_url(const char *url, const struct host *o, bool plain, struct err *err)
{
	if (str_starts(url, "https://") || (str_starts(url, "http://") && (plain || o->insecure)))
		return 0;
	return err_set(err, ERR_SYSTEM, EPROTO,
		"%.256s: plain http is only for the hosts in insecure-registries", url);
}

/* ---- one request */

static int begin(struct http *h, struct err *err)
{
	int r = h->easy ? 0 : libcurl_load(err);

	if (r < 0 || h->easy)
		return r;
	h->easy = curl_easy_init();
	return h->easy ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot begin a request");
}

static int exchange(struct http *h, const struct http_request *q, const char *url,
	struct http_reply *reply, struct err *err)
{
	struct exchange x = { .http = h, .request = q, .reply = reply, .err = err };
	auto_free char *name = strlen(url) <= HTTP_URL_MAX ? url_host(url) : NULL;
	struct curl_slist *headers;
	const struct host *o;
	long status = 0;
	CURLcode code;
	int r;

	if (!name)
		return err_set(err, ERR_SYSTEM, EINVAL, "%.128s is no URL of a registry", url);
	r = find_host(h, name, &o, err);
	if (r == 0)
		r = check_url(url, o, q->plain, err);
	if (r == 0 && q->body && q->body->read)
		r = q->body->rewind(q->body->arg, err);
	if (r < 0)
		return r;
	set_options(h, &x, url, o);
	headers = header_list(q, url_same_origin(url, q->url) ? q->authorization : NULL);
	(void)curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(h->easy);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return failed(&x, code, url, err);
	(void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	reply->status = (int)status;
	if (q->sink && status / 100 == 2)
		return give_to_sink(&x, NULL, 0); /* of an empty body it has not heard yet */
	return 0;
}

static bool is_redirect(const struct http_request *q, int status)
{
	/* 301 to 303 make a GET of everything else, which nobody here can want */
	if (status == 307 || status == 308)
		return true;
	return status >= 301 && status <= 303 &&
		(str_eq(q->method, "GET") || str_eq(q->method, "HEAD"));
}

int http_perform(
	struct http *h, const struct http_request *q, struct http_reply *ret, struct err *err)
{
	auto_free char *url = xstrdup(q->url);
	int r = begin(h, err);

	if (r < 0)
		return r;
	for (unsigned hops = 0;; hops++) {
		auto_reply struct http_reply reply = { 0 };
		char *next = NULL;

		r = cancelled(h) ? fail_cancelled(err) : exchange(h, q, url, &reply, err);
		if (r < 0)
			return r;
		(void)curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &next);
		if (!is_redirect(q, reply.status) || !next) {
			reply.url = take_ptr(&url);
			*ret = reply;
			reply = (struct http_reply){ 0 };
			return 0;
		}
		if (hops == REDIRECTS_MAX)
			return err_set(err, ERR_SYSTEM, ELOOP, "%.256s: more than %d redirects",
				q->url, REDIRECTS_MAX);
		free(url);
		url = xstrdup(next);
	}
}
