#include "registry/auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/str.h"
#include "json/text.h"

#define PARAM_MAX 4096 /* of one parameter in a header */

/* ---- credentials */

void credentials_clear(struct credentials *c)
{
	free(c->username);
	free(c->password);
	free(c->identity_token);
	free(c->registry_token);
	free(c->server);
	*c = (struct credentials){ 0 };
}

/* Missing, null and empty are the same: not given. */
static int take_member(json_object *o, const char *key, char **ret, struct err *err)
{
	json_object *value = json_get(o, key);
	const char *text;

	if (!value)
		return 0;
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	if (!text || strlen(text) != (size_t)json_object_get_string_len(value))
		return err_set(
			err, ERR_INVALID, EINVAL, "invalid credentials: %s must be a string", key);
	*ret = *text ? xstrdup(text) : NULL;
	return 0;
}

/* "auth": base64 of user:password, as in ~/.docker/config.json */
static void read_pair(json_object *o, struct credentials *ret)
{
	auto_buf struct buf plain = { 0 };
	const char *auth = json_get_str(o, "auth", ""), *colon;

	if (ret->username || !*auth || base64_decode(auth, CREDENTIALS_MAX, &plain) < 0 ||
		!plain.len)
		return;
	colon = memchr(plain.data, ':', plain.len);
	if (!colon || strlen(plain.data) != plain.len)
		return;
	ret->username = xstrndup(plain.data, (size_t)(colon - plain.data));
	free(ret->password); /* one without a user */
	ret->password = xstrdup(colon + 1);
}

static int credentials_read(json_object *o, struct credentials *ret, struct err *err)
{
	auto_credentials struct credentials c = { 0 };
	int r;

	if (!json_object_is_type(o, json_type_object))
		return err_set(err, ERR_INVALID, EINVAL, "invalid credentials: no object");
	r = take_member(o, "username", &c.username, err);
	if (r == 0)
		r = take_member(o, "password", &c.password, err);
	if (r == 0)
		r = take_member(o, "identitytoken", &c.identity_token, err);
	if (r == 0)
		r = take_member(o, "registrytoken", &c.registry_token, err);
	if (r == 0)
		r = take_member(o, "serveraddress", &c.server, err);
	if (r < 0)
		return r;
	read_pair(o, &c);
	*ret = c;
	c = (struct credentials){ 0 };
	return 0;
}

int credentials_parse(const char *json, size_t len, struct credentials *ret, struct err *err)
{
	auto_json json_object *o = NULL;
	int r = json_parse(json, len, &o, err);

	return r < 0 ? r : credentials_read(o, ret, err);
}

int credentials_decode(const char *header, struct credentials *ret, struct err *err)
{
	auto_buf struct buf json = { 0 };
	auto_json json_object *o = NULL;
	int r;

	*ret = (struct credentials){ 0 };
	if (!*header)
		return 0;
	if (base64_decode(header, CREDENTIALS_MAX, &json) < 0 || !json.len)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid X-Registry-Auth header: it is not base64");
	r = json_parse(json.data, json.len, &o, err);
	if (r == 0 && o) /* null: what clients that have none make of it */
		r = credentials_read(o, ret, err);
	return r < 0 ? err_prefix(err, "invalid X-Registry-Auth header") : 0;
}

char *credentials_basic(const struct credentials *c)
{
	auto_free char *pair = NULL;
	auto_buf struct buf out = { 0 };

	if (!c || !c->username)
		return NULL;
	pair = xasprintf("%s:%s", c->username, c->password ? c->password : "");
	buf_adds(&out, "Basic ");
	base64_encode(pair, strlen(pair), &out);
	return buf_steal(&out);
}

/* ---- header values: tokens and quoted strings (RFC 9110, 5.6) */

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_len(const char *p)
{
	size_t n = 0;

	while (is_token(p[n]))
		n++;
	return n;
}

