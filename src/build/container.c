#include "build/container.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "core/containers.h"
#include "core/spawn.h"
#include "oci/doc.h"
#include "json/text.h"

#define READ_BLOCK (64 * 1024)
#define FRAME_MAX  (16 * 1024 * 1024)

static const char output_type[] = "type=" TYPE_MUX_STREAM;

/* One answer on its way in. */
struct reading {
	int fd; /* FD_NONE: it has ended */
	struct buf in;
	bool body; /* the head is off */
	int status;
};

struct driven {
	struct build *build;
	char id[ID_SIZE];
	struct reading output, wait, start;
	bool canceled;
};

static void reading_clear(struct reading *r)
{
	r->fd = fd_close(r->fd);
	buf_free(&r->in);
}

static void driven_clear(struct driven *d)
{
	reading_clear(&d->output);
	reading_clear(&d->wait);
	reading_clear(&d->start);
}

/* ---- asking */

static int ask(struct driven *d, const char *op, const char *const *words, struct reading *ret,
	struct err *err)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "socket pair");
	r = monitor_send(d->build->core, d->id, op, words, ends[1], err);
	(void)fd_close(ends[1]);
	if (r < 0) {
		(void)fd_close(ends[0]);
		return r;
	}
	ret->fd = ends[0];
	return 0;
}

/* Messages keep their order, so nothing of the run can be missed. */
static int ask_all(struct driven *d, struct err *err)
{
	const char *condition = d->build->opt.keep ? "condition=next-exit" : "condition=removed";
	int r;

	r = ask(d, "attach",
		(const char *const[]){ "stream=1", "stdout=1", "stderr=1", output_type, NULL },
		&d->output, err);
	if (r == 0)
		r = ask(d, "wait", (const char *const[]){ condition, NULL }, &d->wait, err);
	if (r == 0)
		r = ask(d, "start", (const char *const[]){ NULL }, &d->start, err);
	return r;
}

/* ---- reading */

/* Takes the head off once it is whole. */
static void take_head(struct reading *r)
{
	char *end = r->in.data ? memmem(r->in.data, r->in.len, "\r\n\r\n", 4) : NULL;

	if (r->body || !end)
		return;
	(void)sscanf(r->in.data, "HTTP/1.1 %d", &r->status);
	buf_consume(&r->in, (size_t)(end - r->in.data) + 4);
	r->body = true;
}

static void receive(struct reading *r)
{
	char block[READ_BLOCK];
	ssize_t n = read(r->fd, block, sizeof(block));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		r->fd = fd_close(r->fd);
		return;
	}
	buf_add(&r->in, block, (size_t)n);
	take_head(r);
}

static void pass_output(struct driven *d)
{
	struct reading *r = &d->output;
	const unsigned char *head = (const unsigned char *)r->in.data;

	while (r->body && r->in.len >= FRAME_HEAD) {
		size_t len = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 |
			head[7];

		if (len > FRAME_MAX || r->in.len < FRAME_HEAD + len)
			return;
		say_output(&d->build->say, head[0] == STREAM_STDERR, r->in.data + FRAME_HEAD, len);
		buf_consume(&r->in, FRAME_HEAD + len);
		head = (const unsigned char *)r->in.data;
	}
}

static void cancel(struct driven *d)
{
	if (!d->canceled)
		(void)monitor_send_if_live(d->build->core, d->id, "remove",
			(const char *const[]){ "force=1", NULL }, FD_NONE, NULL);
	d->canceled = true;
}

/* Until all three answers are there: the last ends when the container is over. */
static int follow(struct driven *d, struct err *err)
{
	struct reading *all[] = { &d->output, &d->wait, &d->start };

	while (d->output.fd >= 0 || d->wait.fd >= 0 || d->start.fd >= 0) {
		struct pollfd p[4];

		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			p[i] = (struct pollfd){ .fd = all[i]->fd, .events = POLLIN };
		/* once it is gone it stays gone: do not spin */
		p[3] = (struct pollfd){ .fd = d->canceled ? FD_NONE
							  : d->build->work->answer.client };
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "poll");
		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			if (all[i]->fd >= 0 && p[i].revents)
				receive(all[i]);
		pass_output(d);
		if (p[3].revents || (!d->canceled && d->build->work->answer.client < 0))
			cancel(d);
	}
	say_output_end(&d->build->say);
	return 0;
}

