/* monitor/client.h - a connection that carries a process's standard streams: attach or exec.
 *
 * Output waits in a queue (outq.h) and is framed unless the process has a terminal. Input goes to the
 * process; half-closing ends the input and nothing else. A client is gone when its connection is shut
 * in both directions.
 *
 * Some clients read the head of the answer through a buffer and then the stream around it, losing
 * whatever came along with the head. So the first byte of the stream is not sent before the peer has
 * taken the head off the socket (the gate). While the switchboard has yet to write that head the gate is
 * held shut: nothing is read or written then.
 *
 * A websocket is the same within frames (websocket.h), and ends by a close from both sides: ours when all is
 * said, or at once in answer to the client's. Pings are answered where they stand in the input, so one behind
 * input that the process does not take waits with it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/http_out.h"
#include "base/loop.h"
#include "base/str.h"
#include "monitor/keys.h"
#include "monitor/outq.h"
#include "monitor/websocket.h"
#include "state/logfile.h"
#include "state/wire.h"

struct monitor;
struct stdio;

struct client {
	struct client *next;
	struct monitor *m;
	struct stdio *io;         /* NULL once there is no more to come */
	struct logreader *replay; /* reads what was logged before, until it has caught up */
	const char *left;         /* event to be told when the keys were pressed */
	char session[ID_SIZE];    /* exec: its id, else "" */
	struct watch watch;
	struct outq out;
	struct keys keys;
	struct buf pending; /* input the process has not taken yet; of a held websocket: frames */
	int fd;
	uint32_t events; /* being watched for */
	bool framed;
	bool wants_in, wants_out, wants_err;
	int64_t gate;    /* until then its head may be unread; 0: it was read */
	char hold[24];   /* token of the message that says the head is out; "": it is */
	bool input_over; /* no more input will come */
	bool input_told; /* … and the process knows */
	bool replay_only;
	bool cut;  /* it fell too far behind */
	bool dead; /* to be freed by clients_reap() */

	enum ws_opcode message; /* of a websocket: what output is sent as; 0: this is none */
	struct websocket ws;
	unsigned pongs; /* queued since the queue was last empty */
	bool closed;    /* our close is queued, or out */
	int64_t linger; /* all is out, and until then the client's close is waited for; 0: not yet */
};

/* Takes the message's connection over, and writes the head unless the switchboard does. NULL if the
 * connection is broken. */
struct client *client_new(struct monitor *m, struct stdio *io, struct wire_msg *msg);
/* The head is out, and these bytes are the first of the client's input. */
void client_early(struct monitor *m, struct wire_msg *msg);
/* Recomputes what is waited for; call after changing fields. */
void client_update(struct client *c);
/* No more will come: the connection ends when all is written. */
void client_release(struct client *c);
/* Sends the log first, then, unless only that was wanted, goes on live without gap or repeat. */
void client_replay(struct client *c, struct logreader *take_reader, bool only);
/* A stream of one line, for a request that came to nothing. */
void client_tell(struct monitor *m, struct wire_msg *msg, bool framed, const char *text);

void clients_send(struct monitor *m, const struct stdio *io, enum stream_id stream,
	const void *data, size_t len);
/* The process takes input (again): pass on what waits. */
void clients_feed(struct monitor *m, struct stdio *io);
/* Room in the queue of a paced stream's client; plenty if there is no client. */
size_t client_room(const struct monitor *m, const struct stdio *io);
void clients_release(struct monitor *m, const struct stdio *io);
void clients_drop(struct monitor *m); /* all, at once */
void clients_reap(struct monitor *m);
