#include "stream/client.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/http_out.h"

#define CHUNK_HEAD 24 /* hex length and CRLF */

int client_head(struct client *c, const char *type)
{
	auto_buf struct buf head = { 0 };

	http_head(&head, 200, type, HTTP_CHUNKED, 0);
	c->head_sent = true;
	return fd_write_all(c->fd, head.data, head.len);
}

char *client_room(struct client *c, size_t len)
{
	buf_reserve(&c->out, CHUNK_HEAD + len);
	if (c->out.len == 0)
		c->out.len = CHUNK_HEAD; /* filled in by client_flush() */
	return c->out.data + c->out.len;
}

void client_used(struct client *c, size_t len)
{
	c->out.len += len;
}

void client_add(struct client *c, const void *data, size_t len)
{
	memcpy(client_room(c, len), data, len);
	client_used(c, len);
}

size_t client_pending(const struct client *c)
{
	return c->out.len ? c->out.len - CHUNK_HEAD : 0;
}

int client_flush(struct client *c)
{
	size_t len = client_pending(c);
	char head[CHUNK_HEAD], *start;
	int n, r;

	if (len == 0)
		return 0;
	n = snprintf(head, sizeof(head), "%zx\r\n", len);
	start = c->out.data + CHUNK_HEAD - n;
	memcpy(start, head, (size_t)n);
	buf_adds(&c->out, "\r\n");
	r = fd_write_all(c->fd, start, (size_t)(c->out.data + c->out.len - start));
	c->out.len = 0;
	return r;
}

int client_end(struct client *c)
{
	auto_buf struct buf end = { 0 };
	int r = client_flush(c);

	if (r < 0)
		return r;
	http_chunk_end(&end);
	return fd_write_all(c->fd, end.data, end.len);
}

void client_refuse(struct client *c, const struct err *err)
{
	auto_buf struct buf answer = { 0 };

	http_answer_error(&answer, err);
	(void)fd_write_all(c->fd, answer.data, answer.len); /* gone: nobody is left to be told */
}

void client_clear(struct client *c)
{
	buf_free(&c->out);
	c->fd = fd_close(c->fd);
}
