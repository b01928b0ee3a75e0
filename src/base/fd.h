/* base/fd.h - file descriptors. They start as -EBADF and carry O_CLOEXEC from birth. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FD_NONE (-9) /* -EBADF */

/* Closes if fd >= 0, keeps errno, returns FD_NONE: fd = fd_close(fd). */
int fd_close(int fd);

static inline void fd_close_ptr(int *fd)
{
	*fd = fd_close(*fd);
}

#define auto_fd __attribute__((cleanup(fd_close_ptr)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = FD_NONE;
	return taken;
}

/* Everything above standard error but those in keep, in any order; FD_NONE among them is fine. */
void fd_close_all_but(const int *keep, size_t n_keep);

/* All return 0 (or a count) on success, -errno on failure. */
int fd_nonblock(int fd, bool on);
int fd_cloexec(int fd, bool on);
/* Until len bytes are written; EINTR and short writes are handled, EAGAIN is waited out by poll. */
int fd_write_all(int fd, const void *data, size_t len);
/* Reads up to len, stops at EOF; returns the count. */
ssize_t fd_read_upto(int fd, void *data, size_t len);
/* Reads to EOF, at most max bytes (-EFBIG beyond). *ret is NUL-terminated and owned by the caller. */
int fd_read_text(int fd, size_t max, char **ret, size_t *ret_len);

/* One message with ancillary descriptors over a unix socket; fds are borrowed. */
int fd_send(int sock, const void *data, size_t len, const int *fds, size_t nfds, int flags);
/* Receives one message and up to max_fds descriptors (O_CLOEXEC). Returns its length. Descriptors
 * beyond max_fds and truncated messages are refused: everything received is closed, -EMSGSIZE. */
ssize_t fd_recv(
	int sock, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_nfds, int flags);
