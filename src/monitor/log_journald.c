/* monitor/log_journald.c - the driver journald, by the native protocol of systemd-journald: one datagram
 * an entry, FIELD=value lines, or a length before values with newlines in them. An entry that no datagram
 * can hold goes into a sealed memfd. libsystemd would be ten times this program.
 *
 * The socket is connected, so that epoll tells when a full queue has room again. Should journald be gone
 * it is connected anew at the next try; what is not sent waits here, and the container for it, unless its
 * mode is non-blocking. */
#include "monitor/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "state/journald.h"
#include "state/logcut.h"

#define PRIORITY_OUT   6 /* LOG_INFO */
#define PRIORITY_ERR   3 /* LOG_ERR */
#define EPOCH_SIZE     33
#define FLUSH_PATIENCE (2 * NSEC_PER_SEC)
#define FLUSH_STEP_MS  100

/* One record that waits to be sent; its text follows it. */
struct entry {
	uint32_t len;
	enum stream_id stream;
	int64_t time;
};

struct journald {
	int dir; /* borrowed */
	int sock;
	const char *path;  /* of journald's socket */
	struct buf fields; /* what every entry has */
	struct buf out;    /* struct entry, text, … */
	struct log_cutter cutter;
	int64_t now; /* of the current call */
	int64_t most_kept;
	uint64_t ordinal; /* of the last entry sent */
	char epoch[EPOCH_SIZE];
};

/* ---- an entry */

static void add_field(struct buf *b, const char *key, const char *value, size_t len)
{
	if (!memchr(value, '\n', len)) {
		buf_printf(b, "%s=", key);
	} else {
		uint64_t size = htole64(len);

		buf_printf(b, "%s\n", key);
		buf_add(b, &size, sizeof(size));
	}
	buf_add(b, value, len);
	buf_addc(b, '\n');
}

static int send_memfd(int sock, const struct iovec *iov, int count)
{
	auto_fd int fd = memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		int r = fd_write_all(fd, iov[i].iov_base, iov[i].iov_len);

		if (r < 0)
			return r;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return (int)fd_send(sock, NULL, 0, &fd, 1, MSG_DONTWAIT);
}

