#include "monitor/outq.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

#define PUNCH_STEP (4 << 20) /* blocks are given back in pieces of this size */

int outq_open(struct outq *q, int fd)
{
	void *p = mmap(NULL, OUTQ_MEMORY, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	*q = (struct outq){ .fd = fd, .memory = p, .spool = FD_NONE };
	return 0;
}

void outq_close(struct outq *q)
{
	if (q->memory)
		(void)munmap(q->memory, OUTQ_MEMORY);
	(void)fd_close(q->spool);
	*q = (struct outq){ .fd = FD_NONE, .spool = FD_NONE };
}

/* Sends head and data; returns how many bytes of both together were taken. */
static ssize_t send_now(int fd, const void *head, size_t head_len, const void *data, size_t len)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = head_len },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

static void put_memory(struct outq *q, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (q->start + q->len + len > OUTQ_MEMORY) {
		memmove(q->memory, q->memory + q->start, q->len);
		q->start = 0;
	}
	memcpy(q->memory + q->start + q->len, data, len);
	q->len += len;
	q->touched = true;
}

static int write_at(int fd, const char *data, size_t len, int64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ENOSPC; /* whatever the disk's reason: there is no room for more */
		data += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* The end moves only when both pieces are in the file, so that a full disk cuts no frame in two. */
static int put_spool(
	struct outq *q, const void *head, size_t head_len, const void *data, size_t len, int dir)
{
	int r;

	if (dir < 0 || q->to - q->from + (int64_t)(head_len + len) > OUTQ_SPOOL)
		return -ENOSPC;
	if (q->spool < 0)
		q->spool = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (q->spool < 0)
		return -ENOSPC;
	r = write_at(q->spool, head, head_len, q->to);
	if (r == 0)
		r = write_at(q->spool, data, len, q->to + (int64_t)head_len);
	if (r == 0)
		q->to += (int64_t)(head_len + len);
	return r;
}

int outq_add(struct outq *q, const void *head, size_t head_len, const void *data, size_t len,
	bool hold, int dir)
{
	ssize_t sent = 0;
	size_t skip;

	if (!hold && outq_empty(q)) {
		sent = send_now(q->fd, head, head_len, data, len);
		if (sent < 0)
			return (int)sent;
	}
	if (head_len + len - (size_t)sent > outq_room(q))
		return put_spool(q, head, head_len, data, len, dir);
	skip = (size_t)sent < head_len ? (size_t)sent : head_len;
	put_memory(q, (const char *)head + skip, head_len - skip);
	skip = (size_t)sent - skip;
	put_memory(q, (const char *)data + skip, len - skip);
	return 0;
}

static void forget_spool(struct outq *q)
{
	q->spool = fd_close(q->spool);
	q->from = q->to = 0;
}

/* Memory is empty: the next piece of the spool file comes into it. */
static int refill(struct outq *q)
{
	int64_t left = q->to - q->from;
	size_t want = left < (int64_t)OUTQ_MEMORY / 4 ? (size_t)left : OUTQ_MEMORY / 4;
	ssize_t n = pread(q->spool, q->memory, want, q->from);

	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	q->start = 0;
	q->len = (size_t)n;
	q->touched = true;
	if ((q->from + n) / PUNCH_STEP != q->from / PUNCH_STEP)
		(void)fallocate(
			q->spool, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, q->from + n);
	q->from += n;
	if (q->from == q->to)
		forget_spool(q);
	return 0;
}

int outq_flush(struct outq *q)
{
	while (!outq_empty(q)) {
		ssize_t n;
		int r;

		if (q->len == 0) {
			r = refill(q);
			if (r < 0)
				return r;
		}
		n = send_now(q->fd, NULL, 0, q->memory + q->start, q->len);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 1;
		q->start += (size_t)n;
		q->len -= (size_t)n;
	}
	q->start = 0;
	if (q->touched)
		(void)madvise(q->memory, OUTQ_MEMORY, MADV_DONTNEED);
	q->touched = false;
	return 0;
}
