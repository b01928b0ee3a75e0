/* api/upload.h - a request body on its way to a worker's standard input.
 *
 * The pipe's room is the client's: when it is full the server suspends the connection until there is
 * room again. A worker that stops reading early (it found an error, or it died) does not stop the
 * upload: what is left is thrown away, because many clients read no answer before they have sent
 * everything; then the worker answers, or, if it is gone, the server says so.
 * A client that vanishes ends the worker: its control socket closes without a connection on it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"
#include "core/spawn.h"

struct upload;
typedef void upload_ready_fn(void *arg);

/* Takes the worker over. client is borrowed: watched while the upload waits. */
struct upload *upload_new(struct loop *l, struct worker *take_worker, int client);
void upload_free(struct upload *u);
/* Returns how much was taken; less than len means: upload_wait(). */
size_t upload_write(struct upload *u, const void *data, size_t len);
/* Calls ready(arg) once, when there is room again or nobody wants the room any more. */
int upload_wait(struct upload *u, upload_ready_fn *ready, void *arg, struct err *err);
/* The body is complete: the worker gets the connection and answers. */
int upload_finish(struct upload *u, struct err *err);