static int send_entry(struct journald *j, const struct entry *e, const char *text)
{
	bool whole = e->len > 0 && text[e->len - 1] == '\n';
	char stamp[TIME_TEXT], own[256];
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t n;

	(void)time_rfc3339_fixed(e->time, stamp);
	(void)snprintf(own, sizeof(own),
		"PRIORITY=%d\n" JOURNALD_TIMESTAMP "=%.30s\n" JOURNALD_ORDINAL "=%llu\n%sMESSAGE=",
		e->stream == STREAM_STDERR ? PRIORITY_ERR : PRIORITY_OUT, stamp,
		(unsigned long long)j->ordinal + 1, whole ? "" : JOURNALD_PARTIAL "=true\n");
	iov[0] = (struct iovec){ j->fields.data, j->fields.len };
	iov[1] = (struct iovec){ own, strlen(own) };
	iov[2] = (struct iovec){ (void *)(uintptr_t)text, e->len - whole };
	iov[3] = (struct iovec){ (void *)(uintptr_t) "\n", 1 };
	do
		n = sendmsg(j->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
		n = send_memfd(j->sock, iov, (int)ARRAY_SIZE(iov));
	else if (n < 0)
		n = -errno;
	if (n < 0)
		return (int)n;
	j->ordinal++;
	return 0;
}

/* ---- the connection */

static int connect_to(const char *path)
{
	auto_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int room = 8 << 20; /* as sd_journal_send(3); cut to what the system allows */

	if (sock < 0)
		return -errno;
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	(void)stpcpy(sa.sun_path, path);
	if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	(void)setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return take_fd(&sock);
}

static bool is_gone(int r)
{
	return r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE;
}

static int send_all(struct journald *j)
{
	size_t at = 0;
	int r = 0;

	if (j->sock < 0)
		j->sock = connect_to(j->path);
	if (j->sock < 0)
		return j->sock;
	while (at < j->out.len) {
		struct entry e;

		memcpy(&e, j->out.data + at, sizeof(e));
		r = send_entry(j, &e, j->out.data + at + sizeof(e));
		if (r < 0)
			break;
		at += sizeof(e) + e.len;
	}
	buf_consume(&j->out, at);
	if (is_gone(r))
		j->sock = fd_close(j->sock);
	return r;
}

/* ---- the driver */

static void add_record(void *arg, enum stream_id stream, const char *text, size_t len)
{
	struct journald *j = arg;
	struct entry e = { .len = (uint32_t)len, .stream = stream, .time = j->now };

	if (j->most_kept > 0 && j->out.len &&
		(int64_t)(j->out.len + sizeof(e) + len) > j->most_kept && send_all(j) < 0)
		return;
	buf_add(&j->out, &e, sizeof(e));
	buf_add(&j->out, text, len);
}

static int journald_write(struct log *l, enum stream_id stream, const void *data, size_t len)
{
	struct journald *j = l->state;
	int r;

	j->now = time_now();
	log_cut(&j->cutter, stream, data, len, add_record, j);
	r = j->out.len ? send_all(j) : 0;
	l->writeable = j->sock;
	return r;
}

static void journald_tidy(struct log *l)
{
	struct journald *j = l->state;

	log_cutter_tidy(&j->cutter);
	if (j->out.len == 0)
		buf_free(&j->out);
}

/* Who reads later waits until journald has taken the last of them. */
static void leave_end(const struct journald *j)
{
	char text[JOURNALD_END_MAX];

	(void)snprintf(text, sizeof(text), "%s %llu\n", j->epoch, (unsigned long long)j->ordinal);
	if (j->ordinal)
		(void)file_replace_at(j->dir, JOURNALD_END_FILE, text, strlen(text), 0600, 0);
}

/* The end of a run: a full queue is waited for, since it is only full for moments. */
static int send_rest(struct journald *j)
{
	int64_t give_up = time_monotonic() + FLUSH_PATIENCE;
	int r;

	while ((r = send_all(j)) == -EAGAIN && time_monotonic() < give_up) {
		struct pollfd pfd = { .fd = j->sock, .events = POLLOUT };

		(void)poll(&pfd, 1, FLUSH_STEP_MS);
	}
	return r;
}

static int journald_flush(struct log *l)
{
	struct journald *j = l->state;
	int r;

	j->now = time_now();
	log_cut_rest(&j->cutter, add_record, j);
	r = j->out.len ? send_rest(j) : 0;
	leave_end(j);
	return r;
}

static void journald_close(struct log *l)
{
	struct journald *j = l->state;

	(void)fd_close(j->sock);
	buf_free(&j->fields);
	buf_free(&j->out);
	log_cutter_clear(&j->cutter);
	free(j);
}

static void add_fields(struct journald *j, const struct plan *plan)
{
	char id[ID_SIZE];

	plan_foreach (it, plan, "log-field")
		add_field(&j->fields, it->words[0], it->words[1], strlen(it->words[1]));
	id_new(id);
	(void)snprintf(j->epoch, sizeof(j->epoch), "%.32s", id);
	add_field(&j->fields, JOURNALD_EPOCH, j->epoch, strlen(j->epoch));
}

static int journald_open(
	struct log *l, const struct plan *plan, int dir, const char *id, struct err *err)
{
	const char *path = getenv(JOURNALD_SOCKET_ENV);
	struct journald *j;
	int sock;

	(void)id; /* among the fields */
	if (str_empty(path))
		path = JOURNALD_SOCKET;
	sock = connect_to(path);
	if (sock <
		0) /* Docker's words; the reason's own are left out, as clients read meaning into them */
		return err_set(err, ERR_SYSTEM, -sock, "journald is not enabled on this host");
	j = xcalloc(1, sizeof(*j));
	j->dir = dir;
	j->sock = sock;
	j->path = path;
	j->most_kept = log_number(plan, "most-kept", 0);
	add_fields(j, plan);
	l->state = j;
	l->writeable = sock;
	return 0;
}

const struct log_driver log_journald = {
	.name = "journald",
	.open = journald_open,
	.write = journald_write,
	.flush = journald_flush,
	.tidy = journald_tidy,
	.close = journald_close,
};
