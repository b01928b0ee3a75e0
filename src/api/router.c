#include "api/exchange.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/http_out.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *url_decode(const char *s, size_t len, bool plus)
{
	auto_free char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int hi = i + 1 < len ? hex_digit(s[i + 1]) : -1;
			int lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
				return NULL;
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return take_ptr(&out);
}

static bool match_from(struct request *req, const char *t, const char *p, const char *end);

/* t is behind "{". The value ends at the next slash or, with dots, wherever the rest of the template
 * matches, longest first: in /images/{name...}/tag a name may itself hold "/tag". */
static bool match_param(struct request *req, const char *t, const char *p, const char *end)
{
	const char *rest = strchr(t, '}') + 1;
	bool dots = rest[-2] == '.';
	const char *stop = dots ? end : memchr(p, '/', (size_t)(end - p));
	size_t slot = req->param_count;
	char *value;

	if (!stop)
		stop = end;
	for (; stop > p; stop--) {
		req->param_count = slot + 1;
		req->params[slot] = (struct pair){ .name = (char *)t };
		if (match_from(req, rest, stop, end)) {
			value = url_decode(p, (size_t)(stop - p), false);
			req->params[slot].value = value;
			return value != NULL;
		}
		req->param_count = slot;
		if (!dots)
			break;
	}
	return false;
}

static bool match_from(struct request *req, const char *t, const char *p, const char *end)
{
	for (; *t && *t != '{'; t++, p++)
		if (p == end || *p != *t)
			return false;
	if (*t == '{')
		return req->param_count < PARAMS_MAX && match_param(req, t + 1, p, end);
	return p == end;
}

bool route_match(struct request *req, const char *template, const char *path, size_t len)
{
	if (match_from(req, template, path, path + len))
		return true;
	for (size_t i = 0; i < req->param_count; i++)
		free(req->params[i].value);
	req->param_count = 0;
	return false;
}

static bool method_parse(const char *text, enum http_method *ret)
{
	static const char *const names[METHOD_COUNT] = {
		[GET] = "GET",
		[HEAD] = "HEAD",
		[POST] = "POST",
		[PUT] = "PUT",
		[DELETE] = "DELETE",
		[OPTIONS] = "OPTIONS",
	};

	for (int m = 0; m < METHOD_COUNT; m++)
		if (str_eq(text, names[m])) {
			*ret = (enum http_method)m;
			return true;
		}
	return false;
}

struct version {
	unsigned major, minor;
};

static int version_cmp(struct version a, struct version b)
{
	if (a.major != b.major)
		return a.major < b.major ? -1 : 1;
	return (a.minor > b.minor) - (a.minor < b.minor);
}

/* Digits, at most six of them: more is no version. */
static const char *number_parse(const char *p, unsigned *ret)
{
	const char *start = p;

	for (*ret = 0; isdigit((unsigned char)*p); p++)
		*ret = *ret * 10 + (unsigned)(*p - '0');
	return p > start && p - start <= 6 ? p : NULL;
}

static struct version version_of(const char *text)
{
	struct version v;
	const char *dot = number_parse(text, &v.major);

	(void)number_parse(dot + 1, &v.minor);
	return v;
}

/* "/v1.47/…": the rest of the path, or the path itself if it has no version. */
static const char *version_strip(const char *path, struct version *ret)
{
	struct version v;
	const char *p = path;

	if (!str_starts(p, "/v"))
		return path;
	p = number_parse(p + 2, &v.major);
	if (!p || *p != '.')
		return path;
	p = number_parse(p + 1, &v.minor);
	if (!p || *p != '/')
		return path;
	*ret = v;
	return p;
}

/* "http://host/…", as one asks a proxy; a server has to take it, too (RFC 9112, 3.2.2). */
static const char *host_strip(const char *uri)
{
	const char *slash =
		str_starts(uri, "http://") ? strchr(uri + strlen("http://"), '/') : NULL;

	return slash ? slash : uri;
}

/* Docker's two refusals. The older one is plain text, as every client below 1.24 expects it. */
static void version_check(struct reply *rep, struct version v)
{
	struct err err = { 0 };

	if (version_cmp(v, version_of(DAYFLY_API_VERSION)) > 0) {
		(void)err_set(&err, ERR_INVALID, EINVAL,
			"client version %u.%u is too new. Maximum supported API version is %s",
			v.major, v.minor, DAYFLY_API_VERSION);
		reply_error(rep, &err);
	} else if (version_cmp(v, version_of(DAYFLY_API_VERSION_MIN)) < 0) {
		(void)err_set(&err, ERR_INVALID, EINVAL,
			"client version %u.%u is too old. Minimum supported API version is %s, "
			"please upgrade your client to a newer version",
			v.major, v.minor, DAYFLY_API_VERSION_MIN);
		(void)reply_text(rep, 400, err.msg);
	}
}

static int query_parse(struct request *req, const char *text, struct err *err)
{
	while (*text) {
		size_t len = strcspn(text, "&");
		size_t key = strcspn(text, "=&");
		size_t value = key < len ? key + 1 : len;

		if (len > 0) {
			struct pair pair;

			if (req->query_count == QUERY_LIMIT)
				return err_set(
					err, ERR_INVALID, E2BIG, "too many query parameters");
			req->query = xreallocarray(
				req->query, req->query_count + 1, sizeof(*req->query));
			pair.name = url_decode(text, key, true);
			pair.value = url_decode(text + value, len - value, true);
			req->query[req->query_count++] = pair;
			if (!pair.name || !pair.value)
				return err_set(err, ERR_INVALID, EINVAL,
					"invalid escape in query parameter '%.*s'",
					(int)(key > 64 ? 64 : key), text);
		}
		text += len + (text[len] == '&');
	}
	return 0;
}

static const struct route *route_find(struct request *req, const char *path, size_t len)
{
	for (const struct route *r = routes; r->path; r++)
		if (r->method == req->method && route_match(req, r->path, path, len))
			return r;
	return NULL;
}

int request_route(struct request *req, struct reply *rep, const char *method, const char *uri,
	struct err *err)
{
	struct version v = version_of(DAYFLY_API_VERSION);
	const char *path = version_strip(host_strip(uri), &v);
	size_t len = strcspn(path, "?#");
	int r;

	if (len > PATH_LIMIT)
		return err_set(err, ERR_INVALID, ENAMETOOLONG, "request path is too long");
	if (!method_parse(method, &req->method))
		return err_set(err, ERR_NOT_FOUND, ENOENT, "page not found");
	if (req->method == OPTIONS)
		return reply_empty(rep, 200);
	req->route = route_find(req, path, len);
	if (!req->route)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "page not found");
	req->minor = v.minor;
	version_check(rep, v);
	if (rep->kind != REPLY_NONE)
		return 0;
	r = path[len] == '?' ? query_parse(req, path + len + 1, err) : 0;
	return r;
}
