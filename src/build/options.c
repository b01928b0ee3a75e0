#include "build/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "build/git.h"
#include "core/containers.h"
#include "oci/doc.h"
#include "oci/reference.h"
#include "worker/download.h"
#include "json/text.h"

#define EPOCH     "SOURCE_DATE_EPOCH"
#define EPOCH_MAX INT64_C(9000000000) /* seconds that fit into nanoseconds */
#define NAMES_MAX 100

void options_clear(struct options *o)
{
	strv_free(o->names);
	strv_free(o->shown);
	(void)json_object_put(o->build_args);
	(void)json_object_put(o->labels);
	free(o->host_config);
}

static bool flag(const struct work *w, const char *key, bool missing)
{
	return str_eq(work_get(w, key, missing ? "1" : "0"), "1");
}

static int read_names(const struct work *w, struct options *o, struct err *err)
{
	const char *text;

	for (size_t n = 0; (text = work_get_nth(w, "t", n)); n++) {
		auto_ref struct image_ref ref = { 0 };
		int r;

		if (!*text)
			continue;
		if (n == NAMES_MAX)
			return err_set(err, ERR_INVALID, E2BIG, "more than %d names", NAMES_MAX);
		r = image_ref_parse(text, &ref, err);
		if (r < 0)
			return r;
		if (ref.digest)
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid reference format: refusing to create a tag with a digest "
				"reference");
		strv_add_take(&o->names, image_ref_full(&ref));
		strv_add_take(&o->shown, image_ref_familiar(&ref));
	}
	return 0;
}

/* {"key":"value"}; null is allowed for build arguments and means: not given. */
static int read_map(const char *text, const char *key, json_object **ret, struct err *err)
{
	auto_json json_object *map = NULL;
	int r;

	if (!*text || str_eq(text, "null"))
		return 0;
	r = doc_parse(text, strlen(text), json_type_object, &map, err);
	if (r < 0)
		return err_prefix(err, "%s", key);
	json_object_object_foreach(map, name, value)
	{
		if (value && !json_object_is_type(value, json_type_string))
			return err_set(
				err, ERR_INVALID, EINVAL, "%s: %.100s is not a string", key, name);
	}
	*ret = take_ptr(&map);
	return 0;
}

const char *options_build_arg(void *arg, const char *name, size_t len)
{
	const struct options *o = arg;
	auto_free char *key = xstrndup(name, len);

	return doc_str(o->build_args, key);
}

static int read_epoch(struct options *o, struct err *err)
{
	const char *text = doc_str(o->build_args, EPOCH);
	int64_t seconds;

	if (str_empty(text))
		return 0;
	if (str_to_i64(text, &seconds) < 0 || seconds < 0 || seconds > EPOCH_MAX)
		return err_set(err, ERR_INVALID, EINVAL, "invalid " EPOCH ": %.40s", text);
	o->has_epoch = true;
	o->epoch = seconds * NSEC_PER_SEC;
	return 0;
}

/* ---- HostConfig */

static int add_number(struct jsonw *w, const struct work *work, const char *key, const char *name,
	struct err *err)
{
	const char *text = work_get(work, key, "");
	int64_t n = 0;

