/* api/server.h - HTTP on the listening sockets, one thread, until there is nothing to do.
 *
 * Ending is free of races without any ceremony: connections are only accepted inside
 * server_run(), so when it finds none open and the idle time over, whoever connects in that very
 * moment waits in the socket's backlog and gets the next process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct server;

/* Takes over the sockets, all listening. idle_ns 0: never ends by itself. */
int server_new(const int *take_sockets, size_t count, int64_t idle_ns, struct server **ret,
	struct err *err);
/* Serves until idle, or until SIGTERM or SIGINT and the last request under way has its answer.
 * Both signals must be blocked. */
int server_run(struct server *s, struct err *err);
void server_free(struct server *s);
static inline void server_free_ptr(struct server **s)
{
	server_free(*s);
}
#define auto_server __attribute__((cleanup(server_free_ptr)))
