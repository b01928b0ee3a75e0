#include "build/pull.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "worker/pull.h"
#include "json/text.h"

/* "https://index.docker.io/v1/" and its like name docker.io; others are hosts, perhaps as a URL. */
static bool names_host(const char *key, const char *host)
{
	const char *at = strstr(key, "://");
	size_t len;

	at = at ? at + 3 : key;
	len = strcspn(at, "/");
	if (str_eq(host, "docker.io") && len == strlen("index.docker.io") &&
		strncmp(at, "index.docker.io", len) == 0)
		return true;
	return len == strlen(host) && strncmp(at, host, len) == 0;
}

/* X-Registry-Config: base64 of {"host": credentials}. What cannot be understood is no credentials, as in
 * Docker. */
static void find_credentials(const char *header, const char *host, struct credentials *ret)
{
	auto_json json_object *all = NULL;
	auto_buf struct buf text = { 0 };

	if (str_empty(header) || base64_decode(header, CREDENTIALS_MAX, &text) < 0 || !text.len ||
		doc_parse(text.data, text.len, json_type_object, &all, NULL) < 0)
		return;
	json_object_object_foreach(all, key, value)
	{
		const char *one = json_object_to_json_string(value);

		if (names_host(key, host) && credentials_parse(one, strlen(one), ret, NULL) == 0)
			return;
	}
}

/* The progress goes to the client; of a quiet build, nowhere. */
static int pull_telling(
	struct build *b, const struct pull *how, const struct image_ref *ref, struct err *err)
{
	struct answer nobody = { .client = b->opt.quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC)
							: FD_NONE };
	struct meter *m = meter_new(b->opt.quiet ? &nobody : &b->work->answer);
	struct pull p = *how;
	struct pulled done;
	int r;

	p.meter = m;
	r = pull_reference(&p, ref, &done, err);
	meter_free(m);
	(void)fd_close(nobody.client);
	return r;
}

int build_pull(struct build *b, const struct image_ref *ref, const char *platform, struct err *err)
{
	auto_free char *host = xstrndup(ref->repository, strcspn(ref->repository, "/"));
	auto_credentials struct credentials c = { 0 };
	auto_settings struct settings s = { 0 };
	struct platform wanted;
	struct pull p = { .work = b->work, .settings = &s, .credentials = &c };
	int r = settings_read(&s, err);

	if (r == 0 && *platform) {
		r = platform_read(platform, &wanted, err);
		p.platform = &wanted;
	}
	if (r < 0)
		return r;
	find_credentials(b->credentials, host, &c);
	return pull_telling(b, &p, ref, err);
}
