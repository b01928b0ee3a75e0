#include "base/http_out.h"

#include <string.h>

#include "base/jsonw.h"

const char *const http_common_headers[] = {
	"Api-Version: " DAYFLY_API_VERSION,
	"Docker-Experimental: false",
	"Ostype: linux",
	"Server: Docker/" DAYFLY_DOCKER_VERSION " (linux)",
	NULL,
};

const char *http_reason(int status)
{
	switch (status) {
	case 101: return "UPGRADED";
	case 200: return "OK";
	case 201: return "Created";
	case 204: return "No Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 429: return "Too Many Requests";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	default: return "Status";
	}
}

void http_head(struct buf *out, int status, const char *type, enum http_body body, size_t length)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
	for (const char *const *h = http_common_headers; *h; h++)
		buf_printf(out, "%s\r\n", *h);
	if (type)
		buf_printf(out, "Content-Type: %s\r\n", type);
	if (status == 101) {
		buf_adds(out, "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
		return;
	}
	buf_adds(out, "Connection: close\r\n");
	if (body == HTTP_LENGTH)
		buf_printf(out, "Content-Length: %zu\r\n", length);
	else if (body == HTTP_CHUNKED)
		buf_adds(out, "Transfer-Encoding: chunked\r\n");
	buf_adds(out, "\r\n");
}

void http_head_add(struct buf *out, const char *line)
{
	out->len -= strlen("\r\n"); /* the empty line */
	buf_printf(out, "%s\r\n\r\n", line);
}

void http_answer(struct buf *out, int status, const char *json)
{
	size_t len = json ? strlen(json) : 0;

	if (status == 204 || status == 304) {
		http_head(out, status, NULL, HTTP_NO_BODY, 0);
		return;
	}
	http_head(out, status, json ? TYPE_JSON : NULL, HTTP_LENGTH, len);
	buf_add(out, json, len);
}

void http_answer_error(struct buf *out, const struct err *err)
{
	auto_buf struct buf body = { 0 };
	struct jsonw w = JSONW(&body);

	jw_object(&w, NULL);
	jw_str(&w, "message", err->msg);
	jw_object_end(&w);
	buf_addc(&body, '\n');
	http_answer(out, err_http_status(err), body.data);
}

void http_chunk(struct buf *out, const void *data, size_t len)
{
	buf_printf(out, "%zx\r\n", len);
	buf_add(out, data, len);
	buf_adds(out, "\r\n");
}

void http_chunk_end(struct buf *out)
{
	buf_adds(out, "0\r\n\r\n");
}

void frame_head(unsigned char ret[FRAME_HEAD], enum stream_id stream, uint32_t len)
{
	memset(ret, 0, FRAME_HEAD);
	ret[0] = (unsigned char)stream;
	ret[4] = (unsigned char)(len >> 24);
	ret[5] = (unsigned char)(len >> 16);
	ret[6] = (unsigned char)(len >> 8);
	ret[7] = (unsigned char)len;
}
