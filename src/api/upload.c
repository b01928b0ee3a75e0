#include "api/upload.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"

struct upload {
	struct loop *loop;
	struct worker worker;
	int client;
	bool deaf; /* the worker reads no more: drain and drop */
	bool gone; /* so did the client */
	struct watch room;
	struct watch hangup;
	upload_ready_fn *ready;
	void *arg;
};

struct upload *upload_new(struct loop *l, struct worker *take_worker, int client)
{
	struct upload *u = xcalloc(1, sizeof(*u));

	*u = (struct upload){ .loop = l, .worker = *take_worker, .client = client };
	*take_worker = (struct worker){ .input = FD_NONE, .control = FD_NONE };
	return u;
}

void upload_free(struct upload *u)
{
	if (!u)
		return;
	watch_stop(&u->room);
	watch_stop(&u->hangup);
	worker_clear(&u->worker);
	free(u);
}

size_t upload_write(struct upload *u, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len && !u->deaf && !u->gone) {
		ssize_t n = write(u->worker.input, (const char *)data + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			return done;
		else if (errno != EINTR)
			u->deaf = true;
	}
	return len;
}

static void wake(struct upload *u)
{
	watch_stop(&u->room);
	watch_stop(&u->hangup);
	u->ready(u->arg);
}

static void on_room(struct watch *w, uint32_t events)
{
	(void)events; /* an error shows at the next write */
	wake(container_of(w, struct upload, room));
}

static void on_hangup(struct watch *w, uint32_t events)
{
	struct upload *u = container_of(w, struct upload, hangup);

	(void)events;
	u->gone = true;
	wake(u);
}

int upload_wait(struct upload *u, upload_ready_fn *ready, void *arg, struct err *err)
{
	int r;

	u->ready = ready;
	u->arg = arg;
	r = watch_fd(u->loop, &u->room, u->worker.input, EPOLLOUT, on_room);
	if (r < 0)
		return err_sys(err, r, "watch the worker's input");
	/* libmicrohttpd does not look at a suspended connection. No events: a client that only has
	 * shut down its sending side must not wake us, EPOLLHUP comes when it is gone for good. */
	r = watch_fd(u->loop, &u->hangup, u->client, 0, on_hangup);
	if (r < 0) {
		watch_stop(&u->room);
		return err_sys(err, r, "watch the client");
	}
	return 0;
}

int upload_finish(struct upload *u, struct err *err)
{
	int r;

	if (u->gone)
		return err_set(err, ERR_SYSTEM, ECONNRESET, "the client went away");
	/* End of input before the connection: a worker may finish its work first. */
	u->worker.input = fd_close(u->worker.input);
	r = worker_hand_over(&u->worker, u->client);
	if (r < 0)
		return err_set(
			err, ERR_SYSTEM, EPIPE, "the worker for this request ended unexpectedly");
	return 0;
}
