/* `docker search`: version 1 of the registry protocol, of which searching is all that is left. docker.io
 * has it; other registries rarely do. */
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "oci/doc.h"
#include "registry/auth.h"
#include "registry/http.h"
#include "worker/jobs.h"
#include "json/text.h"

#define INDEX       "https://index.docker.io"
#define ANSWER_MAX  (1u << 20)
#define RESULTS_MAX 100

struct search {
	struct work *work;
	struct settings settings;
	struct credentials credentials;
	const char *term; /* without the registry */
	char *host;       /* NULL: docker.io */
};

static void search_clear(struct search *s)
{
	settings_clear(&s->settings);
	credentials_clear(&s->credentials);
	free(s->host);
}

/* A first part that looks like a host is one, as in names of images. */
static void split_term(struct search *s)
{
	const char *term = work_get(s->work, "term", "");
	const char *slash = strchr(term, '/');

	s->term = term;
	if (!slash)
		return;
	s->host = xstrndup(term, (size_t)(slash - term));
	if (!strpbrk(s->host, ".:") && !str_eq(s->host, "localhost"))
		free(take_ptr(&s->host));
	else
		s->term = slash + 1;
	if (s->host && (str_eq(s->host, "docker.io") || str_eq(s->host, "index.docker.io")))
		free(take_ptr(&s->host));
	if (!s->host && str_starts(s->term, "library/"))
		s->term += strlen("library/");
}

static int ask(struct search *s, struct http *http, const char *base, struct http_reply *ret,
	struct err *err)
{
	auto_free char *term = url_encode(s->term), *basic = credentials_basic(&s->credentials);
	auto_free char *url =
		xasprintf("%s/v1/search?q=%s&n=%s", base, term, work_get(s->work, "limit", "25"));

	return http_perform(http,
		&(struct http_request){
			.method = "GET",
			.url = url,
			.authorization = basic,
			.body_max = ANSWER_MAX,
		},
		ret, err);
}

static int ask_host(struct search *s, struct http *http, struct http_reply *ret, struct err *err)
{
	auto_free char *tls = xasprintf("https://%s", s->host);
	auto_free char *plain = xasprintf("http://%s", s->host);
	int r = ask(s, http, tls, ret, err);

	if (r < 0 && settings_insecure(&s->settings, s->host))
		r = ask(s, http, plain, ret, err);
	return r;
}

static int refused(const struct search *s, const struct http_reply *reply, struct err *err)
{
	const char *where = s->host ? s->host : "docker.io";

	if (reply->status == 404 || reply->status == 405)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"the registry %.200s offers no search (status %d for /v1/search)", where,
			reply->status);
	return err_set(err, reply->status == 401 ? ERR_UNAUTHORIZED : ERR_SYSTEM, EIO,
		"searching %.200s: unexpected status code %d", where, reply->status);
}

/* ---- results */

static bool is_wanted(const struct search *s, json_object *result)
{
	const char *official = work_get(s->work, "official", ""), *name = doc_str(result, "name");
	int64_t stars = 0;

	(void)str_to_i64(work_get(s->work, "stars", "0"), &stars);
	return name && doc_int(result, "star_count") >= stars &&
		(!*official || json_get_bool(result, "is_official") == str_eq(official, "1"));
}

/* is_automated: Docker says no of all since it has given that up. */
static void print_result(struct jsonw *w, json_object *result)
{
	jw_object(w, NULL);
	jw_str(w, "name", doc_str(result, "name"));
	jw_str(w, "description", doc_str(result, "description"));
	jw_int(w, "star_count", doc_int(result, "star_count"));
	jw_bool(w, "is_official", json_get_bool(result, "is_official"));
	jw_bool(w, "is_automated", false);
	jw_object_end(w);
}

static int print(
	const struct search *s, const struct http_reply *reply, struct buf *out, struct err *err)
{
	auto_json json_object *doc = NULL;
	struct jsonw w = JSONW(out);
	json_object *results;
	int r;

	r = doc_parse(reply->body.data ? reply->body.data : "", reply->body.len, json_type_object,
		&doc, err);
	if (r < 0) {
		err->kind = ERR_SYSTEM;
		return err_prefix(err, "searching %.200s", s->host ? s->host : "docker.io");
	}
	results = doc_array(doc, "results");
	jw_array(&w, NULL);
	for (size_t i = 0; i < doc_len(results) && i < RESULTS_MAX; i++)
		if (is_wanted(s, doc_object_at(results, i)))
			print_result(&w, doc_object_at(results, i));
	jw_array_end(&w);
	return 0;
}

static int search(struct search *s, struct buf *out, struct err *err)
{
	auto_http struct http *http = NULL;
	auto_reply struct http_reply reply = { 0 };
	int r;

	/* what cannot be read counts as none, as for a pull */
	(void)work_credentials(&s->credentials, NULL);
	work_drain();
	split_term(s);
	r = settings_read(&s->settings, err);
	if (r < 0)
		return r;
	http = http_new(&s->settings, NULL);
	r = s->host ? ask_host(s, http, &reply, err) : ask(s, http, INDEX, &reply, err);
	if (r < 0)
		return r;
	return reply.status == 200 ? print(s, &reply, out, err) : refused(s, &reply, err);
}

int job_search(struct work *w, struct err *err)
{
	__attribute__((cleanup(search_clear))) struct search s = { .work = w };
	auto_buf struct buf out = { 0 };
	int r = search(&s, &out, err);

	return answer_with(&w->answer, r, &out, err);
}
