#include "runtime/report.h"

#include "base/fd.h"

int report_send(int sock, const struct report *r, int fd)
{
	return fd_send(sock, r, sizeof(*r), &fd, fd >= 0 ? 1 : 0, 0);
}

int report_recv(int sock, struct report *ret, int *ret_fd)
{
	size_t count = 0;
	ssize_t n;

	*ret_fd = FD_NONE;
	n = fd_recv(sock, ret, sizeof(*ret), ret_fd, 1, &count, 0);
	if (n == -ECONNRESET)
		return 0;
	if (n <= 0)
		return (int)n;
	return n == sizeof(*ret) ? 1 : -EBADMSG;
}
