/* stream/stream.h - the kinds of answers dayfly-stream gives. One process serves one client and ends
 * with it; nothing else in the engine knows of it. */
#pragma once

#include "base/err.h"
#include "state/dirs.h"
#include "stream/client.h"

/* words: key=value, NULL-ended. All write the whole answer, unless they fail before client_head();
 * what fails later ends the connection without the last chunk, which clients take for an error. */
typedef int stream_fn(const struct dirs *d, char *const *words, struct client *c, struct err *err);

/*   id=  follow=1  stdout=1  stderr=1  since=  until=  tail=  timestamps=1  details=1  tty=1  type=MIME
 *   removed=1
 * id is the whole id of a container that exists, or of a removed one of which something is kept; times as in time_parse(). */
stream_fn stream_logs;
struct log_source;
/* The same from elsewhere. */
int logs_from(const struct log_source *from, const struct dirs *d, char *const *words,
	struct client *c, struct err *err);
/*   since=  until=  filters=JSON in either encoding */
stream_fn stream_events;

/* The main of a program that answers: its kinds, the last one without a name. */
struct stream_kind {
	const char *name;
	stream_fn *run;
};
int stream_main(int argc, char **argv, const struct stream_kind *kinds);

/* The value of key, or NULL if it is missing or empty. */
const char *word_get(char *const *words, const char *key);
bool word_flag(char *const *words, const char *key); /* "1" */
/* A point in time: 1 if it is given, 0 (and *ret = 0) if not. ERR_INVALID. */
int word_time(char *const *words, const char *key, int64_t *ret, struct err *err);
