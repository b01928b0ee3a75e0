/* worker/answer.h - the client's connection: it comes over the control socket once the whole body went
 * through our standard input, and this process then writes the HTTP answer. The switchboard may be
 * gone by then. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct answer {
	int control;        /* borrowed */
	int client;         /* FD_NONE before it came */
	bool begun;         /* the head of a chunked answer was written */
	const char *header; /* one more of a 200, "Name: value", or NULL; borrowed */
};

#define ANSWER(fd) ((struct answer){ .control = (fd), .client = FD_NONE })

/* Waits for the connection. -EPIPE: client or switchboard are gone, and nobody asks any more. */
int answer_wait(struct answer *a, struct err *err);
/* Whether the client has closed its connection; before it came: false. */
bool answer_gone(const struct answer *a);
/* One record of a 200 stream, in a chunk of its own. A client that went away is no failure: what was
 * asked for is done. */
void answer_record(struct answer *a, const char *json);
/* Records that are chunks already: another process has written them so. */
void answer_chunks(struct answer *a, const void *chunks, size_t len);
/* {"errorDetail":…,"error":…}, the last record of a stream that failed. */
void answer_error_record(struct answer *a, const struct err *err);
/* {"message":…} with the error's status, where no record was written yet. */
void answer_error(struct answer *a, const struct err *err);
/* One of the two above, whichever is still possible; ends the answer. */
void answer_fail(struct answer *a, const struct err *err);
/* Waits for the connection and answers with a 200 of json, or with err if r < 0. Returns r. */
int answer_with(struct answer *a, int r, const struct buf *json, const struct err *err);
/* Bytes of a 200 answer of this type. -EPIPE: the client went away, and nobody wants the rest. */
int answer_data(struct answer *a, const char *type, const void *data, size_t len, struct err *err);
/* Ends an answer of such bytes, or cuts it if r < 0; tells the error if there were none so far. Returns r, or 0
 * for a client that went away, which it may. */
int answer_stream(struct answer *a, int r, const struct err *err);
/* A 200 without a body, and the end of it. */
void answer_empty(struct answer *a);
/* The answer to a HEAD request: a 200 without a body, or if r < 0 err's status. Returns r. */
int answer_head(struct answer *a, int r, const struct err *err);
/* A whole answer with this status. */
void answer_json(struct answer *a, int status, const char *json);
/* Ends the stream and closes the connection. */
void answer_end(struct answer *a);
/* Closes it in the middle of a stream, so that the client does not take what it has for all. */
void answer_cut(struct answer *a);
