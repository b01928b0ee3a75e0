#include "oci/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/doc.h"
#include "oci/network.h"
#include "oci/reference.h"
#include "state/dirs.h"
#include "json/text.h"

#define ENTRIES_MAX 256 /* of one list */
#define HOST_MAX    255
#define URL_MAX     2048

/* Without TLS in Docker, too, and never behind a proxy. */
static const char *const loopback[] = { "::1/128", "127.0.0.0/8" };

void settings_clear(struct settings *s)
{
	strv_free(s->insecure_hosts);
	strv_free(s->insecure_nets);
	strv_free(s->mirrors);
	free(s->http_proxy);
	free(s->https_proxy);
	free(s->no_proxy);
	free(s->folder);
	*s = (struct settings){ 0 };
}

static int wrong(struct err *err, const char *key, const char *value, const char *what)
{
	return err_set(err, ERR_SYSTEM, EINVAL, "%s: \"%.128s\": %s", key, value, what);
}

/* ---- values */

static int add_insecure(struct settings *s, const char *key, const char *value, struct err *err)
{
	struct network net;

	if (strstr(value, "://"))
		return wrong(err, key, value, "a host is wanted, not a URL");
	if (strchr(value, '/')) {
		if (network_parse(value, &net) < 0)
			return wrong(err, key, value, "neither a host nor ADDRESS/BITS");
		strv_add(&s->insecure_nets, value);
		return 0;
	}
	if (strlen(value) > HOST_MAX || !registry_host_valid(value))
		return wrong(err, key, value, "not HOST or HOST:PORT");
	strv_add(&s->insecure_hosts, value);
	return 0;
}

/* A mirror has the same names as docker.io, so there is nothing to say but where it is. */
static int add_mirror(struct settings *s, const char *key, const char *value, struct err *err)
{
	const char *host = strstr(value, "://");
	auto_free char *name = NULL;
	size_t len;

	if (!str_starts(value, "http://") && !str_starts(value, "https://"))
		return wrong(
			err, key, value, "a URL that begins with http:// or https:// is wanted");
	host += strlen("://");
	len = strcspn(host, "/?#");
	name = xstrndup(host, len);
	if (strchr(name, '@'))
		return wrong(err, key, value, "no user name or password can be given here");
	if (len > HOST_MAX || !registry_host_valid(name))
		return wrong(err, key, value, "not HOST or HOST:PORT behind http[s]://");
	if (host[len] && !str_eq(host + len, "/"))
		return wrong(err, key, value, "no path, query or fragment can be given here");
	strv_add_take(&s->mirrors, xasprintf("%.*s/", (int)(host - value + (ptrdiff_t)len), value));
	return 0;
}

/* ---- keys */

typedef int add_fn(struct settings *s, const char *key, const char *value, struct err *err);

static int read_list(
	struct settings *s, const char *key, json_object *list, add_fn *add, struct err *err)
{
	if (!json_object_is_type(list, json_type_array))
		return err_set(err, ERR_SYSTEM, EINVAL, "%s: a list of strings is wanted", key);
	if (doc_len(list) > ENTRIES_MAX)
		return err_set(
			err, ERR_SYSTEM, E2BIG, "%s: more than %d entries", key, ENTRIES_MAX);
	for (size_t i = 0; i < doc_len(list); i++) {
		const char *value = doc_str_at(list, i);
		int r;

		if (!value)
			return err_set(
				err, ERR_SYSTEM, EINVAL, "%s: a list of strings is wanted", key);
		r = add(s, key, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_insecure(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_list(s, key, value, add_insecure, err);
}

static int read_mirrors(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_list(s, key, value, add_mirror, err);
}

static int read_url(char **ret, const char *key, json_object *value, struct err *err)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string) || strlen(text) > URL_MAX)
		return err_set(err, ERR_SYSTEM, EINVAL,
			"%s: a string of at most %d characters is wanted", key, URL_MAX);
	free(*ret);
	*ret = xstrdup(text);
	return 0;
}

static int read_http(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_url(&s->http_proxy, key, value, err);
}

static int read_https(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_url(&s->https_proxy, key, value, err);
}

static int read_exceptions(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_url(&s->no_proxy, key, value, err);
}

struct setting {
	const char *key;
	int (*read)(struct settings *s, const char *key, json_object *value, struct err *err);
};