/* A token or a quoted string; moves *p behind it. NULL if there is neither. */
static char *read_value(const char **p)
{
	auto_buf struct buf out = { 0 };
	const char *s = *p;

	if (*s != '"') {
		size_t n = token_len(s);

		*p = s + n;
		return n && n < PARAM_MAX ? xstrndup(s, n) : NULL;
	}
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		buf_addc(&out, *s);
		if (out.len >= PARAM_MAX)
			return NULL;
	}
	if (*s != '"')
		return NULL;
	*p = s + 1;
	return buf_steal(&out);
}

/* ---- WWW-Authenticate */

void challenge_clear(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){ 0 };
}

static void set_param(struct challenge *c, const char *name, size_t len, char *take_value)
{
	const struct {
		const char *name;
		char **member;
	} params[] = {
		{ "realm", &c->realm },
		{ "service", &c->service },
		{ "scope", &c->scope },
		{ "error", &c->error },
	};

	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (strlen(params[i].name) == len && !strncasecmp(name, params[i].name, len) &&
			!*params[i].member) {
			*params[i].member = take_value;
			return;
		}
	free(take_value);
}

/* NAME=VALUE, separated by commas, until something else comes: the next scheme or the end. Moves *p
 * there; false if it cannot be understood. */
static bool read_params(const char **p, struct challenge *c)
{
	for (;;) {
		const char *s = skip_blanks(*p);
		const char *name;
		size_t len;
		char *value;

		while (*s == ',')
			s = skip_blanks(s + 1);
		*p = name = s;
		len = token_len(s);
		s = skip_blanks(s + len);
		if (len == 0 || *s != '=')
			return true;
		s = skip_blanks(s + 1);
		value = read_value(&s);
		if (!value)
			return false;
		set_param(c, name, len, value);
		*p = s;
	}
}

static enum challenge_kind kind_of(const char *scheme, size_t len)
{
	if (len == 6 && strncasecmp(scheme, "bearer", len) == 0)
		return CHALLENGE_BEARER;
	return len == 5 && strncasecmp(scheme, "basic", len) == 0 ? CHALLENGE_BASIC
								  : CHALLENGE_NONE;
}

void challenge_parse(const char *header, struct challenge *ret)
{
	const char *p = header;

	*ret = (struct challenge){ 0 };
	for (;;) {
		auto_challenge struct challenge c = { 0 };
		size_t len;

		p += strspn(p, " \t,");
		len = token_len(p);
		if (len == 0)
			return;
		c.kind = kind_of(p, len);
		p += len;
		if (!read_params(&p, &c))
			return;
		if (c.kind == CHALLENGE_BEARER && !c.realm)
			c.kind = CHALLENGE_NONE; /* nowhere to ask */
		if (c.kind > ret->kind) {
			challenge_clear(ret);
			*ret = c;
			c = (struct challenge){ 0 };
		}
	}
}

/* ---- Link */

/* Whether the parameters at p, up to the next link, say rel=next. Moves *p behind them. */
static bool rel_is_next(const char **p)
{
	bool next = false;

	for (;;) {
		const char *s = skip_blanks(*p), *name;
		auto_free char *value = NULL;
		size_t len;

		*p = s;
		if (*s != ';')
			return next;
		name = skip_blanks(s + 1);
		len = token_len(name);
		s = skip_blanks(name + len);
		if (*s == '=') {
			s = skip_blanks(s + 1);
			value = read_value(&s);
		}
		if (len == 0 || s == *p)
			return next;
		if (value && len == 3 && strncasecmp(name, "rel", 3) == 0)
			next |= strcasecmp(value, "next") == 0;
		*p = s;
	}
}

char *link_next(const char *header)
{
	const char *p = header;

	for (;;) {
		const char *end;
		auto_free char *target = NULL;

		p += strspn(p, " \t,");
		end = *p == '<' ? strchr(p, '>') : NULL;
		if (!end)
			return NULL;
		target = xstrndup(p + 1, (size_t)(end - p - 1));
		p = end + 1;
		if (rel_is_next(&p))
			return take_ptr(&target);
	}
}
