/* state/wire.h - messages to a monitor, on its datagram socket run/containers/ID/ctl.
 *
 * One message is a list of words, the first naming the operation, the others key=value; optionally
 * raw bytes (what a client had sent early); optionally one descriptor: the client's connection. The
 * monitor owns that connection from then on and writes the whole HTTP answer itself. Nothing is ever
 * sent back on the socket, and datagrams keep their order: what was sent first is done first.
 *
 *   start         [detach-keys=]
 *   attach        stream=1 stdin=1 stdout=1 stderr=1 logs=1 [tail=RECORDS] keys= type=MIME
 *                 [hold=TOKEN]; instead of type=, with hold=: websocket=binary|text, output's messages
 *   exec-start    id= detach=0|1 tty=0|1 type=MIME [height= width=] [hold=TOKEN]
 *   early         hold=TOKEN (no descriptor) what the client had sent early
 *   resize        height= width=
 *   exec-resize   id= height= width=
 *   stop          [signal=N] [timeout=SECONDS, -1 for ever]
 *   restart       [signal=N] [timeout=SECONDS]
 *   kill          signal=N
 *   wait          condition=not-running|next-exit|removed
 *   remove        force=0|1 volumes=0|1
 *   pause         [hold=1] it lasts as long as the connection, on which a 204 says that it has begun
 *   unpause
 *   stats         stream=0|1 [one-shot=1]
 *   update        answer=JSON (limits or the restart policy have changed: read the plan again, apply it,
 *                 answer that)
 *   reload        (no descriptor; nobody is answered) name and attrs changed: read the plan again
 *   again         boot=0|1 (no descriptor; nobody is answered) the last run should be followed by another:
 *                 its monitor was killed, or it is of an earlier boot (state/restart.h)
 * hold=TOKEN: the switchboard is about to write the 101 head, and nothing may be read or written before
 * early says that it is out. Without it the monitor writes the head: 200 with that type, until EOF. The
 * connection comes before the 101, so that a client who has seen that has a session which needs no
 * switchboard; should early never come, the monitor goes on without it (docs/decisions/014).
 *
 * The end of a monitor. It holds flock(LOCK_EX) on run/containers/ID/lock all its life (the
 * descriptor is inherited from whoever spawned it). To end, it shuts its socket down for reading,
 * handles what is still queued, then exits. A sender that gets ECONNREFUSED, EPIPE or ENOENT tries the
 * lock: free means spawn a monitor, taken means one is ending or beginning: try again shortly. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "state/dirs.h"

#define WIRE_MAX   (128 * 1024)
#define WIRE_WORDS 32

struct wire_msg {
	char *store; /* owns everything below */
	const char *op;
	const char *words[WIRE_WORDS]; /* key=value, NULL-ended */
	const void *blob;
	size_t blob_len;
	int fd; /* FD_NONE if none came */
};

void wire_msg_clear(struct wire_msg *m); /* closes fd too */
#define auto_wire __attribute__((cleanup(wire_msg_clear)))

/* The value of key, or NULL. */
const char *wire_get(const struct wire_msg *m, const char *key);
bool wire_flag(const struct wire_msg *m, const char *key); /* "1" */
int wire_int(const struct wire_msg *m, const char *key, int missing);

/* Decodes one datagram; data is copied. Sizes and NULs are checked: -EBADMSG. Does not touch fd. */
int wire_decode(const void *data, size_t len, struct wire_msg *ret);

/* Binds the control socket in run_dir (replacing a dead one) and returns it, non-blocking. */
int wire_listen(int run_dir);
/* Receives one message. 0; -EAGAIN when the queue is empty; -EPIPE when it is empty and shut down. */
int wire_recv(int sock, struct wire_msg *ret);
/* Sends op and words (NULL-ended) with fd (may be FD_NONE; borrowed) and early bytes. Waits at most so
 * long for room in the queue. -ENOENT, -ECONNREFUSED, -EPIPE: no monitor listens; -ETIMEDOUT: it
 * is not taking messages. */
int wire_send(int run_dir, const char *op, const char *const *words, int fd, const void *blob,
	size_t blob_len, int patience_ms);
