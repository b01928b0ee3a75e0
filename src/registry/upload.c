#include "registry/upload.h"

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "registry/conversation.h"

/* A Location may have a query of its own. */
static char *with_digest(const char *location, const char *digest)
{
	auto_free char *encoded = url_encode(digest);

	return xasprintf("%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', encoded);
}

static int no_location(const struct registry *r, const char *what, struct err *err)
{
	return err_set(err, ERR_SYSTEM, EPROTO, "%s: no Location in the answer to %s",
		registry_endpoint(r), what);
}

/* Opens an upload session. */
static int begin(struct registry *r, const char *shown, char **ret, struct err *err)
{
	const struct registry_request q = { .method = "POST", .path = "blobs/uploads/" };
	auto_reply struct http_reply reply = { 0 };
	int n = registry_request(r, &q, &reply, err);

	if (n < 0)
		return n;
	if (reply.status / 100 != 2)
		return registry_refused(r, &reply, "push", shown, err);
	*ret = registry_location(&reply);
	return *ret ? 0 : no_location(r, "POST", err);
}

/* One request of a session. Sessions know how far they are, so nothing is sent to the same one twice. */
static int step(struct registry *r, const char *method, const char *url,
	const struct http_upload *body, struct http_reply *reply, struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	const struct registry_request q = {
		.method = method,
		.path = url,
		.headers = (char *const *)(void *)headers,
		.body = body,
		.once = true,
	};

	return registry_request(r, &q, reply, err);
}

/* A body of unknown size goes before the digest is known, as Docker does it. */
static int send(struct registry *r, const char *session, const struct registry_source *source,
	struct http_reply *ret, struct err *err)
{
	static const struct http_upload nothing = { .data = "" };
	auto_free char *location = xstrdup(session), *last = NULL;
	const struct http_upload *body = source->body;

	if (body->read) {
		auto_reply struct http_reply reply = { 0 };
		int n = step(r, "PATCH", location, body, &reply, err);

		if (n < 0)
			return n;
		if (reply.status / 100 != 2) {
			*ret = reply;
			reply = (struct http_reply){ 0 };
			return 0;
		}
		free(location);
		location = registry_location(&reply);
		if (!location)
			return no_location(r, "PATCH", err);
		body = &nothing; /* empty rather than none: the registry is given time to sum up */
	}
	last = with_digest(location, source->digest);
	return step(r, "PUT", last, body, ret, err);
}

/* Once more, from the beginning and in a new session? Like registry_pause(), but a session that the
 * registry has lost is no trouble that has to pass. */
static int again(
	struct registry *r, unsigned *tries, int n, const struct http_reply *reply, struct err *err)
{
	if (n < 0 || (reply->status != 404 && reply->status != 416))
		return registry_pause(r, tries, n, reply, err);
	return ++*tries <= REGISTRY_TRIES;
}

int registry_put_blob(struct registry *r, const char *session, const struct registry_source *source,
	const char *shown, struct err *err)
{
	unsigned tries = 1;

	for (;;) {
		auto_reply struct http_reply reply = { 0 };
		auto_free char *own = NULL;
		int n, more;

		n = session ? 0 : begin(r, shown, &own, err); /* tries often enough by itself */
		if (n < 0)
			return n;
		n = send(r, session ? session : own, source, &reply, err);
		if (n == 0 && reply.status / 100 == 2)
			return 0;
		more = again(r, &tries, n, &reply, err);
		if (more < 0 || (more == 0 && n < 0))
			return more < 0 ? more : n;
		if (more == 0)
			return registry_refused(r, &reply, "push", shown, err);
		session = NULL;
	}
}

int registry_mount(struct registry *r, const char *digest, const char *from, char **ret_session,
	struct err *err)
{
	auto_free char *blob = url_encode(digest), *other = url_encode(from);
	auto_free char *path = xasprintf("blobs/uploads/?mount=%s&from=%s", blob, other);
	const struct registry_request q = { .method = "POST", .path = path };
	auto_reply struct http_reply reply = { 0 };
	int n = registry_request(r, &q, &reply, err);

	*ret_session = NULL;
	if (n < 0)
		return n;
	if (reply.status == 201)
		return 1;
	if (reply.status / 100 == 2)
		*ret_session = registry_location(&reply);
	return 0;
}

int registry_put_manifest(struct registry *r, const char *tag, const char *media_type,
	const char *text, size_t len, const char *shown, struct err *err)
{
	auto_free char *path = xasprintf("manifests/%s", tag);
	auto_free char *type = xasprintf("Content-Type: %s", media_type);
	const struct http_upload body = { .data = text, .length = (int64_t)len };
	const struct registry_request q = {
		.method = "PUT",
		.path = path,
		.headers = (char *[]){ type, NULL },
		.body = &body,
	};
	auto_reply struct http_reply reply = { 0 };
	int n = registry_request(r, &q, &reply, err);

	if (n < 0)
		return n;
	return reply.status / 100 == 2 ? 0 : registry_refused(r, &reply, "push", shown, err);
}
