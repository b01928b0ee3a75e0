/* Reading a repository: manifests, blobs that break off and go on, tags. */
#include "registry/conversation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/doc.h"
#include "json/text.h"

#define PAGES_MAX 1000
#define PAGE      "tags/list?n=1000"
/* After so much the count of tries begins anew: a large blob may break more often than a small one. */
#define PROGRESS (INT64_C(4) << 20)

static int refused(
	const struct registry *r, struct http_reply *reply, const char *shown, struct err *err)
{
	int n = registry_refused(r, reply, "pull", shown, err);

	http_reply_clear(reply);
	return n;
}

/* ---- manifests */

/* Schema 1 is asked for so that it can be refused by its name. */
static const char *const accept_manifests[] = {
	"Accept: application/vnd.oci.image.index.v1+json",
	"Accept: application/vnd.oci.image.manifest.v1+json",
	"Accept: application/vnd.docker.distribution.manifest.list.v2+json",
	"Accept: application/vnd.docker.distribution.manifest.v2+json",
	"Accept: application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1",
	NULL,
};

int registry_manifest(struct registry *r, const char *tag_or_digest, const char *shown,
	struct http_reply *ret, struct err *err)
{
	auto_free char *path = xasprintf("manifests/%s", tag_or_digest);
	struct registry_request q = {
		.method = "GET",
		.path = path,
		.headers = (char *const *)(void *)accept_manifests,
		.body_max = DOC_MAX,
	};
	int n = registry_request(r, &q, ret, err);

	if (n < 0)
		return n;
	if (ret->status == 404 && !ret->body.len) {
		/* the one that needs no words */
		(void)err_set(err, ERR_NOT_FOUND, ENOENT,
			"manifest for %.160s not found: manifest unknown: manifest unknown", shown);
		http_reply_clear(ret);
		return -ENOENT;
	}
	return ret->status == 200 ? 0 : refused(r, ret, shown, err);
}

/* ---- blobs */

struct fetch {
	const char *digest;
	int64_t size, done;
	int64_t skip; /* of this answer: a server that knows no ranges begins anew */
	int (*data)(void *arg, const void *data, size_t len, struct err *err);
	void *arg;
};

static int bad_answer(const struct fetch *f, const char *what, const char *text, struct err *err)
{
	return err_set(err, ERR_SYSTEM, EBADMSG, "blob %s: %s %.80s", f->digest, what, text);
}

/* "bytes FIRST-LAST/TOTAL" or "…/ *": it must go on where we are. */
static int check_range(const struct fetch *f, const char *range, struct err *err)
{
	char want[64], total[32];
	size_t len;

	(void)snprintf(want, sizeof(want), "bytes %" PRId64 "-%" PRId64 "/", f->done, f->size - 1);
	(void)snprintf(total, sizeof(total), "%" PRId64, f->size);
	len = strlen(want);
	if (range && str_starts(range, want) &&
		(str_eq(range + len, total) || str_eq(range + len, "*")))
		return 0;
	return bad_answer(f, "the wrong part was sent:", range ? range : "no Content-Range", err);
}

static int begin_blob(void *arg, const struct http_reply *reply, struct err *err)
{
	const char *length = http_reply_header(reply, "content-length");
	struct fetch *f = arg;
	int64_t n;

	f->skip = 0;
	if (f->done && reply->status == 206)
		return check_range(f, http_reply_header(reply, "content-range"), err);
	if (reply->status != 200)
		return bad_answer(f, "unexpected answer", "", err);
	if (length && (str_to_i64(length, &n) < 0 || n != f->size))
		return bad_answer(f, "its size is not the declared one but", length, err);
	f->skip = f->done;
	return 0;
}

static int take_blob(void *arg, const void *data, size_t len, struct err *err)
{
	struct fetch *f = arg;
	size_t skip = (int64_t)len < f->skip ? len : (size_t)f->skip;
	int r;

	f->skip -= (int64_t)skip;
	len -= skip;
	if ((int64_t)len > f->size - f->done)
		return bad_answer(f, "more bytes come than were declared", "", err);
	r = len ? f->data(f->arg, (const char *)data + skip, len, err) : 0;
	if (r == 0)
		f->done += (int64_t)len;
	return r;
}

