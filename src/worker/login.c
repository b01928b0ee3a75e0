/* POST /auth: whether a registry takes these credentials. `docker login` asks that before it keeps them. */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "worker/jobs.h"

/* "https://index.docker.io/v1/" as well as "h:5000"; none is docker.io. Owned. */
static char *repository_of(const char *server)
{
	auto_free char *host = NULL;
	const char *start;

	if (str_empty(server))
		return xstrdup("docker.io/");
	start = strstr(server, "://");
	start = start ? start + strlen("://") : server;
	host = xstrndup(start, strcspn(start, "/?#"));
	if (str_eq(host, "index.docker.io"))
		return xstrdup("docker.io/");
	return xasprintf("%s/", host);
}

static int check_host(const char *repository, const char *server, struct err *err)
{
	auto_free char *host = xstrndup(repository, strcspn(repository, "/"));

	if (registry_host_valid(host))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL, "unable to parse server address: %.128s", server);
}

static int try(struct registry *r, struct err *err)
{
	const struct registry_request q = { .method = "GET", .path = "/v2/" };
	auto_reply struct http_reply reply = { 0 };
	int n = registry_request(r, &q, &reply, err);

	if (n < 0)
		return n;
	if (reply.status == 200)
		return 0;
	return err_set(err, reply.status == 401 ? ERR_UNAUTHORIZED : ERR_SYSTEM, EACCES,
		"login attempt to %.256s/v2/ failed with status: %d %s", registry_endpoint(r),
		reply.status, http_reason(reply.status));
}

static void print(struct buf *out, const struct registry *r)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_str(&w, "Status", "Login Succeeded");
	jw_str(&w, "IdentityToken", registry_identity_token(r));
	jw_object_end(&w);
}

static int login(struct buf *out, struct err *err)
{
	auto_settings struct settings settings = { 0 };
	auto_credentials struct credentials credentials = { 0 };
	auto_registry struct registry *registry = NULL;
	auto_free char *text = NULL, *repository = NULL;
	struct registry_how how = { .settings = &settings, .credentials = &credentials };
	size_t len;
	int r;

	r = fd_read_text(STDIN_FILENO, CREDENTIALS_MAX, &text, &len);
	work_drain();
	if (r == -EFBIG)
		return err_set(err, ERR_INVALID, EFBIG, "invalid credentials: longer than %d bytes",
			CREDENTIALS_MAX);
	if (r < 0)
		return err_sys(err, r, "read credentials");
	r = len ? credentials_parse(text, len, &credentials, err) : 0;
	if (r < 0)
		return r;
	how.repository = repository = repository_of(credentials.server);
	how.offline = true;
	r = check_host(repository, credentials.server, err);
	if (r == 0)
		r = settings_read(&settings, err);
	if (r == 0)
		r = registry_open(&how, &registry, err);
	if (r == 0)
		r = try(registry, err);
	if (r == 0)
		print(out, registry);
	return r;
}

int job_auth(struct work *w, struct err *err)
{
	auto_buf struct buf out = { 0 };
	int r = login(&out, err);

	return answer_with(&w->answer, r, &out, err);
}
