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
		"version", "outputs" };
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

int api_build_prune(struct request *req, struct reply *rep, struct err *err)
{
	static const char *const keys[] = { "until", NULL };

	return handover_prune(req, rep, keys, build_prune, err);
}

/* POST /session, /grpc: what BuildKit's client opens first. */
int api_buildkit(struct request *req, struct reply *rep, struct err *err)
{
	(void)req;
	(void)rep;
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"BuildKit is not supported: this engine builds with the classic builder: set "
		"DOCKER_BUILDKIT=0, or use a BuildKit of your own (docker buildx create --driver "
		"docker-container --use)");
}