/* ---- what came of it */

/* {"message":…} of a refused start. */
static int start_failed(struct driven *d, struct err *err)
{
	auto_json json_object *doc = NULL;
	const char *text = d->start.in.data, *message = NULL;

	if (text && doc_parse(text, strlen(text), json_type_object, &doc, NULL) == 0)
		message = doc_str(doc, "message");
	return err_set(err, ERR_SYSTEM, EIO, "%s",
		message ? message : "the container's monitor ended unexpectedly");
}

/* One chunk with one object. */
static int exit_code(struct driven *d, int *ret, struct err *err)
{
	auto_json json_object *doc = NULL;
	char *text = d->wait.in.data ? strchr(d->wait.in.data, '{') : NULL;
	char *end = text ? strrchr(text, '}') : NULL;

	if (!end || doc_parse(text, (size_t)(end - text) + 1, json_type_object, &doc, NULL) < 0)
		return err_set(err, ERR_SYSTEM, EIO, "the container's monitor ended unexpectedly");
	*ret = (int)doc_int(doc, "StatusCode");
	return 0;
}

static int drive(struct driven *d, int *ret_code, struct err *err)
{
	auto_container struct container *ct = NULL;
	int r;

	r = container_find(d->build->core, d->id, &ct, err);
	if (r == 0)
		r = container_compile(d->build->core, ct, err);
	if (r == 0)
		r = ask_all(d, err);
	if (r == 0)
		r = follow(d, err);
	if (r != 0)
		return r < 0 ? r : -err->sys;
	if (d->canceled)
		return err_set(err, ERR_SYSTEM, ECANCELED, "the client went away");
	if (d->start.status != 204)
		return start_failed(d, err);
	return exit_code(d, ret_code, err);
}

static void remove_container(struct build *b, const char *id)
{
	auto_container struct container *ct = NULL;

	if (container_find(b->core, id, &ct, NULL) < 0)
		return;
	if (monitor_send_if_live(b->core, id, "remove", (const char *const[]){ "force=1", NULL },
		    FD_NONE, NULL) == 0)
		(void)container_remove_stopped(b->core, ct, false, NULL);
}

/* As Docker, but each once: they are the same for every step. */
static void tell_warnings(struct build *b, char *const *warnings)
{
	for (; warnings && *warnings; warnings++) {
		if (strv_has(b->warned, *warnings))
			continue;
		say_text(&b->say, " ---> [Warning] %s\n", *warnings);
		strv_add(&b->warned, *warnings);
	}
}

int container_run(struct build *b, const struct step_container *c, char ret_id[ID_SIZE],
	int *ret_code, struct err *err)
{
	struct image view = draft_view(c->on);
	auto_strv char **warnings = NULL;
	char id[DIGEST_SIZE];
	__attribute__((cleanup(driven_clear))) struct driven d = {
		.build = b, .output.fd = FD_NONE, .wait.fd = FD_NONE, .start.fd = FD_NONE
	};
	int r;

	draft_id(c->on, id);
	view.id = id;
	r = container_create_on(b->core, c->body,
		&(struct container_base){ .image = &view, .upper = c->upper }, d.id, &warnings,
		err);
	if (r < 0)
		return r;
	memcpy(ret_id, d.id, ID_SIZE);
	tell_warnings(b, warnings);
	say_text(&b->say, " ---> Running in %.12s\n", d.id);
	r = drive(&d, ret_code, err);
	if (r < 0 && !b->opt.keep)
		remove_container(b, d.id); /* unless it removed itself */
	return r;
}
