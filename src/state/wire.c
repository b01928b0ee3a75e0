#include "state/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/timefmt.h"

/* On the wire: uint32 length of the words (native order: both ends are one machine), the words, each
 * ended by NUL, then the blob. */

void wire_msg_clear(struct wire_msg *m)
{
	free(m->store);
	m->fd = fd_close(m->fd);
	*m = (struct wire_msg){ .fd = FD_NONE };
}

const char *wire_get(const struct wire_msg *m, const char *key)
{
	size_t n = strlen(key);

	for (int i = 0; i < WIRE_WORDS && m->words[i]; i++)
		if (strncmp(m->words[i], key, n) == 0 && m->words[i][n] == '=')
			return m->words[i] + n + 1;
	return NULL;
}

bool wire_flag(const struct wire_msg *m, const char *key)
{
	const char *v = wire_get(m, key);

	return v && str_eq(v, "1");
}

int wire_int(const struct wire_msg *m, const char *key, int missing)
{
	const char *v = wire_get(m, key);
	int64_t n;

	if (!v || str_to_i64(v, &n) < 0 || n < INT32_MIN || n > INT32_MAX)
		return missing;
	return (int)n;
}

int wire_decode(const void *data, size_t len, struct wire_msg *ret)
{
	struct wire_msg m = { .fd = FD_NONE };
	uint32_t words_len;
	const char *p, *end;
	int n = 0;

	if (len < sizeof(words_len) || len > WIRE_MAX)
		return -EBADMSG;
	memcpy(&words_len, data, sizeof(words_len));
	if (words_len == 0 || words_len > len - sizeof(words_len))
		return -EBADMSG;
	if (((const char *)data)[sizeof(words_len) + words_len - 1] != '\0')
		return -EBADMSG;
	m.store = xmemdup((const char *)data + sizeof(words_len), len - sizeof(words_len));
	p = m.store;
	end = m.store + words_len;
	m.op = p;
	for (p += strlen(p) + 1; p < end; p += strlen(p) + 1) {
		if (n == WIRE_WORDS - 1) {
			free(m.store);
			return -EBADMSG;
		}
		m.words[n++] = p;
	}
	m.blob = end;
	m.blob_len = len - sizeof(words_len) - words_len;
	*ret = m;
	return 0;
}

/* Control sockets are addressed through their folder's descriptor, since a full path may be longer
 * than sun_path (108 bytes). */
static void address(struct sockaddr_un *sa, int run_dir)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/ctl", run_dir);
}

int wire_listen(int run_dir)
{
	auto_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;

	if (sock < 0)
		return -errno;
	address(&sa, run_dir);
	if (unlinkat(run_dir, "ctl", 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return take_fd(&sock);
}

/* A shut down datagram socket says EAGAIN like an empty one; only poll(2) tells them apart. */
static bool shut_down(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & POLLRDHUP;
}

int wire_recv(int sock, struct wire_msg *ret)
{
	auto_free char *data = xmalloc(WIRE_MAX);
	int fd = FD_NONE;
	size_t nfds = 0;
	ssize_t n = fd_recv(sock, data, WIRE_MAX, &fd, 1, &nfds, MSG_DONTWAIT);
	int r;

	if (n == -EAGAIN && shut_down(sock))
		return -EPIPE;
	if (n < 0)
		return (int)n;
	r = wire_decode(data, (size_t)n, ret);
	if (r < 0)
		(void)fd_close(fd);
	else
		ret->fd = fd;
	return r;
}

int wire_send(int run_dir, const char *op, const char *const *words, int fd, const void *blob,
	size_t blob_len, int patience_ms)
{
	auto_buf struct buf b = { 0 };
	auto_fd int sock = FD_NONE;
	int64_t give_up = time_monotonic() + patience_ms * NSEC_PER_MSEC;
	struct sockaddr_un sa;
	uint32_t words_len = 0;
	int r;

	buf_add(&b, &words_len, sizeof(words_len));
	buf_add(&b, op, strlen(op) + 1);
	for (; words && *words; words++)
		buf_add(&b, *words, strlen(*words) + 1);
	words_len = (uint32_t)(b.len - sizeof(words_len));
	memcpy(b.data, &words_len, sizeof(words_len));
	buf_add(&b, blob, blob_len);
	if (b.len > WIRE_MAX)
		return -EMSGSIZE;

	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	address(&sa, run_dir);
	if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	for (;;) {
		struct pollfd pfd = { .fd = sock, .events = POLLOUT };
		int64_t left = give_up - time_monotonic();

		r = fd_send(sock, b.data, b.len, &fd, fd >= 0, MSG_DONTWAIT);
		if (r != -EAGAIN)
			return r;
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&pfd, 1, (int)(left / NSEC_PER_MSEC) + 1);
	}
}
