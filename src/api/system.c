/* api/system.c - what the engine says about itself, and its events. */
#include "api/handlers.h"

#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "base/timefmt.h"
#include "core/disk_usage.h"
#include "core/filters.h"
#include "core/info.h"

#define IMAGE_CREATE_SINCE 46 /* API 1.46 tells of images that are built and committed */

/* Kernel names of machines as Go, and so Docker, names them. */
static const char *go_arch(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
		{ "i686", "386" },
		{ "armv7l", "arm" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i][0], machine))
			return names[i][1];
	return machine;
}

/* Answered before any store is opened: the first thing clients do, and all that some ever do. */
int api_system_ping(struct request *req, struct reply *rep, struct err *err)
{
	(void)err;
	reply_header(rep, "Builder-Version", "1"); /* the classic builder's protocol */
	reply_header(rep, "Swarm", "inactive");
	reply_header(rep, "Cache-Control", "no-cache, no-store, must-revalidate");
	reply_header(rep, "Pragma", "no-cache");
	return req_method(req) == HEAD ? reply_empty(rep, 200) : reply_text(rep, 200, "OK");
}

static void engine_component(struct jsonw *w, const struct utsname *u)
{
	jw_object(w, NULL);
	jw_str(w, "Name", "Engine");
	jw_str(w, "Version", DAYFLY_DOCKER_VERSION);
	jw_object(w, "Details");
	jw_str(w, "ApiVersion", DAYFLY_API_VERSION);
	jw_str(w, "Arch", go_arch(u->machine));
	jw_str(w, "BuildTime", "");
	jw_str(w, "Experimental", "false");
	jw_str(w, "GitCommit", "");
	jw_str(w, "GoVersion", "");
	jw_str(w, "KernelVersion", u->release);
	jw_str(w, "MinAPIVersion", DAYFLY_API_VERSION_MIN);
	jw_str(w, "Os", "linux");
	jw_object_end(w);
	jw_object_end(w);
	jw_object(w, NULL);
	jw_str(w, "Name", "dayfly");
	jw_str(w, "Version", DAYFLY_VERSION);
	jw_object(w, "Details");
	jw_object_end(w);
	jw_object_end(w);
}

int api_system_version(struct request *req, struct reply *rep, struct err *err)
{
	struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	struct utsname u;

	(void)req;
	(void)err;
	(void)uname(&u);
	jw_object(&w, NULL);
	jw_object(&w, "Platform");
	jw_str(&w, "Name", "dayfly " DAYFLY_VERSION);
	jw_object_end(&w);
	jw_array(&w, "Components");
	engine_component(&w, &u);
	jw_array_end(&w);
	jw_str(&w, "Version", DAYFLY_DOCKER_VERSION);
	jw_str(&w, "ApiVersion", DAYFLY_API_VERSION);
	jw_str(&w, "MinAPIVersion", DAYFLY_API_VERSION_MIN);
	jw_str(&w, "GitCommit", "");
	jw_str(&w, "GoVersion", "");
	jw_str(&w, "Os", "linux");
	jw_str(&w, "Arch", go_arch(u.machine));
	jw_str(&w, "KernelVersion", u.release);
	jw_str(&w, "BuildTime", "");
	jw_object_end(&w);
	return reply_json(rep, 200, &out);
}

int api_system_info(struct request *req, struct reply *rep, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct core *c;
	int r = req_core(req, &c, err);

	if (r == 0)
		r = engine_info(c, &out, err);
	return r < 0 ? r : reply_json(rep, 200, &out);
}

/* since and until: absolute times by now, the clients have done the arithmetic. */
static int query_time(const struct request *req, const char *name, int64_t *ret, struct err *err)
{
	const char *v = req_query(req, name);

	*ret = 0;
	if (str_empty(v))
		return 0;
	if (time_parse(v, ret) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid value '%.64s' for '%s'", v, name);
	return 0;
}

int api_system_events(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const passed_on[] = { "since", "until", "filters" };
	auto_filters struct filters *f = NULL;
	auto_strv char **argv = NULL;
	int64_t since, until;
	int r = query_time(req, "since", &since, err);

	if (r == 0)
		r = query_time(req, "until", &until, err);
	if (r == 0 && since && until && since > until)
		r = err_set(err, ERR_INVALID, EINVAL,
			"`since` time (%.64s) cannot be after `until` time (%.64s)",
			req_query(req, "since"), req_query(req, "until"));
	if (r == 0) /* unknown keys pass: clients ask for kinds of objects we do not have */
		r = filters_parse(req_query(req, "filters"), NULL, &f, err);
	if (r < 0)
		return r;
	strv_add(&argv, "events");
	if (req_api_minor(req) < IMAGE_CREATE_SINCE)
		strv_add(&argv, "image-create=hidden");
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		const char *v = req_query(req, passed_on[i]);

		if (!str_empty(v))
			strv_add_take(&argv, xasprintf("%s=%s", passed_on[i], v));
	}
	return handover_stream(req, rep, (const char *const *)argv, err);
}

/* The credentials flow to a worker, which asks the registry. */
int api_system_auth(struct request *req, struct reply *rep, struct err *err)
{
	return handover_upload(req, rep, (const char *const[]){ "auth", NULL }, err);
}

struct usage_question {
	char **types; /* NULL: all */
	unsigned api_minor;
};

static int tell_usage(struct core *c, const void *arg, struct buf *out, struct err *err)
{
	const struct usage_question *q = arg;

	return disk_usage(c, q->types, q->api_minor, out, err);
}

int api_system_df(struct request *req, struct reply *rep, struct err *err)
{
	auto_strv char **types = req_query_all(req, "type");
	const struct usage_question question = { types, req_api_minor(req) };
	int r = disk_usage_check(types, err);

	return r < 0 ? r : handover_slow(req, rep, tell_usage, &question, err);
}
