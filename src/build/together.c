/* To its process a stage's client is us: it writes records to a socket pair as to a connection, and takes its
 * closing for the client's going away, which ends what it is doing. The records travel on as they are. What
 * came of the stage comes over a pipe, when it is done. */
#include "build/together.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/doc.h"
#include "json/text.h"

#define READ_BLOCK (64 * 1024)
#define RESULT_MAX (16u << 20)

struct part {
	size_t stage;    /* of the file */
	size_t first;    /* steps before its own */
	pid_t pid;       /* 0: not begun, or over */
	int out, result; /* our ends; FD_NONE once they have ended */
	struct buf said; /* not yet passed on */
	struct buf text; /* of the result */
	bool begun, done;
};

struct together {
	struct build *b;
	struct part *parts; /* in the order of b->order */
	size_t count, running, telling;
	struct part *failed;
};

/* ---- in the stage's process */

static void print_result(
	struct build *b, size_t stage, int r, const struct err *err, struct buf *out)
{
	const struct draft *d = &b->drafts[stage];
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_strv(&w, "args", b->args_used);
	if (r == 0) {
		json_write(&w, "doc", d->doc);
		json_write(&w, "layers", d->layers);
		jw_strv(&w, "diff_ids", d->diff_ids);
		jw_str(&w, "key", d->key);
	} else {
		jw_int(&w, "sys", err->sys);
		jw_int(&w, "kind", err->kind);
		jw_int(&w, "code", b->exit_code);
		jw_str(&w, "error", b->failure ? b->failure : err->msg);
	}
	jw_object_end(&w);
}

static _Noreturn void stage_process(struct build *b, const struct part *p, int out, int result)
{
	struct answer answer = { .control = FD_NONE, .client = out, .begun = true };
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	b->work->answer = answer;
	b->say.quiet = false; /* who is quiet is not for us to say */
	b->step = p->first;
	r = build_stage(b, p->stage, &err);
	print_result(b, p->stage, r, &err, &text);
	stage_free(b->stage);
	r = fd_write_all(result, text.data, text.len);
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ---- beginning */

/* Whether every stage it takes is built. */
static bool is_ready(struct together *t, const struct part *p)
{
	auto_free bool *taken = xcalloc(t->b->file->stage_count, sizeof(*taken));

	dockerfile_takes(t->b->file, p->stage, taken);
	for (size_t i = 0; i < t->b->file->stage_count; i++)
		if (taken[i] && !t->b->drafts[i].doc)
			return false;
	return true;
}

/* A child that kept our ends of others' sockets would hide their closing. */
static void close_others(struct together *t)
{
	for (size_t i = 0; i < t->count; i++) {
		(void)fd_close(t->parts[i].out);
		(void)fd_close(t->parts[i].result);
	}
}

static int begin(struct together *t, struct part *p, struct err *err)
{
	int out[2], result[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0)
		return err_sys(err, errno, "socket pair");
	if (pipe2(result, O_CLOEXEC) < 0) {
		(void)fd_close(out[0]);
		(void)fd_close(out[1]);
		return err_sys(err, errno, "pipe");
	}
	p->pid = fork();
	if (p->pid == 0) {
		close_others(t);
		(void)fd_close(out[0]);
		(void)fd_close(result[0]);
		stage_process(t->b, p, out[1], result[1]);
	}
	(void)fd_close(out[1]);
	(void)fd_close(result[1]);
	p->out = out[0];
	p->result = result[0];
	p->begun = true;
	t->running++;
	return p->pid < 0 ? err_sys(err, errno, "fork") : 0;
}

static int begin_ready(struct together *t, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->count && t->running < STAGES_AT_ONCE; i++)
		if (!t->parts[i].begun && is_ready(t, &t->parts[i]))
			r = begin(t, &t->parts[i], err);
	return r;
}

/* ---- listening */

static void receive(int *fd, struct buf *into)
{
	char block[READ_BLOCK];
	ssize_t n = read(*fd, block, sizeof(block));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		*fd = fd_close(*fd);
	else
		buf_add(into, block, (size_t)n);
}

/* How much of it is whole records: the stage may be cut short within one. */
static size_t whole_chunks(const struct buf *b)
{
	size_t at = 0;

	while (at < b->len) {
		char *end;
		size_t n = strtoul(b->data + at, &end, 16), head = (size_t)(end - (b->data + at));

		if (at + head + 2 > b->len || at + head + 2 + n + 2 > b->len)
			break;
		at += head + 2 + n + 2;
	}
	return at;
}

/* A quiet client hears of it only if the build fails. */
static void pass_on(struct together *t, struct part *p)
{
	size_t n = t->b->say.quiet ? 0 : whole_chunks(&p->said);

	if (n)
		answer_chunks(&t->b->work->answer, p->said.data, n);
	buf_consume(&p->said, n);
}

