/* registry/client.h - a conversation with one repository of one registry (distribution-spec v2).
 *
 * Opening finds the way there: https, and plain http after it where settings allow that; mirrors of
 * docker.io before docker.io itself for pulling. A mirror that fails is never the answer: what it does
 * not give, the next endpoint is asked for. Authentication happens by itself, once per scope and again
 * when a token has run out. What may pass is tried again with growing pauses. Nothing here verifies
 * digests: the caller hashes what comes in. */
#pragma once

#include "base/err.h"
#include "oci/settings.h"
#include "registry/auth.h"
#include "registry/http.h"

#define REGISTRY_TRIES 6 /* in all */

struct registry;

/* Everything is borrowed and must outlive the conversation. */
struct registry_how {
	const char *repository; /* full: "docker.io/library/busybox", "h:5000/a/b"; "h:5000/": the
				 * registry itself, as for /auth */
	const char *actions;    /* "pull", "pull,push"; NULL: no scope is asked for */
	const char *const
		*scopes; /* further ones ("repository:a/c:pull"), NULL-ended; may be NULL */
	const struct credentials *credentials; /* may be NULL */
	bool offline; /* a token for later is asked for, too: registry_identity_token() */
	const struct settings *settings;
	const atomic_bool *cancel; /* registry/http.h */
	/* before each pause; may be NULL */
	void (*retrying)(void *arg, unsigned seconds);
	void *arg;
};

/* Asks /v2/ of each endpoint until one answers. The last one's error is returned. */
int registry_open(const struct registry_how *how, struct registry **ret, struct err *err);
/* The same conversation on a connection of its own, for another thread: begins with what this one has
 * found out, and shares nothing that changes. retrying and arg are the new one's. */
struct registry *registry_fork(
	const struct registry *of, void (*retrying)(void *arg, unsigned seconds), void *arg);
void registry_free(struct registry *r);
static inline void registry_free_ptr(struct registry **r)
{
	registry_free(*r);
}
#define auto_registry __attribute__((cleanup(registry_free_ptr)))

/* The endpoint in use, "https://registry-1.docker.io". Borrowed. */
const char *registry_endpoint(const struct registry *r);

/* What a token server has given to be used instead of the password from now on; "" if nothing. */
const char *registry_identity_token(const struct registry *r);

/* ---- any request */
struct registry_request {
	const char *method;
	/* behind /v2/REPOSITORY/: "blobs/uploads/?mount=…"; "/v2/_catalog" from the top; or a whole
	 * URL, as a Location is (one of another host is sent no authorization) */
	const char *path;
	char *const *headers; /* "Name: value", NULL-ended; may be NULL */
	const struct http_upload *body;
	const struct http_sink *sink;
	size_t body_max;
	bool once; /* not again after an error: only after a 401 */
};
/* 0 with any final answer, also a 404 (see registry_refused()); < 0 when there was none. */
int registry_request(struct registry *r, const struct registry_request *q, struct http_reply *ret,
	struct err *err);
/* A Location, which may be relative, as a whole URL. Owned; NULL without one. */
char *registry_location(const struct http_reply *r);
/* What an answer >= 400 says, in Docker's words and with the kind (status) Docker gives it: "pull access
 * denied for X, …", "manifest for X not found: manifest unknown: …", "unauthorized: …". shown: what
 * the user asked for ("busybox:latest"). action: "pull" or "push". Returns < 0 always. */
int registry_refused(const struct registry *r, const struct http_reply *reply, const char *action,
	const char *shown, struct err *err);

/* ---- pulling */
/* The manifest of a tag or digest: reply->body and its Content-Type. Answers >= 400 are errors. */
int registry_manifest(struct registry *r, const char *tag_or_digest, const char *shown,
	struct http_reply *ret, struct err *err);
/* A blob of size bytes, from its first byte to its last, each once, whatever breaks in between. */
int registry_blob(struct registry *r, const char *digest, int64_t size,
	int (*data)(void *arg, const void *data, size_t len, struct err *err), void *arg,
	struct err *err);
/* The repository's tags, all pages; at most max, ERR_INVALID beyond. */
int registry_tags(struct registry *r, const char *shown, size_t max, char ***ret, struct err *err);
/* 1: the blob is there; 0: it is not. */
int registry_has_blob(struct registry *r, const char *digest, struct err *err);
