#include "registry/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/reference.h"
#include "json/text.h"

#define FIRST_PAUSE_MS  500u /* doubled with each try */
#define RETRY_AFTER_MAX 60   /* seconds; whoever asks for more is not waited for any longer */
#define MIRROR_TRIES    2

/* ---- opening */

static void use_challenge(struct registry *r, const struct http_reply *reply)
{
	const char *text = http_reply_header(reply, "www-authenticate");

	challenge_clear(&r->challenge);
	challenge_parse(text ? text : "", &r->challenge);
}

/* Whether somebody at this endpoint speaks the protocol, and what has to be shown to him. */
static int ping(struct registry *r, struct err *err)
{
	auto_free char *url = xasprintf("%s/v2/", registry_endpoint(r));
	unsigned tries = 1;

	for (;;) {
		auto_reply struct http_reply reply = { 0 };
		int n, again;

		n = http_perform(r->http,
			&(struct http_request){
				.method = "GET", .url = url, .plain = endpoint_is_plain(r) },
			&reply, err);
		/* nobody there: no reason to insist */
		if (n < 0)
			return n;
		again = registry_pause(r, &tries, n, &reply, err);
		if (again < 0)
			return again;
		if (again == 0 && reply.status >= 500)
			return err_set(err, ERR_SYSTEM, EIO,
				"Get \"%s\": received unexpected HTTP status: %d", url,
				reply.status);
		if (again == 0) {
			use_challenge(r, &reply);
			return 0;
		}
	}
}

/* The first endpoint from the current one on that answers. */
static int find_endpoint(struct registry *r, struct err *err)
{
	int n;

	free(take_ptr(&r->authorization));
	for (;;) {
		n = ping(r, err);
		if (n == 0 || n == -ECANCELED || r->current + 1 == r->endpoint_count)
			return n;
		r->current++;
	}
}

static struct registry *new_like(const struct registry_how *how)
{
	struct registry *r = xcalloc(1, sizeof(*r));

	r->how = *how;
	r->http = http_new(how->settings, how->cancel);
	return r;
}