/* Everything that has its turn. */
static void tell(struct together *t)
{
	for (; t->telling < t->count; t->telling++) {
		struct part *p = &t->parts[t->telling];

		pass_on(t, p);
		if (!p->done)
			return;
	}
}

static void read_draft(json_object *doc, struct draft *ret)
{
	ret->doc = json_object_get(doc_object(doc, "doc"));
	ret->config = doc_object(ret->doc, "config");
	ret->layers = json_object_get(doc_array(doc, "layers"));
	ret->diff_ids = json_get_strv(doc, "diff_ids");
	(void)snprintf(ret->key, sizeof(ret->key), "%s", json_get_str(doc, "key", ""));
}

static int read_failure(struct build *b, json_object *doc, struct err *err)
{
	const char *text = json_get_str(doc, "error", "a stage's process ended unexpectedly");

	free(b->failure);
	b->failure = xstrdup(text);
	b->exit_code = (int)doc_int(doc, "code");
	return err_set(err, (enum err_kind)doc_int(doc, "kind"),
		doc ? (int)doc_int(doc, "sys") : EIO, "%.400s", text);
}

/* Both of its ends are closed. */
static int finish(struct together *t, struct part *p, struct err *err)
{
	auto_json json_object *doc = NULL;
	auto_strv char **args = NULL;

	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
	p->done = true;
	t->running--;
	if (p->text.data)
		(void)json_parse(p->text.data, p->text.len, &doc, NULL);
	args = json_get_strv(doc, "args");
	for (char **a = args; a && *a; a++)
		strv_add(&t->b->args_used, *a);
	if (doc_object(doc, "doc")) {
		read_draft(doc, &t->b->drafts[p->stage]);
		return 0;
	}
	t->failed = t->failed ? t->failed : p;
	return read_failure(t->b, doc, err);
}

static int listen_once(struct together *t, struct err *err)
{
	auto_free struct pollfd *fds = xcalloc(2 * t->count + 1, sizeof(*fds));
	int r = 0;

	for (size_t i = 0; i < t->count; i++) {
		fds[2 * i] = (struct pollfd){ .fd = t->parts[i].out, .events = POLLIN };
		fds[2 * i + 1] = (struct pollfd){ .fd = t->parts[i].result, .events = POLLIN };
	}
	fds[2 * t->count] = (struct pollfd){ .fd = t->b->work->answer.client };
	if (poll(fds, 2 * t->count + 1, -1) < 0 && errno != EINTR)
		return err_sys(err, errno, "poll");
	if (fds[2 * t->count].revents || t->b->work->answer.client < 0)
		return err_set(err, ERR_SYSTEM, ECANCELED, "the client went away");
	for (size_t i = 0; r == 0 && i < t->count; i++) {
		struct part *p = &t->parts[i];

		if (p->out >= 0 && fds[2 * i].revents)
			receive(&p->out, &p->said);
		if (p->result >= 0 && fds[2 * i + 1].revents)
			receive(&p->result, &p->text);
		if (p->begun && !p->done && p->out < 0 && p->result < 0)
			r = finish(t, p, err);
	}
	tell(t);
	return r;
}

/* ---- the end */

/* The others' client goes away: each ends its container and what else it does. */
static void end_all(struct together *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct part *p = &t->parts[i];

		p->out = fd_close(p->out);
		p->result = fd_close(p->result);
		while (p->pid > 0 && waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
		p->pid = 0;
	}
}

/* What came before the failure, then what led to it. */
static void tell_failed(struct together *t)
{
	say_aloud(&t->b->say);
	for (size_t i = 0; i < t->count && &t->parts[i] <= t->failed; i++)
		pass_on(t, &t->parts[i]);
}

static int run(struct together *t, struct err *err)
{
	int r = begin_ready(t, err);

	while (r == 0 && t->running) {
		r = listen_once(t, err);
		if (r == 0)
			r = begin_ready(t, err);
	}
	return r;
}

int build_together(struct build *b, struct err *err)
{
	struct together t = { .b = b, .count = b->order_count };
	size_t steps = b->step;
	int r;

	t.parts = xcalloc(t.count, sizeof(*t.parts));
	for (size_t i = 0; i < t.count; i++) {
		t.parts[i] = (struct part){
			.stage = b->order[i], .first = steps, .out = FD_NONE, .result = FD_NONE
		};
		steps += 1 + b->file->stages[b->order[i]].count;
	}
	r = run(&t, err);
	end_all(&t);
	if (t.failed)
		tell_failed(&t);
	for (size_t i = 0; i < t.count; i++) {
		buf_free(&t.parts[i].said);
		buf_free(&t.parts[i].text);
	}
	free(t.parts);
	b->step = steps;
	return r;
}
