/* Docker's token authentication: a registry names a server that gives tokens, and what for. */
#include "registry/conversation.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

#define TOKEN_MAX (32u << 10)
#define CLIENT_ID "dayfly"

/* What goes into a header must not end it. */
static bool token_valid(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > TOKEN_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int set_token(struct registry *r, const char *token, struct err *err)
{
	if (!token_valid(token))
		return err_set(
			err, ERR_SYSTEM, EBADMSG, "%s: the token is none", registry_endpoint(r));
	free(r->authorization);
	r->authorization = xasprintf("Bearer %s", token);
	return 0;
}

static void add_field(struct buf *out, const char *name, const char *value)
{
	auto_free char *encoded = url_encode(value);

	if (out->len && out->data[out->len - 1] != '?')
		buf_addc(out, '&');
	buf_printf(out, "%s=%s", name, encoded);
}

/* Our own scope and further ones; where we have none to say, the registry's. */
static void add_scopes(const struct registry *r, struct buf *out)
{
	if (r->how.actions && *r->path) {
		auto_free char *scope = xasprintf("repository:%s:%s", r->path, r->how.actions);

		add_field(out, "scope", scope);
	} else if (r->challenge.scope) {
		add_field(out, "scope", r->challenge.scope);
	}
	for (const char *const *s = r->how.scopes; s && *s; s++)
		add_field(out, "scope", *s);
}

/* An identity token is exchanged by POST. */
static int post_for_token(struct registry *r, struct http_reply *ret, struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
		NULL };
	auto_buf struct buf form = { 0 };
	struct http_upload body = { 0 };

	add_field(&form, "grant_type", "refresh_token");
	add_field(&form, "service", r->challenge.service ? r->challenge.service : "");
	add_field(&form, "client_id", CLIENT_ID);
	add_field(&form, "refresh_token", r->how.credentials->identity_token);
	add_scopes(r, &form);
	body = (struct http_upload){ .data = form.data, .length = (int64_t)form.len };
	return http_perform(r->http,
		&(struct http_request){ .method = "POST",
			.url = r->challenge.realm,
			.headers = (char *const *)(void *)headers,
			.body = &body,
			.plain = endpoint_is_plain(r) },
		ret, err);
}

static int get_token(struct registry *r, struct http_reply *ret, struct err *err)
{
	const struct credentials *c = r->how.credentials;
	auto_free char *basic = credentials_basic(c);
	auto_buf struct buf url = { 0 };

	buf_adds(&url, r->challenge.realm);
	if (!strchr(r->challenge.realm, '?'))
		buf_addc(&url, '?');
	if (r->challenge.service)
		add_field(&url, "service", r->challenge.service);
	add_scopes(r, &url);
	if (basic)
		add_field(&url, "account", c->username);
	if (r->how.offline) {
		add_field(&url, "offline_token", "true");
		add_field(&url, "client_id", CLIENT_ID);
	}
	return http_perform(r->http,
		&(struct http_request){ .method = "GET",
			.url = url.data,
			.authorization = basic,
			.plain = endpoint_is_plain(r) },
		ret, err);
}

static int read_token(struct registry *r, const struct http_reply *reply, struct err *err)
{
	auto_json json_object *o = NULL;
	const char *token;

	if (reply->status >= 400)
		return registry_refused(r, reply, "login", r->familiar, err);
	if (reply->status != 200 ||
		json_parse(reply->body.data ? reply->body.data : "", reply->body.len, &o, NULL) < 0)
		return err_set(err, ERR_SYSTEM, EBADMSG, "%.256s: no token in the answer",
			r->challenge.realm);
	token = json_get_str(o, "refresh_token", "");
	if (r->how.offline && *token) {
		free(r->identity_token);
		r->identity_token = xstrdup(token);
	}
	token = json_get_str(o, "token", "");
	return set_token(r, *token ? token : json_get_str(o, "access_token", ""), err);
}

static int fetch_token(struct registry *r, struct err *err)
{
	const struct credentials *c = r->how.credentials;
	unsigned tries = 1;

	/* what was entrusted to TLS is not sent without it */
	if (str_starts(registry_endpoint(r), "https://") &&
		!str_starts(r->challenge.realm, "https://"))
		return err_set(err, ERR_SYSTEM, EPROTO,
			"%s wants credentials to be sent without TLS, to %.256s",
			registry_endpoint(r), r->challenge.realm);
	for (;;) {
		auto_reply struct http_reply reply = { 0 };
		int n = c && c->identity_token ? post_for_token(r, &reply, err)
					       : get_token(r, &reply, err);
		int again = registry_pause(r, &tries, n, &reply, err);

		if (again < 0)
			return again;
		if (again == 0)
			return n < 0 ? n : read_token(r, &reply, err);
	}
}

int registry_authorize(struct registry *r, struct err *err)
{
	const struct credentials *c = r->how.credentials;

	switch (r->challenge.kind) {
	case CHALLENGE_NONE: return 0;
	case CHALLENGE_BASIC:
		free(r->authorization);
		r->authorization = credentials_basic(c);
		return 0;
	case CHALLENGE_BEARER: break;
	}
	if (c && c->registry_token)
		return set_token(r, c->registry_token, err);
	return fetch_token(r, err);
}
