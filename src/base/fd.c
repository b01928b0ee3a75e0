#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

#define FDS_MAX 8
#define SPAN_MAX                                                                                   \
	1024 /* as many are tried one by one where a filter around us forbids close_range(2) */

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return FD_NONE;
}

static void close_span(int first, int last)
{
	if (first > last || close_range((unsigned)first, (unsigned)last, 0) == 0)
		return;
	for (int fd = first; fd <= last && fd < SPAN_MAX; fd++)
		(void)close(fd);
}

void fd_close_all_but(const int *keep, size_t n_keep)
{
	int first = STDERR_FILENO + 1;

	for (;;) {
		int next = INT_MAX;

		for (size_t i = 0; i < n_keep; i++)
			if (keep[i] >= first && keep[i] < next)
				next = keep[i];
		close_span(first, next - 1);
		if (next == INT_MAX)
			return;
		first = next + 1;
	}
}

int fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
				return -errno;
			continue;
		}
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_upto(int fd, void *data, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)data + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int fd_read_text(int fd, size_t max, char **ret, size_t *ret_len)
{
	auto_free char *text = NULL;
	size_t have = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (have + 1 >= room) {
			room = room ? room * 2 : 4096;
			text = xrealloc(text, room);
		}
		n = fd_read_upto(fd, text + have, room - have - 1);
		if (n < 0)
			return (int)n;
		have += (size_t)n;
		if (have > max)
			return -EFBIG;
		if (have + 1 < room)
			break;
	}
	text[have] = '\0';
	*ret = take_ptr(&text);
	if (ret_len)
		*ret_len = have;
	return 0;
}

int fd_send(int sock, const void *data, size_t len, const int *fds, size_t nfds, int flags)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nfds > FDS_MAX)
		return -EINVAL;
	if (nfds) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

static size_t control_fds(struct msghdr *msg, int *fds, size_t max)
{
	size_t have = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (have < max)
				fds[have] = fd;
			else
				(void)close(fd);
			have++;
		}
	}
	return have;
}

ssize_t fd_recv(
	int sock, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_nfds, int flags)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	size_t have;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	have = control_fds(&msg, fds, max_fds);
	if (have > max_fds || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < have && i < max_fds; i++)
			fds[i] = fd_close(fds[i]);
		return -EMSGSIZE;
	}
	*ret_nfds = have;
	return n;
}
