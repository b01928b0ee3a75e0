/* worker/progress.h - the records that the lines of `docker pull` and `docker push` are drawn from. Not
 * thread-safe, as an answer is not. */
#pragma once

#include <stdint.h>

#include "worker/answer.h"

#define PROGRESS_ID 12 /* digits of a digest that name a line */

/* What becomes of one line. id: of which, at most PROGRESS_ID characters of it are shown. */
void progress_status(struct answer *a, const char *id, const char *status);
/* The same with a bar; total 0: not known. */
void progress_bytes(
	struct answer *a, const char *id, const char *status, int64_t current, int64_t total);
