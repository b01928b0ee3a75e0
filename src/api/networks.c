/* api/networks.c - the three networks every Docker engine has. Others cannot be made yet. */
#include "api/handlers.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "core/filters.h"

struct network {
	const char *name;
	const char *driver;
	const char *id; /* fixed: hexadecimal, as clients expect, and the same for everyone */
};

static const struct network networks[] = {
	{ "bridge", "bridge",
		"62726964676500000000000000000000"
		"00000000000000000000000000000001" },
	{ "host", "host",
		"686f737400000000000000000000000000"
		"000000000000000000000000000002" },
	{ "none", "null",
		"6e6f6e65000000000000000000000000"
		"00000000000000000000000000000003" },
};

/* No address is given to anyone yet, so no subnet is claimed: for clients, [] is what "none" and "host"
 * have with Docker. */
static void network_print(struct jsonw *w, const struct network *n)
{
	jw_object(w, NULL);
	jw_str(w, "Name", n->name);
	jw_str(w, "Id", n->id);
	jw_time(w, "Created", 0);
	jw_str(w, "Scope", "local");
	jw_str(w, "Driver", n->driver);
	jw_bool(w, "EnableIPv4", true);
	jw_bool(w, "EnableIPv6", false);
	jw_object(w, "IPAM");
	jw_str(w, "Driver", "default");
	jw_null(w, "Options");
	jw_array(w, "Config");
	jw_array_end(w);
	jw_object_end(w);
	jw_bool(w, "Internal", false);
	jw_bool(w, "Attachable", false);
	jw_bool(w, "Ingress", false);
	jw_object(w, "ConfigFrom");
	jw_str(w, "Network", "");
	jw_object_end(w);
	jw_bool(w, "ConfigOnly", false);
	jw_object(w, "Containers");
	jw_object_end(w);
	jw_object(w, "Options");
	jw_object_end(w);
	jw_object(w, "Labels");
	jw_object_end(w);
	jw_object_end(w);
}

/* Full id, full name, else a prefix of the id. */
static const struct network *network_find(const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		if (str_eq(networks[i].id, what) || str_eq(networks[i].name, what))
			return &networks[i];
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		if (id_prefix_valid(what) && str_starts(networks[i].id, what))
			return &networks[i];
	return NULL;
}

static bool one_of(const struct filters *f, const char *key, const char *value)
{
	char *const *wanted = filters_get(f, key);

	return !wanted || strv_has(wanted, value);
}

static const char *no_label(void *arg, const char *label)
{
	(void)arg;
	(void)label;
	return NULL;
}

static bool network_matches(const struct filters *f, const struct network *n, int dangling)
{
	return filters_match_pattern(f, "name", n->name) && filters_match_pattern(f, "id", n->id) &&
		one_of(f, "driver", n->driver) && one_of(f, "scope", "local") &&
		one_of(f, "type", "builtin") && filters_match_labels(f, no_label, NULL) &&
		dangling != 1; /* these never count as unused */
}

static int check_types(const struct filters *f, struct err *err)
{
	char *const *v = filters_get(f, "type");

	for (; v && *v; v++)
		if (!str_eq(*v, "builtin") && !str_eq(*v, "custom"))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid filter: 'type'='%.128s'", *v);
	return 0;
}

int api_network_list(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "dangling", "driver", "id", "label", "name", "scope",
		"type", NULL };
	auto_filters struct filters *f = NULL;
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int dangling = -1;
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r == 0)
		r = filters_bool(f, "dangling", &dangling, err);
	if (r == 0)
		r = check_types(f, err);
	if (r < 0)
		return r;
	jw_array(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		if (network_matches(f, &networks[i], dangling))
			network_print(&w, &networks[i]);
	jw_array_end(&w);
	return reply_json(rep, 200, &out);
}

static int not_found(const char *what, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, ENOENT, "network %.200s not found", what);
}

int api_network_inspect(struct request *req, struct reply *rep, struct err *err)
{
	const struct network *n = network_find(req_param(req, "id"));
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);

	if (!n)
		return not_found(req_param(req, "id"), err);
	network_print(&w, n);
	return reply_json(rep, 200, &out);
}

int api_network_remove(struct request *req, struct reply *rep, struct err *err)
{
	const struct network *n = network_find(req_param(req, "id"));

	(void)rep;
	if (!n)
		return not_found(req_param(req, "id"), err);
	return err_set(err, ERR_DENIED, EPERM, "%s is a pre-defined network and cannot be removed",
		n->name);
}

int api_network_prune(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "label", "label!", "until", NULL };
	auto_filters struct filters *f = NULL;
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int64_t until;
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r == 0)
		r = filters_time(f, "until", &until, err);
	if (r < 0)
		return r;
	jw_object(&w, NULL);
	jw_array(&w, "NetworksDeleted");
	jw_array_end(&w);
	jw_object_end(&w);
	return reply_json(rep, 200, &out);
}
