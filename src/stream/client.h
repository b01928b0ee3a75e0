/* stream/client.h - the client's connection and the one long answer on it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct client {
	int fd;
	bool head_sent;
	struct buf out; /* the chunk being filled, behind room for its head */
};

/* The head of a chunked 200 answer, sent at once: clients wait for it before they do anything else. */
int client_head(struct client *c, const char *type);
/* Adds to the chunk being filled. */
void client_add(struct client *c, const void *data, size_t len);
/* The same in two steps, for what is put together on the spot: room for up to len bytes at the chunk's
 * end, then how many were used. */
char *client_room(struct client *c, size_t len);
void client_used(struct client *c, size_t len);
size_t client_pending(const struct client *c);
/* Sends it, if there is anything in it; blocks until the client has room. */
int client_flush(struct client *c);
/* The end of the answer. */
int client_end(struct client *c);
/* The whole answer, when nothing else was sent yet. */
void client_refuse(struct client *c, const struct err *err);
void client_clear(struct client *c);
#define auto_client __attribute__((cleanup(client_clear)))
