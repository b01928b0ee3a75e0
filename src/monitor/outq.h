/* monitor/outq.h - what a client has not read yet.
 *
 * Bytes go straight to the socket while it takes them, then into memory, then into an unlinked file.
 * Nothing is lost and nothing blocks, however slow the client; what is read back is punched out of the
 * file, so it takes no more room than the backlog. Memory is mapped once and given back to the kernel
 * whenever the queue runs empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTQ_MEMORY ((size_t)256 << 10)
#define OUTQ_SPOOL  (INT64_C(16) << 30)

struct outq {
	int fd;       /* borrowed */
	char *memory; /* OUTQ_MEMORY bytes */
	size_t start, len;
	bool touched;
	int spool;        /* FD_NONE until needed */
	int64_t from, to; /* what of the spool file is still to be sent */
};

int outq_open(struct outq *q, int fd);
void outq_close(struct outq *q);

static inline bool outq_empty(const struct outq *q)
{
	return q->len == 0 && q->from == q->to;
}

/* How much fits into memory. */
static inline size_t outq_room(const struct outq *q)
{
	return q->from == q->to ? OUTQ_MEMORY - q->len : 0;
}

/* Adds head and data as one piece. hold: only queue it, the time to send has not come. dir: folder for
 * the spool file, FD_NONE for none. 0, -ENOSPC: nothing was added, there is no room; another error:
 * the connection is broken. */
int outq_add(struct outq *q, const void *head, size_t head_len, const void *data, size_t len,
	bool hold, int dir);
/* Sends what the socket takes. 0: empty now; 1: more is left; < 0: the connection is broken. */
int outq_flush(struct outq *q);
