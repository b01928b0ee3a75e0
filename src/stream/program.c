/* What the programs that answer have in common. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "stream/stream.h"

#define CLIENT_FD 3

static stream_fn *find_kind(const struct stream_kind *kinds, const char *name)
{
	for (; kinds->name; kinds++)
		if (str_eq(kinds->name, name))
			return kinds->run;
	return NULL;
}

/* A log may have more files than the usual 1024 descriptors, and they are held open while it is read. */
static void raise_fd_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int answer(stream_fn *run, char *const *words, struct client *c, struct err *err)
{
	auto_dirs struct dirs d = { .data = FD_NONE, .run = FD_NONE };
	int r = dirs_open(&d, err);

	return r < 0 ? r : run(&d, words, c, err);
}

static bool client_left(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

int stream_main(int argc, char **argv, const struct stream_kind *kinds)
{
	auto_client struct client c = { .fd = CLIENT_FD };
	stream_fn *run = argc > 1 ? find_kind(kinds, argv[1]) : NULL;
	struct err err = { 0 };
	int r;

	if (!run || fd_cloexec(CLIENT_FD, true) < 0) {
		log_error("usage: %s %s [KEY=VALUE]..., with the client as descriptor 3",
			program_invocation_short_name, kinds->name);
		c.fd = FD_NONE;
		return 2;
	}
	(void)close_range(CLIENT_FD + 1, ~0U, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	r = answer(run, argv + 2, &c, &err);
	if (r == 0 || client_left(r))
		return 0;
	if (!c.head_sent)
		client_refuse(&c, &err);
	if (err_http_status(&err) >= 500)
		log_error("%s: %s", argv[1], err.msg);
	return 1;
}
