#include "api/exchange.h"

#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "core/restarts.h"

void request_clear(struct request *req)
{
	for (size_t i = 0; i < req->param_count; i++)
		free(req->params[i].value);
	for (size_t i = 0; i < req->query_count; i++) {
		free(req->query[i].name);
		free(req->query[i].value);
	}
	free(req->query);
	buf_free(&req->body);
}

unsigned req_api_minor(const struct request *req)
{
	return req->minor;
}

enum http_method req_method(const struct request *req)
{
	return req->method;
}

const struct route *req_route(const struct request *req)
{
	return req->route;
}

const char *req_param(const struct request *req, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < req->param_count; i++)
		/* names point into the template: they end at "}" or "..." */
		if (strncmp(req->params[i].name, name, len) == 0 &&
			(req->params[i].name[len] == '}' || req->params[i].name[len] == '.'))
			return req->params[i].value;
	return "";
}

const char *req_query(const struct request *req, const char *name)
{
	for (size_t i = 0; i < req->query_count; i++)
		if (str_eq(req->query[i].name, name))
			return req->query[i].value;
	return NULL;
}

bool req_query_bool(const struct request *req, const char *name, bool missing)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	const char *v = req_query(req, name);

	if (!v)
		return missing;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (strcasecmp(v, no[i]) == 0)
			return false;
	return true;
}

int req_query_int(
	const struct request *req, const char *name, int missing, int *ret, struct err *err)
{
	const char *v = req_query(req, name);
	int64_t n;

	if (str_empty(v)) {
		*ret = missing;
		return 0;
	}
	if (str_to_i64(v, &n) < 0 || n < INT32_MIN || n > INT32_MAX)
		return err_set(err, ERR_INVALID, EINVAL, "invalid value '%.64s' for parameter '%s'",
			v, name);
	*ret = (int)n;
	return 0;
}

char **req_query_all(const struct request *req, const char *name)
{
	char **all = NULL;

	for (size_t i = 0; i < req->query_count; i++)
		if (str_eq(req->query[i].name, name))
			strv_add(&all, req->query[i].value);
	return all;
}

const char *req_header(const struct request *req, const char *name)
{
	return req->header ? req->header(req->header_arg, name) : NULL;
}

const char *req_body(const struct request *req)
{
	return req->body.data ? req->body.data : "";
}

size_t req_body_len(const struct request *req)
{
	return req->body_len;
}

/* Whether a comma-separated header value has this token, in any case. */
static bool has_token(const char *value, const char *token)
{
	size_t len = strlen(token);

	while (value && *value) {
		value += strspn(value, " \t,");
		if (strncasecmp(value, token, len) == 0 && strchr(" \t,", value[len]))
			return true;
		value += strcspn(value, ",");
	}
	return false;
}

bool req_wants_upgrade(const struct request *req, const char *protocol)
{
	return !req->http_1_0 && has_token(req_header(req, "Connection"), "upgrade") &&
		has_token(req_header(req, "Upgrade"), protocol);
}

int req_core(struct request *req, struct core **ret, struct err *err)
{
	int r = 0;

	if (!req->engine->core) {
		r = core_open(&req->engine->core, err);
		if (r == 0 && restarts_are_due(req->engine->core))
			run_aside(req->engine->core, restarts_run);
	}
	if (r == 0)
		*ret = req->engine->core;
	return r;
}

static bool is_json_type(const char *type)
{
	static const char json[] = "application/json";

	return type && strncasecmp(type, json, strlen(json)) == 0 &&
		strchr(" \t;", type[strlen(json)]);
}

int request_check_body(const struct request *req, struct err *err)
{
	const char *type = req_header(req, "Content-Type");

	if (!(req->route->traits & BODY_JSON))
		return 0;
	if (req->body_len > BODY_MAX)
		return err_set(err, ERR_TOO_LARGE, EFBIG,
			"request body too large: at most %zu bytes", BODY_MAX);
	if (req->body_len == 0 && req->route->traits & BODY_OPTIONAL)
		return 0;
	if (req->body_len == 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid JSON: got EOF while reading request body");
	if (!is_json_type(type))
		return err_set(err, ERR_INVALID, EINVAL,
			"unsupported Content-Type header (%.128s): must be 'application/json'",
			type ? type : "");
	/* A NUL would end the text for the parser and hide what follows. */
	if (memchr(req->body.data, '\0', req->body.len))
		return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: NUL byte in request body");
	return 0;
}
