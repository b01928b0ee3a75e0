/* Where a repository can be found: the order is Docker's. */
#include "registry/conversation.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#define DOCKER_IO     "docker.io"
#define DOCKER_IO_URL "https://registry-1.docker.io"

static void add(struct registry *r, char *take_url, bool mirror)
{
	size_t len = strlen(take_url);

	if (len && take_url[len - 1] == '/')
		take_url[len - 1] = '\0';
	r->endpoints = xreallocarray(r->endpoints, r->endpoint_count + 1, sizeof(*r->endpoints));
	r->endpoints[r->endpoint_count++] = (struct endpoint){ take_url, mirror };
}

/* Pushes go to docker.io itself; so do requests that are not about a repository. */
static void add_docker_io(struct registry *r)
{
	bool pull = r->how.actions && str_eq(r->how.actions, "pull");

	for (char *const *m = r->how.settings->mirrors; pull && m && *m; m++)
		add(r, xstrdup(*m), true);
	add(r, xstrdup(DOCKER_IO_URL), false);
}

int endpoints_find(struct registry *r, struct err *err)
{
	const char *slash = strchr(r->how.repository, '/');
	auto_free char *host = NULL;

	if (!slash)
		return err_set(err, ERR_INVALID, EINVAL, "invalid repository name: %.128s",
			r->how.repository);
	host = xstrndup(r->how.repository, (size_t)(slash - r->how.repository));
	r->path = xstrdup(slash + 1);
	if (str_eq(host, DOCKER_IO)) {
		add_docker_io(r);
		return 0;
	}
	add(r, xasprintf("https://%s", host), false);
	if (settings_insecure(r->how.settings, host))
		add(r, xasprintf("http://%s", host), false);
	return 0;
}
