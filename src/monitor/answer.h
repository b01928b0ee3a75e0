/* monitor/answer.h - short HTTP answers on connections that were handed over, and the list of requests
 * whose answer waits for something: the end of a run, a new start, the removal. */
#pragma once

#include "base/err.h"
#include "state/wire.h"

struct monitor;

/* Ends a connection properly: what was written stays readable, and bytes the peer still sends do not
 * turn its last read into an error. Closes *fd and sets it to FD_NONE. */
void connection_end(int *fd);

/* Each writes a whole answer to the message's connection and ends it; no connection is fine. */
void answer_status(struct wire_msg *msg, int status);
/* A whole JSON text with a 200. */
void answer_json(struct wire_msg *msg, const char *json);
void answer_error(struct wire_msg *msg, const struct err *err);
/* err_set() and answer_error() in one. */
void answer_refuse(struct wire_msg *msg, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum ask {
	ASK_END,     /* answered when the end of the run is recorded */
	ASK_RESTART, /* when the container runs again, or could not be started */
	ASK_REMOVE,  /* when it is off the disk, or could not be removed */
};

struct asker {
	struct asker *next;
	enum ask what;
	int fd;
};

/* Takes the connection over; msg may be NULL or without one (the wish is remembered all the same). */
void askers_add(struct monitor *m, enum ask what, struct wire_msg *msg);
bool askers_have(const struct monitor *m, enum ask what);
/* Answers all of a kind: 204, or err. */
void askers_answer(struct monitor *m, enum ask what, const struct err *err);