	if (*text && str_to_i64(text, &n) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid %s: %.40s", key, text);
	if (n)
		jw_int(w, name, n);
	return 0;
}

static int add_numbers(struct jsonw *w, const struct work *work, struct err *err)
{
	static const char *const names[][2] = { { "shmsize", "ShmSize" }, { "memory", "Memory" },
		{ "memswap", "MemorySwap" }, { "cpushares", "CpuShares" },
		{ "cpuperiod", "CpuPeriod" }, { "cpuquota", "CpuQuota" } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = add_number(w, work, names[i][0], names[i][1], err);
	return r;
}

static void add_words(struct jsonw *w, const struct work *work)
{
	static const char *const names[][2] = { { "cpusetcpus", "CpusetCpus" },
		{ "cpusetmems", "CpusetMems" }, { "cgroupparent", "CgroupParent" },
		{ "isolation", "Isolation" } };
	const char *host;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		jw_str(w, names[i][1], work_get(work, names[i][0], ""));
	jw_array(w, "ExtraHosts");
	for (size_t n = 0; (host = work_get_nth(work, "extrahosts", n)); n++)
		jw_str(w, NULL, host);
	jw_array_end(w);
}

static int add_ulimits(struct jsonw *w, const struct work *work, struct err *err)
{
	const char *text = work_get(work, "ulimits", "");
	auto_json json_object *list = NULL;
	int r;

	if (!*text || str_eq(text, "null"))
		return 0;
	r = doc_parse(text, strlen(text), json_type_array, &list, err);
	if (r < 0)
		return err_prefix(err, "ulimits");
	json_write(w, "Ulimits", list);
	return 0;
}

/* Containers of steps have no log: what they say goes to the client. */
static int write_host_config(struct options *o, const struct work *work, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int r;

	jw_bool(&w, "AutoRemove", !o->keep);
	if (!o->keep)
		jw_raw(&w, "LogConfig", "{\"Type\":\"none\"}");
	add_words(&w, work);
	r = add_numbers(&w, work, err);
	if (r == 0)
		r = add_ulimits(&w, work, err);
	if (r == 0)
		o->host_config = buf_steal(&out);
	return r;
}

/* A limit that containers cannot have yet is refused before the first step, in create's words. */
static int check_host_config(const struct options *o, struct err *err)
{
	auto_buf struct buf body = { 0 };
	struct jsonw w = JSONW(&body);

	jw_object(&w, NULL);
	jw_strv(&w, "Cmd", (char *[]){ (char[]){ "true" }, NULL });
	jw_object(&w, "HostConfig");
	jw_members(&w, o->host_config);
	jw_str(&w, "NetworkMode", o->network);
	jw_object_end(&w);
	jw_object_end(&w);
	return container_create_check(body.data, err);
}

/* What would be another build than the one asked for. */
static int refuse(const struct work *w, struct err *err)
{
	const char *remote = work_get(w, "remote", ""), *outputs = work_get(w, "outputs", "");

	if (str_eq(work_get(w, "version", "1"), "2") ||
		(*outputs && !str_eq(outputs, "[]") && !str_eq(outputs, "null")))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"BuildKit is not supported: set DOCKER_BUILDKIT=0, or use a BuildKit of your "
			"own (docker buildx create --driver docker-container --driver-opt network=host "
			"--use)");
	if (*remote && !git_is_url(remote) && !url_is_http(remote))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"building from remote=%.200s is not supported: it can be an http or https URL "
			"of a Dockerfile or a tar, or a git repository's",
			remote);
	if (flag(w, "squash", false))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"squash is not supported: use several stages and COPY --from, which leave "
			"out what the image does not need");
	if (*work_get(w, "securityopt", ""))
		return err_set(err, ERR_INVALID, EINVAL,
			"The daemon on this platform does not support setting security options on "
			"build");
	return 0;
}

int options_read(const struct work *w, const char *build_args, struct options *ret, struct err *err)
{
	struct options o = {
		.dockerfile = work_get(w, "dockerfile", "Dockerfile"),
		.target = work_get(w, "target", ""),
		.platform = work_get(w, "platform", ""),
		.network = work_get(w, "networkmode", ""),
		.remote = work_get(w, "remote", ""),
		.quiet = flag(w, "q", false),
		.no_cache = flag(w, "nocache", false),
		.pull = flag(w, "pull", false),
		.keep = !flag(w, "rm", true) && !flag(w, "forcerm", false),
	};
	int r;

	r = refuse(w, err);
	if (r == 0)
		r = read_names(w, &o, err);
	if (r == 0)
		r = read_map(build_args, "buildargs", &o.build_args, err);
	if (r == 0)
		r = read_map(work_get(w, "labels", ""), "labels", &o.labels, err);
	if (r == 0)
		r = read_epoch(&o, err);
	if (r == 0)
		r = write_host_config(&o, w, err);
	if (r == 0)
		r = check_host_config(&o, err);
	if (r < 0) {
		options_clear(&o);
		return r;
	}
	*ret = o;
	return 0;
}
