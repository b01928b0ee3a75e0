/* base/http_out.h - HTTP and Docker frames on a raw socket, for answers that were handed over by the
 * switchboard. Everything else is answered by libmicrohttpd. Such an answer always closes the
 * connection, so that a client never sends its next request to a process that cannot route it.
 *
 * All heads carry Docker's common headers (Api-Version, Ostype, Server, Docker-Experimental). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The Docker release whose API this is; tools compare it with versions they know. */
#define DAYFLY_DOCKER_VERSION  "27.2.0"
#define DAYFLY_API_VERSION     "1.47" /* advertised; the newest the answers are complete for */
#define DAYFLY_API_VERSION_MIN "1.24"

enum http_body {
	HTTP_NO_BODY, /* 204, 304, 101 */
	HTTP_LENGTH,  /* Content-Length: length */
	HTTP_CHUNKED,
	HTTP_UNTIL_EOF, /* raw bytes until the connection closes: Docker's 200-mode hijack */
};

const char *http_reason(int status);
/* Status line and headers with the empty line. type may be NULL. For 101, Upgrade: tcp is added. */
void http_head(struct buf *out, int status, const char *type, enum http_body body, size_t length);
/* One more header, "Name: value"; straight after http_head(). */
void http_head_add(struct buf *out, const char *line);
/* A complete answer; json may be NULL for an empty body. */
void http_answer(struct buf *out, int status, const char *json);
/* {"message":…} with the status of err; 304 and such are not errors. */
void http_answer_error(struct buf *out, const struct err *err);
void http_chunk(struct buf *out, const void *data, size_t len); /* len > 0 */
void http_chunk_end(struct buf *out);

/* The common headers, one "Name: value" per element, NULL-ended; libmicrohttpd's side adds the same. */
extern const char *const http_common_headers[];

enum stream_id { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_SYSTEM };
#define FRAME_HEAD 8
/* Docker's multiplexing header: stream, three zero bytes, big-endian length. */
void frame_head(unsigned char ret[FRAME_HEAD], enum stream_id stream, uint32_t len);

#define TYPE_JSON       "application/json"
#define TYPE_RAW_STREAM "application/vnd.docker.raw-stream"
#define TYPE_MUX_STREAM "application/vnd.docker.multiplexed-stream"