/* One request, from where the last one broke off. */
static int fetch_rest(
	struct registry *r, struct fetch *f, struct http_reply *reply, struct err *err)
{
	const struct http_sink sink = { .begin = begin_blob, .data = take_blob, .arg = f };
	auto_free char *path = xasprintf("blobs/%s", f->digest);
	auto_free char *range = xasprintf("Range: bytes=%" PRId64 "-", f->done);
	char *headers[] = { range, NULL };
	int n;

	n = registry_request(r,
		&(struct registry_request){ .method = "GET",
			.path = path,
			.headers = f->done ? headers : NULL,
			.sink = &sink,
			.once = true },
		reply, err);
	if (n == 0 && reply->status < 400 && f->done < f->size)
		return err_set(err, ERR_SYSTEM, ECONNRESET,
			"blob %s: ends after %" PRId64 " of %" PRId64 " bytes", f->digest, f->done,
			f->size);
	return n;
}

int registry_blob(struct registry *r, const char *digest, int64_t size,
	int (*data)(void *arg, const void *data, size_t len, struct err *err), void *arg,
	struct err *err)
{
	struct fetch f = { .digest = digest, .size = size, .data = data, .arg = arg };
	int64_t counted = 0;
	unsigned tries = 1;

	for (;;) {
		auto_reply struct http_reply reply = { 0 };
		int n = fetch_rest(r, &f, &reply, err), again;

		if (f.done - counted >= PROGRESS) {
			counted = f.done;
			tries = 1;
		}
		again = registry_again(r, &tries, n, &reply, err);
		if (again < 0 || (again == 0 && n < 0))
			return again < 0 ? again : n;
		if (again == 0)
			return reply.status < 400 ? 0 : refused(r, &reply, digest, err);
	}
}

int registry_has_blob(struct registry *r, const char *digest, struct err *err)
{
	auto_free char *path = xasprintf("blobs/%s", digest);
	auto_reply struct http_reply reply = { 0 };
	int n = registry_request(
		r, &(struct registry_request){ .method = "HEAD", .path = path }, &reply, err);

	if (n < 0)
		return n;
	if (reply.status == 404)
		return 0;
	return reply.status == 200 ? 1 : registry_refused(r, &reply, "pull", digest, err);
}

/* ---- tags */

static int too_many(size_t max, struct err *err)
{
	return err_set(err, ERR_INVALID, E2BIG, "the repository has more than %zu tags", max);
}

static int add_tags(const struct http_reply *reply, size_t max, char ***tags, struct err *err)
{
	auto_json json_object *o = NULL;
	auto_strv char **page = NULL;
	int r = json_parse(reply->body.data ? reply->body.data : "", reply->body.len, &o, err);

	if (r < 0)
		return err_prefix(err, "%.256s", reply->url);
	page = json_get_strv(o, "tags");
	if (strv_len(*tags) + strv_len(page) > max)
		return too_many(max, err);
	for (char **t = page; t && *t; t++)
		strv_add(tags, *t);
	return 0;
}

/* The next page's URL; NULL after the last. */
static char *next_page(const struct http_reply *reply)
{
	const char *link = http_reply_header(reply, "link");
	auto_free char *next = link ? link_next(link) : NULL;

	return next ? url_resolve(reply->url, next) : NULL;
}

int registry_tags(struct registry *r, const char *shown, size_t max, char ***ret, struct err *err)
{
	auto_free char *path = xstrdup(PAGE);
	auto_strv char **tags = NULL;

	for (unsigned page = 0; path; page++) {
		auto_reply struct http_reply reply = { 0 };
		int n;

		if (page == PAGES_MAX)
			return too_many(max, err);
		n = registry_request(r,
			&(struct registry_request){
				.method = "GET", .path = path, .body_max = DOC_MAX },
			&reply, err);
		if (n == 0 && reply.status != 200)
			n = registry_refused(r, &reply, "pull", shown, err);
		if (n == 0)
			n = add_tags(&reply, max, &tags, err);
		if (n < 0)
			return n;
		free(path);
		path = next_page(&reply);
	}
	*ret = take_ptr(&tags);
	return 0;
}
