#include "worker/answer.h"

#include <poll.h>
#include <string.h>

#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"

int answer_wait(struct answer *a, struct err *err)
{
	char word[16];
	size_t n = 0;
	ssize_t r;

	if (a->client >= 0)
		return 0;
	r = fd_recv(a->control, word, sizeof(word), &a->client, 1, &n, 0);
	if (r < 0)
		return err_sys(err, (int)r, "receive the client's connection");
	if (n == 0) {
		a->client = FD_NONE;
		return err_set(err, ERR_SYSTEM, EPIPE, "the client is gone");
	}
	(void)fd_nonblock(a->client, false);
	return 0;
}

bool answer_gone(const struct answer *a)
{
	struct pollfd p = { .fd = a->client };

	return a->client >= 0 && poll(&p, 1, 0) > 0;
}

static void send_all(struct answer *a, const struct buf *out)
{
	if (a->client >= 0 && fd_write_all(a->client, out->data, out->len) < 0)
		a->client = fd_close(a->client);
}

static void begin(struct answer *a, const char *type, struct buf *out)
{
	if (!a->begun) {
		http_head(out, 200, type, HTTP_CHUNKED, 0);
		if (a->header)
			http_head_add(out, a->header);
	}
	a->begun = true;
}

void answer_record(struct answer *a, const char *json)
{
	auto_buf struct buf out = { 0 }, line = { 0 };

	buf_adds(&line, json);
	buf_adds(&line, "\r\n");
	begin(a, TYPE_JSON, &out);
	http_chunk(&out, line.data, line.len);
	send_all(a, &out);
}

void answer_chunks(struct answer *a, const void *chunks, size_t len)
{
	auto_buf struct buf out = { 0 };

	begin(a, TYPE_JSON, &out);
	buf_add(&out, chunks, len);
	send_all(a, &out);
}

void answer_error_record(struct answer *a, const struct err *err)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	jw_object(&w, NULL);
	jw_object(&w, "errorDetail");
	jw_str(&w, "message", err->msg);
	jw_object_end(&w);
	jw_str(&w, "error", err->msg);
	jw_object_end(&w);
	answer_record(a, json.data);
}

void answer_error(struct answer *a, const struct err *err)
{
	auto_buf struct buf out = { 0 };

	http_answer_error(&out, err);
	send_all(a, &out);
	a->client = fd_close(a->client);
}

void answer_fail(struct answer *a, const struct err *err)
{
	if (!a->begun) {
		answer_error(a, err);
		return;
	}
	answer_error_record(a, err);
	answer_end(a);
}

int answer_with(struct answer *a, int r, const struct buf *json, const struct err *err)
{
	auto_buf struct buf text = { 0 };

	if (answer_wait(a, NULL) < 0)
		return r;
	if (r < 0) {
		answer_error(a, err);
		return r;
	}
	buf_add(&text, json->data, json->len);
	buf_addc(&text, '\n');
	answer_json(a, 200, text.data);
	return 0;
}

int answer_data(struct answer *a, const char *type, const void *data, size_t len, struct err *err)
{
	auto_buf struct buf head = { 0 };
	int r;

	if (len == 0)
		return 0;
	begin(a, type, &head);
	buf_printf(&head, "%zx\r\n", len);
	r = a->client < 0 ? -EPIPE : fd_write_all(a->client, head.data, head.len);
	if (r == 0)
		r = fd_write_all(a->client, data, len);
	if (r == 0)
		r = fd_write_all(a->client, "\r\n", 2);
	return r < 0 ? err_sys(err, r, "send to the client") : 0;
}

int answer_stream(struct answer *a, int r, const struct err *err)
{
	if (answer_wait(a, NULL) < 0)
		return r;
	if (r == 0)
		answer_end(a);
	else if (a->begun)
		answer_cut(a);
	else
		answer_error(a, err);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static void send_head(struct answer *a, int status, enum http_body body)
{
	auto_buf struct buf out = { 0 };

	http_head(&out, status, NULL, body, 0);
	if (a->header && status == 200)
		http_head_add(&out, a->header);
	send_all(a, &out);
	a->client = fd_close(a->client);
}

void answer_empty(struct answer *a)
{
	send_head(a, 200, HTTP_LENGTH);
}

int answer_head(struct answer *a, int r, const struct err *err)
{
	if (answer_wait(a, NULL) == 0)
		send_head(a, r < 0 ? err_http_status(err) : 200, HTTP_NO_BODY);
	return r;
}

void answer_json(struct answer *a, int status, const char *json)
{
	auto_buf struct buf out = { 0 };

	http_answer(&out, status, json);
	send_all(a, &out);
	a->client = fd_close(a->client);
}

void answer_cut(struct answer *a)
{
	a->client = fd_close(a->client);
}

void answer_end(struct answer *a)
{
	auto_buf struct buf out = { 0 };

	if (a->client < 0)
		return;
	begin(a, TYPE_JSON, &out);
	http_chunk_end(&out);
	send_all(a, &out);
	a->client = fd_close(a->client);
}
