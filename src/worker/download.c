#include "worker/download.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "oci/settings.h"
#include "registry/http.h"
#include "worker/hash.h"

struct target {
	int fd;
	int64_t size;
	struct hash *hash;
};

bool url_is_http(const char *word)
{
	return strncasecmp(word, "http://", 7) == 0 || strncasecmp(word, "https://", 8) == 0;
}

char *url_file_name(const char *url)
{
	auto_free char *bare = xstrndup(url, strcspn(url, "?#"));
	const char *path = strchr(strstr(bare, "://") + 3, '/');
	const char *name = path ? strrchr(path, '/') + 1 : "";

	return *name && !str_eq(name, ".") && !str_eq(name, "..") ? xstrdup(name) : NULL;
}

static int receive(void *arg, const void *data, size_t len, struct err *err)
{
	struct target *t = arg;
	int r;

	t->size += (int64_t)len;
	if (t->size > DOWNLOAD_MAX)
		return err_set(err, ERR_INVALID, EFBIG, "it is too large");
	hash_add(t->hash, data, len);
	r = fd_write_all(t->fd, data, len);
	return r < 0 ? err_sys(err, r, "write what was downloaded") : 0;
}

static int64_t modified(const struct http_reply *reply)
{
	const char *text = http_reply_header(reply, "last-modified");
	struct tm tm = { 0 };

	return text && strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) ? (int64_t)timegm(&tm) : 0;
}

static int check(struct target *t, const char *digest, struct err *err)
{
	char found[DIGEST_SIZE];

	hash_end(t->hash, found);
	if (!digest || str_eq(digest, found))
		return 0;
	return err_set(err, ERR_INVALID, EBADMSG, "digest mismatch: expected %.80s, got %s", digest,
		found);
}

int download(const char *url, const char *digest, int fd, const atomic_bool *cancel,
	int64_t *ret_time, struct err *err)
{
	auto_settings struct settings s = { 0 };
	auto_hash struct hash *hash = hash_new();
	struct target t = { .fd = fd, .hash = hash };
	const struct http_sink sink = { .data = receive, .arg = &t };
	auto_reply struct http_reply reply = { 0 };
	struct http *http;
	int r = settings_read(&s, err);

	if (r < 0)
		return r;
	http = http_new(&s, cancel);
	r = http_perform(http,
		&(struct http_request){ .method = "GET", .url = url, .sink = &sink, .plain = true },
		&reply, err);
	http_free(http);
	if (r == 0 && reply.status != 200)
		r = err_set(err, ERR_NOT_FOUND, ENOENT, "the server answers %d", reply.status);
	if (r == 0)
		r = check(&t, digest, err);
	if (r < 0)
		return err_prefix(err, "download %.200s", url);
	*ret_time = modified(&reply);
	return 0;
}