int registry_open(const struct registry_how *how, struct registry **ret, struct err *err)
{
	auto_registry struct registry *r = new_like(how);
	auto_ref struct image_ref ref = { 0 };
	int n = endpoints_find(r, err);

	if (n < 0)
		return n;
	if (image_ref_parse(how->repository, &ref, NULL) == 0)
		r->familiar = xstrdup(ref.familiar);
	else
		r->familiar = xstrdup(how->repository);
	n = find_endpoint(r, err);
	if (n < 0)
		return n;
	*ret = take_ptr(&r);
	return 0;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

struct registry *registry_fork(
	const struct registry *of, void (*retrying)(void *arg, unsigned seconds), void *arg)
{
	struct registry *r = new_like(&of->how);

	r->how.retrying = retrying;
	r->how.arg = arg;
	r->path = xstrdup(of->path);
	r->familiar = xstrdup(of->familiar);
	r->endpoints = xcalloc(of->endpoint_count, sizeof(*r->endpoints));
	for (; r->endpoint_count < of->endpoint_count; r->endpoint_count++)
		r->endpoints[r->endpoint_count] = (struct endpoint){
			.url = xstrdup(of->endpoints[r->endpoint_count].url),
			.mirror = of->endpoints[r->endpoint_count].mirror,
		};
	r->current = of->current;
	r->challenge = (struct challenge){
		.kind = of->challenge.kind,
		.realm = copy(of->challenge.realm),
		.service = copy(of->challenge.service),
		.scope = copy(of->challenge.scope),
	};
	r->authorization = copy(of->authorization);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	http_free(r->http);
	for (size_t i = 0; i < r->endpoint_count; i++)
		free(r->endpoints[i].url);
	free(r->endpoints);
	challenge_clear(&r->challenge);
	free(r->authorization);
	free(r->identity_token);
	free(r->path);
	free(r->familiar);
	free(r);
}

const char *registry_endpoint(const struct registry *r)
{
	return endpoint_in_use(r)->url;
}

const char *registry_identity_token(const struct registry *r)
{
	return r->identity_token ? r->identity_token : "";
}

/* ---- trying again */

static bool may_pass(int n, const struct http_reply *reply)
{
	return n < 0 ? http_error_passes(n) : http_status_passes(reply->status);
}

int registry_pause(
	struct registry *r, unsigned *tries, int n, const struct http_reply *reply, struct err *err)
{
	unsigned max = endpoint_in_use(r)->mirror ? MIRROR_TRIES : REGISTRY_TRIES;
	unsigned ms, asked;
	int paused;

	if (!may_pass(n, reply) || *tries >= max)
		return 0;
	asked = n < 0 ? 0 : http_retry_after(reply, RETRY_AFTER_MAX);
	ms = asked ? asked * 1000 : FIRST_PAUSE_MS << (*tries - 1);
	if (r->how.retrying)
		r->how.retrying(r->how.arg, (ms + 999) / 1000);
	paused = http_pause(r->http, ms, err);
	++*tries;
	return paused < 0 ? paused : 1;
}

int registry_again(
	struct registry *r, unsigned *tries, int n, const struct http_reply *reply, struct err *err)
{
	int again;

	if (n == -ECANCELED || (n >= 0 && reply->status < 400))
		return 0;
	again = registry_pause(r, tries, n, reply, err);
	if (again != 0 || !endpoint_in_use(r)->mirror || r->current + 1 == r->endpoint_count)
		return again;
	r->current++;
	*tries = 1;
	again = find_endpoint(r, err);
	return again < 0 ? again : 1;
}

/* ---- requests */

static char *url_of(const struct registry *r, const char *path)
{
	if (strstr(path, "://"))
		return xstrdup(path);
	if (*path == '/')
		return xasprintf("%s%s", registry_endpoint(r), path);
	return xasprintf("%s/v2/%s/%s", registry_endpoint(r), r->path, path);
}

static int perform(struct registry *r, const struct registry_request *q, struct http_reply *ret,
	struct err *err)
{
	auto_free char *url = url_of(r, q->path);
	bool ours = url_same_origin(url, registry_endpoint(r));
	int n = 0;

	if (ours && !r->authorization)
		n = registry_authorize(r, err);
	if (n < 0)
		return n;
	return http_perform(r->http,
		&(struct http_request){
			.method = q->method,
			.url = url,
			.headers = q->headers,
			.authorization = ours ? r->authorization : NULL,
			.body = q->body,
			.sink = q->sink,
			.body_max = q->body_max,
			.plain = endpoint_is_plain(r),
		},
		ret, err);
}

/* One try; a token that is refused is fetched anew once. */
static int attempt(struct registry *r, const struct registry_request *q, struct http_reply *ret,
	struct err *err)
{
	int n = perform(r, q, ret, err);

	if (n < 0 || ret->status != 401)
		return n;
	use_challenge(r, ret);
	if (r->challenge.kind != CHALLENGE_BEARER || r->how.actions == NULL)
		return 0;
	http_reply_clear(ret);
	free(take_ptr(&r->authorization));
	return perform(r, q, ret, err);
}

int registry_request(struct registry *r, const struct registry_request *q, struct http_reply *ret,
	struct err *err)
{
	unsigned tries = 1;

	for (;;) {
		auto_reply struct http_reply reply = { 0 };
		int n = attempt(r, q, &reply, err);
		int again = q->once ? 0 : registry_again(r, &tries, n, &reply, err);

		if (again < 0 || (again == 0 && n < 0))
			return again < 0 ? again : n;
		if (again > 0)
			continue;
		*ret = reply;
		reply = (struct http_reply){ 0 };
		return 0;
	}
}

char *registry_location(const struct http_reply *r)
{
	const char *where = http_reply_header(r, "location");

	return where ? url_resolve(r->url, where) : NULL;
}

/* ---- refusals */

struct refusal {
	char code[64];  /* "MANIFEST_UNKNOWN" */
	char text[256]; /* its words, fit for a line */
};

/* What does not say itself what is wrong. */
static void refusal_from_status(const struct http_reply *reply, struct refusal *ret)
{
	static const struct {
		int status;
		const char *code, *text;
	} usual[] = {
		{ 401, "UNAUTHORIZED", "authentication required" },
		{ 403, "DENIED", "requested access to the resource is denied" },
		{ 404, "NOT_FOUND", "not found" },
		{ 429, "TOOMANYREQUESTS", "Too Many Requests" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (usual[i].status == reply->status) {
			(void)snprintf(ret->code, sizeof(ret->code), "%s", usual[i].code);
			(void)snprintf(ret->text, sizeof(ret->text), "%s", usual[i].text);
		}
}

static void copy_line(char *to, size_t room, const char *text)
{
	(void)snprintf(to, room, "%s", text);
	for (; *to; to++)
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = ' ';
}

/* {"errors":[{"code":…,"message":…}]}; token servers say {"details":…} or {"message":…}, too. */
static void refusal_read(const struct http_reply *reply, struct refusal *ret)
{
	auto_json json_object *o = NULL;
	json_object *errors, *first;
	const char *text;

	refusal_from_status(reply, ret);
	if (!reply->body.len || json_parse(reply->body.data, reply->body.len, &o, NULL) < 0)
		return;
	errors = json_get(o, "errors");
	first = json_object_is_type(errors, json_type_array) && json_object_array_length(errors)
		? json_object_array_get_idx(errors, 0)
		: o;
	if (*json_get_str(first, "code", ""))
		copy_line(ret->code, sizeof(ret->code), json_get_str(first, "code", ""));
	text = json_get_str(first, "message", json_get_str(first, "details", ""));
	if (*text)
		copy_line(ret->text, sizeof(ret->text), text);
}

/* The header says it when the body does not: the token is good, but not for this. */
static bool scope_was_too_small(const struct http_reply *reply)
{
	const char *text = http_reply_header(reply, "www-authenticate");
	auto_challenge struct challenge c = { 0 };

	if (reply->status == 401 && text)
		challenge_parse(text, &c);
	return c.error && str_eq(c.error, "insufficient_scope");
}

static int refused_pull(const struct registry *r, const struct refusal *f, const char *said,
	const char *shown, struct err *err)
{
	if (str_eq(f->code, "DENIED"))
		return err_set(err, ERR_NOT_FOUND, EACCES,
			"pull access denied for %.128s, repository does not exist or may require "
			"'docker login': %s",
			r->familiar, said);
	if (str_eq(f->code, "MANIFEST_UNKNOWN"))
		return err_set(err, ERR_NOT_FOUND, ENOENT, "manifest for %.160s not found: %s",
			shown, said);
	if (str_eq(f->code, "NAME_UNKNOWN"))
		return err_set(err, ERR_NOT_FOUND, ENOENT, "repository %.128s not found: %s",
			r->familiar, said);
	return 0;
}

static enum err_kind kind_of(int status)
{
	switch (status) {
	case 401: return ERR_UNAUTHORIZED;
	case 403: return ERR_DENIED;
	case 404: return ERR_NOT_FOUND;
	case 429: return ERR_TOO_MANY;
	default: return ERR_SYSTEM;
	}
}

/* "MANIFEST_UNKNOWN" -> "manifest unknown: text" */
static char *say(const struct refusal *f)
{
	char *said = xasprintf("%s: %s", f->code, *f->text ? f->text : "no reason given");

	for (char *c = said; *c && *c != ':'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		if (*c == '_')
			*c = ' ';
	}
	return said;
}

int registry_refused(const struct registry *r, const struct http_reply *reply, const char *action,
	const char *shown, struct err *err)
{
	struct refusal f = { 0 };
	auto_free char *said = NULL;
	int n;

	refusal_read(reply, &f);
	if (scope_was_too_small(reply))
		f = (struct refusal){ "DENIED", "requested access to the resource is denied" };
	else if (reply->status == 401 && r->challenge.kind == CHALLENGE_BASIC && !r->authorization)
		return err_set(err, ERR_UNAUTHORIZED, EACCES, "%.256s: no basic auth credentials",
			registry_endpoint(r));
	if (!*f.code)
		return err_set(err, kind_of(reply->status), EIO,
			"%.256s: received unexpected HTTP status: %d",
			reply->url ? reply->url : "?", reply->status);
	said = say(&f);
	n = str_eq(action, "pull") ? refused_pull(r, &f, said, shown, err) : 0;
	if (n < 0)
		return n;
	return err_set(err, kind_of(reply->status), EACCES, "%s", said);
}
