/* dayfly - Docker's API without a daemon: the switchboard. Started by its socket, gone when idle. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/activation.h"
#include "api/server.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/core.h"
#include "core/restarts.h"

#define IDLE_DEFAULT_S 10
#define IDLE_MAX_S     (10 * 365 * 24 * 3600.0)
#define SOCKETS_MAX    16

struct options {
	const char *listen; /* NULL: socket activation */
	int64_t idle_ns;    /* 0: never, -1: not given */
	bool restart;       /* no service: what a restart policy wants back */
};

static void usage(FILE *out)
{
	(void)fputs(
		"Usage: dayfly [--listen PATH] [--idle-timeout SECONDS]\n"
		"       dayfly --restart\n"
		"\n"
		"Serves Docker's API on the sockets given by systemd, or on PATH.\n"
		"\n"
		"  --listen PATH           serve in the foreground on this Unix socket\n"
		"  --idle-timeout SECONDS  exit after this long without a connection;\n"
		"                          fractions allowed, 0: never (default: 10,\n"
		"                          with --listen 0; also DAYFLY_IDLE_TIMEOUT)\n"
		"  --restart               once after a boot or a login: start the containers that\n"
		"                          a restart policy wants back, and exit\n"
		"  --version               show the version\n"
		"  --help                  show this text\n",
		out);
}

static int idle_parse(const char *text, int64_t *ret)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !isfinite(s) || s < 0 || s > IDLE_MAX_S)
		return -EINVAL;
	*ret = (int64_t)(s * (double)NSEC_PER_SEC);
	return 0;
}

/* Returns an exit status, or -1 to go on. */
static int options_parse(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "idle-timeout", required_argument, NULL, 'i' },
		{ "restart", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *idle = getenv("DAYFLY_IDLE_TIMEOUT");
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case 'l': ret->listen = optarg; break;
		case 'i': idle = optarg; break;
		case 'r': ret->restart = true; break;
		case 'V':
			(void)printf(
				"dayfly %s (Docker API %s)\n", DAYFLY_VERSION, DAYFLY_API_VERSION);
			return 0;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	if (!str_empty(idle) && idle_parse(idle, &ret->idle_ns) < 0) {
		log_error("not a number of seconds: %s", idle);
		return 2;
	}
	if (ret->idle_ns < 0)
		ret->idle_ns = ret->listen ? 0 : IDLE_DEFAULT_S * NSEC_PER_SEC;
	return -1;
}

/* A socket file nobody listens on any more is left from a crash and in the way. */
static int remove_dead_socket(const struct sockaddr_un *sa)
{
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)sa, sizeof(*sa)) == 0)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED && unlink(sa->sun_path) < 0)
		return -errno;
	return 0;
}

static int listen_on(const char *path, int *ret, struct err *err)
{
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (sock < 0)
		return err_sys(err, errno, "socket");
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, ERR_INVALID, ENAMETOOLONG, "socket path is too long: %s", path);
	memcpy(sa.sun_path, path, strlen(path));
	r = remove_dead_socket(&sa);
	if (r < 0)
		return err_sys(err, r, "listen on %s", path);
	mask = umask(0177);
	r = bind(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(sock, SOMAXCONN) < 0
		? -errno
		: 0;
	(void)umask(mask);
	if (r < 0)
		return err_sys(err, r, "listen on %s", path);
	*ret = take_fd(&sock);
	return 0;
}

static int sockets_open(const struct options *o, int sockets[SOCKETS_MAX], struct err *err)
{
	int r;

	if (o->listen) {
		r = listen_on(o->listen, &sockets[0], err);
		return r < 0 ? r : 1;
	}
	r = activation_sockets(err);
	if (r == 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"no sockets were passed: start dayfly.socket, or use --listen PATH");
	for (int i = 0; i < r; i++)
		sockets[i] = 3 + i;
	return r;
}

static int serve(const struct options *o, struct err *err)
{
	auto_server struct server *s = NULL;
	int sockets[SOCKETS_MAX];
	int r = sockets_open(o, sockets, err);

	if (r < 0)
		return r;
	r = server_new(sockets, (size_t)r, o->idle_ns, &s, err);
	if (r < 0)
		return r;
	activation_notify("READY=1");
	r = server_run(s, err);
	activation_notify("STOPPING=1");
	if (o->listen)
		(void)unlink(o->listen);
	return r;
}

static int restart(struct err *err)
{
	struct core *c;
	int r = core_open(&c, err);

	if (r < 0)
		return r;
	r = restarts_anew(c, err);
	core_free(c);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { .idle_ns = -1 };
	struct err err = { 0 };
	int status = options_parse(argc, argv, &options);

	if (status >= 0)
		return status;
	/* Monitors, streams and workers live on their own; nobody here asks how they ended. */
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((options.restart ? restart(&err) : serve(&options, &err)) < 0) {
		log_error("%s", err.msg);
		return 1;
	}
	return 0;
}
