#include "api/activation.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define SOCKETS_START 3
#define SOCKETS_MAX   16

int activation_sockets(struct err *err)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t n = 0, owner;
	int r;

	if (pid && (str_to_u64(pid, &owner) < 0 || owner != (uint64_t)getpid()))
		return 0; /* meant for an ancestor */
	if (fds && (str_to_u64(fds, &n) < 0 || n > SOCKETS_MAX))
		return err_set(
			err, ERR_INVALID, EINVAL, "LISTEN_FDS: not a number of sockets: %s", fds);
	for (int fd = SOCKETS_START; fd < SOCKETS_START + (int)n; fd++) {
		int listening = 0;
		socklen_t len = sizeof(listening);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
			return err_set(err, ERR_INVALID, ENOTSOCK,
				"descriptor %d of LISTEN_FDS is no listening socket", fd);
		r = fd_cloexec(fd, true);
		if (r < 0)
			return err_sys(err, r, "descriptor %d of LISTEN_FDS", fd);
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return (int)n;
}

void activation_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	auto_fd int sock = FD_NONE;

	if (len < 2 || len >= sizeof(sa.sun_path) || !strchr("/@", path[0]))
		return;
	memcpy(sa.sun_path, path, len);
	if (path[0] == '@')
		sa.sun_path[0] = '\0'; /* abstract */
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return;
	(void)sendto(sock, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
