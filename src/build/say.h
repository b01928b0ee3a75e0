/* build/say.h - what a build tells its client while it goes on: the classic builder's records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "worker/answer.h"

struct say {
	struct answer *answer; /* borrowed */
	bool quiet;            /* records are kept: they are told only if the build fails */
	char **kept;
	struct buf
		tail[2]; /* of stdout, stderr: the beginning of a character whose rest is to come */
};

void say_clear(struct say *s);

/* {"stream":…}, one record. */
void say_text(struct say *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Output of a step; stderr's is red, as Docker sends it. */
void say_output(struct say *s, bool is_stderr, const char *data, size_t len);
void say_output_end(struct say *s);
/* {"aux":{"ID":…}} */
void say_id(struct say *s, const char *id);
/* The one line of a quiet build. */
void say_result(struct say *s, const char *id);
/* A quiet build has failed: tells everything it has kept, and keeps no more. */
void say_aloud(struct say *s);
/* The last record of a build that failed. code: of the command that did, 0: no command. */
void say_failure(struct say *s, int code, const char *message);
