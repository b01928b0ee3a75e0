/* worker/answer.h - the client's connection: it comes over the control socket once the whole body went
 * through our standard input, and this process then writes the HTTP answer. The switchboard may be
 * gone by then. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct answer {
	int control; /* borrowed */
	int client;  /* FD_NONE before it came */
	bool begun;  /* the head of a chunked answer was written */
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
/* Ends the stream and closes the connection. */
void answer_end(struct answer *a);
