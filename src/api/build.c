/* api/build.c - POST /build and what belongs to it. */
#include "api/handlers.h"

#include "base/alloc.h"
#include "core/build_cache.h"

static void add_word(char ***argv, const char *name, const char *value)
{
	if (value)
		strv_add_take(argv, xasprintf("%s=%s", name, value));
}

static void add_flag(char ***argv, struct request *req, const char *name, bool missing)
{
	strv_add_take(argv, xasprintf("%s=%d", name, req_query_bool(req, name, missing) ? 1 : 0));
}

static void add_all(char ***argv, struct request *req, const char *name)
{
	auto_strv char **values = req_query_all(req, name);

	for (char **v = values; v && *v; v++)
		add_word(argv, name, *v);
}

/* The worker says what of it cannot be: it reads the body first, which many clients write to its end
 * before they look for an answer. */
int api_build(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const words[] = { "dockerfile", "target", "platform", "networkmode",
		"labels", "memory", "memswap", "cpushares", "cpuperiod", "cpuquota", "cpusetcpus",
		"cpusetmems", "cgroupparent", "isolation", "shmsize", "ulimits", "remote",
		"version", "outputs", "securityopt" };
	const char *config = req_header(req, "X-Registry-Config"),
		   *args = req_query(req, "buildargs");
	auto_strv char **argv = NULL;
	auto_free char *secrets = NULL;

	strv_add(&argv, "build");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!str_empty(req_query(req, words[i])))
			add_word(&argv, words[i], req_query(req, words[i]));
	add_flag(&argv, req, "q", false);
	add_flag(&argv, req, "nocache", false);
	add_flag(&argv, req, "pull", false);
	add_flag(&argv, req, "rm", true);
	add_flag(&argv, req, "forcerm", false);
	add_flag(&argv, req, "squash", false);
	add_all(&argv, req, "t");
	add_all(&argv, req, "extrahosts");
	secrets = xasprintf("%s\n%s", config ? config : "", args ? args : "");
	for (char *p = strchr(secrets, '\n') + 1; *p; p++)
		if (*p == '\n') /* between JSON's words */
			*p = ' ';
	return handover_credentials(req, rep, (const char *const *)argv, secrets, err);
}

static int run_prune(struct core *c, const void *arg, struct buf *out, struct err *err)
{
	return build_prune(c, arg, out, err);
}

static int read_size(struct request *req, const char *name, int64_t *ret, struct err *err)
{
	const char *text = req_query(req, name);

	if (str_empty(text))
		return 0;
	if (str_to_i64(text, ret) < 0 || *ret < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"%s is in bytes and expects an integer, got %.40s", name, text);
	return 0;
}

/* "keep-storage" is what "reserved-space" was called before 1.48. */
int api_build_prune(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "label", "label!", "until", "unused-for", "id", "type",
		"inuse", "shared", "private", NULL };
	auto_filters struct filters *f = NULL;
	struct build_prune how = { .all = req_query_bool(req, "all", false) };
	int r = filters_parse(req_query(req, "filters"), keys, &f, err);

	if (r == 0)
		r = read_size(req, "keep-storage", &how.reserved, err);
	if (r == 0)
		r = read_size(req, "reserved-space", &how.reserved, err);
	if (r == 0)
		r = read_size(req, "max-used-space", &how.max_used, err);
	if (r == 0)
		r = read_size(req, "min-free-space", &how.min_free, err);
	if (r < 0)
		return r;
	how.filters = f;
	return handover_slow(req, rep, run_prune, &how, err);
}

/* POST /session, /grpc: what BuildKit's client opens first. */
int api_buildkit(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"BuildKit is not supported: this engine builds with the classic builder: set "
		"DOCKER_BUILDKIT=0, or use a BuildKit of your own (docker buildx create --driver "
		"docker-container --driver-opt network=host --use)");
}