static int read_keys(
	struct settings *s, const struct setting *known, json_object *from, struct err *err)
{
	json_object_object_foreach(from, key, value)
	{
		const struct setting *k = known;
		int r;

		while (k->key && !str_eq(k->key, key))
			k++;
		if (!k->key)
			return err_set(err, ERR_SYSTEM, EINVAL, "unknown key \"%.128s\"", key);
		r = k->read(s, key, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_group(struct settings *s, const struct setting *known, const char *key,
	json_object *value, struct err *err)
{
	int r;

	if (!json_object_is_type(value, json_type_object))
		return err_set(err, ERR_SYSTEM, EINVAL, "%s: an object is wanted", key);
	r = read_keys(s, known, value, err);
	return r < 0 ? err_prefix(err, "%s", key) : 0;
}

static int read_proxies(struct settings *s, const char *key, json_object *value, struct err *err)
{
	static const struct setting known[] = {
		{ "http-proxy", read_http },
		{ "https-proxy", read_https },
		{ "no-proxy", read_exceptions },
		{ NULL, NULL },
	};

	return read_group(s, known, key, value, err);
}

/* ---- removed containers */

static int read_keep(struct settings *s, const char *key, json_object *value, struct err *err)
{
	if (!json_object_is_type(value, json_type_string) ||
		duration_parse(json_object_get_string(value), &s->removed.time) < 0)
		return err_set(err, ERR_SYSTEM, EINVAL, "%s: a time like \"1h30m\" is wanted", key);
	return 0;
}

static int read_number(int64_t *ret, const char *key, json_object *value, struct err *err)
{
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 1)
		return err_set(err, ERR_SYSTEM, EINVAL, "%s: a number from 1 on is wanted", key);
	*ret = json_object_get_int64(value);
	return 0;
}

static int read_count(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_number(&s->removed.count, key, value, err);
}

static int read_bytes(struct settings *s, const char *key, json_object *value, struct err *err)
{
	return read_number(&s->removed.bytes, key, value, err);
}

static int read_diff(struct settings *s, const char *key, json_object *value, struct err *err)
{
	if (!json_object_is_type(value, json_type_boolean))
		return err_set(err, ERR_SYSTEM, EINVAL, "%s: true or false is wanted", key);
	s->removed.diff = json_object_get_boolean(value);
	return 0;
}

static int read_removed(struct settings *s, const char *key, json_object *value, struct err *err)
{
	static const struct setting known[] = {
		{ "keep", read_keep },
		{ "max-count", read_count },
		{ "max-bytes", read_bytes },
		{ "diff", read_diff },
		{ NULL, NULL },
	};

	return read_group(s, known, key, value, err);
}

static int parse(const char *text, size_t len, struct settings *s, struct err *err)
{
	static const struct setting known[] = {
		{ "insecure-registries", read_insecure },
		{ "registry-mirrors", read_mirrors },
		{ "proxies", read_proxies },
		{ "removed-containers", read_removed },
		{ NULL, NULL },
	};
	auto_json json_object *doc = NULL;
	int r;

	s->removed = (struct removed_limits){ .count = REMOVED_COUNT_DEFAULT,
		.bytes = REMOVED_BYTES_DEFAULT };
	for (size_t i = 0; i < ARRAY_SIZE(loopback); i++)
		strv_add(&s->insecure_nets, loopback[i]);
	if (strspn(text, " \t\r\n") == len)
		return 0;
	r = doc_parse(text, len, json_type_object, &doc, err);
	return r < 0 ? r : read_keys(s, known, doc, err);
}

int settings_parse(
	const char *text, size_t len, const char *path, struct settings *ret, struct err *err)
{
	auto_settings struct settings s = { 0 };
	int r = parse(text, len, &s, err);

	if (r < 0) {
		if (err)
			err->kind = ERR_SYSTEM;
		return err_prefix(err, "%s", path);
	}
	*ret = s;
	s = (struct settings){ 0 };
	return 0;
}

/* ---- the file and the environment */

static char *from_environment(const char *upper, const char *lower)
{
	const char *value = getenv(upper);

	if (str_empty(value))
		value = getenv(lower);
	return str_empty(value) ? NULL : xstrdup(value);
}

static void add_environment(struct settings *s)
{
	if (!s->http_proxy)
		s->http_proxy = from_environment("HTTP_PROXY", "http_proxy");
	if (!s->https_proxy)
		s->https_proxy = from_environment("HTTPS_PROXY", "https_proxy");
	if (!s->no_proxy)
		s->no_proxy = from_environment("NO_PROXY", "no_proxy");
}

/* Links are followed: that is how people keep such files elsewhere. A FIFO must not hold anybody up. */
static int read_file(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret = xstrdup("");
		*ret_len = 0;
		return 0;
	}
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	r = fd_read_text(fd, SETTINGS_MAX, ret, ret_len);
	return r < 0 ? err_sys(err, r, "read %s", path) : 0;
}

int settings_read(struct settings *ret, struct err *err)
{
	auto_free char *folder = dirs_config_path();
	auto_free char *path = folder ? xasprintf("%s/config", folder) : NULL;
	auto_free char *text = NULL;
	size_t len = 0;
	int r = path ? read_file(path, &text, &len, err) : 0;

	if (r == 0)
		r = settings_parse(text ? text : "", len, path, ret, err);
	if (r < 0)
		return r;
	ret->folder = take_ptr(&folder);
	add_environment(ret);
	return 0;
}

/* ---- what follows from them */

/* Without port and brackets. Owned. */
static char *bare_host(const char *host)
{
	return *host == '[' ? xstrndup(host + 1, strcspn(host + 1, "]"))
			    : xstrndup(host, strcspn(host, ":"));
}

bool settings_insecure_as_written(const struct settings *s, const char *host)
{
	auto_free char *name = bare_host(host);

	return strv_has(s->insecure_hosts, host) || str_eq(name, "localhost") ||
		network_has_host(s->insecure_nets, name, true);
}

bool settings_insecure(const struct settings *s, const char *host)
{
	auto_free char *name = bare_host(host);

	return settings_insecure_as_written(s, host) ||
		network_has_host(s->insecure_nets, name, false);
}

char *settings_no_proxy(const struct settings *s)
{
	return xasprintf("localhost,127.0.0.0/8,::1%s%s", str_empty(s->no_proxy) ? "" : ",",
		s->no_proxy ? s->no_proxy : "");
}

char *proxy_masked(const char *url)
{
	const char *scheme = url ? strstr(url, "://") : NULL;
	const char *host = scheme ? scheme + strlen("://") : url;
	const char *at, *end;

	if (!url)
		return xstrdup("");
	end = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(end - host));
	if (!at)
		return xstrdup(url);
	return xasprintf("%.*sxxxxx:xxxxx%s", (int)(host - url), url, at);
}
