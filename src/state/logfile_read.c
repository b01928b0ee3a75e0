/* The reading side of state/logfile.h.
 *
 * The files are opened all at once, youngest first: a rotation meanwhile only moves a file to a name we
 * have yet to look at, so none is missed, and one seen twice is told by its inode. Two rotations could
 * bring a younger file behind an older one, so after any we look again. From then on the files are ours to
 * the end, whatever becomes of their names. */
#include "state/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "state/logrecord.h"

#define BLOCK    ((size_t)128 << 10)
#define LINE_MAX ((size_t)1 << 20) /* longer ones are no records of ours or Docker's */
#define LOOKS    1000              /* at files that are rotated as fast as they are opened */

struct part {
	int fd;
	dev_t dev;
	ino_t ino;
	int64_t written; /* when it was opened: the last write's time */
};

struct logreader {
	int dir; /* borrowed */
	char id[ID_SIZE];
	struct part *parts; /* oldest first; the first one is being read */
	size_t count;
	struct buf in; /* read and not yet returned, from start on */
	size_t start;
	bool skipping; /* inside a line that was too long */
	struct log_decoder decoder;
};

/* ---- the files */

static void parts_free(struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fd_close(parts[i].fd);
	free(parts);
}

/* 1: opened; 0: no such file. */
static int open_part(int dir, const char *name, struct part *ret)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct part){ .fd = take_fd(&fd),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.written = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec };
	return 1;
}

static bool same_file(const struct part *a, const struct part *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* Opens all files, oldest first in *ret, the youngest of which has the number *ret_first. Stops at two
 * missing numbers in a row: a rotation under way leaves one gap. */
static int look(
	const struct logreader *r, struct part **ret, size_t *ret_count, unsigned *ret_first)
{
	struct part *parts = NULL, part;
	size_t count = 0;
	int missing = 0, found;

	for (unsigned n = 0; missing < 2; n++) {
		char name[LOG_NAME_SIZE];

		found = open_part(r->dir, logfile_name(name, r->id, n), &part);
		if (found < 0) {
			parts_free(parts, count);
			return found;
		}
		if (!found) {
			missing++;
			continue;
		}
		missing = 0;
		if (count && same_file(&parts[0], &part)) {
			(void)fd_close(part.fd);
			continue;
		}
		if (count == 0)
			*ret_first = n;
		parts = xreallocarray(parts, count + 1, sizeof(*parts));
		memmove(parts + 1, parts, count * sizeof(*parts));
		parts[0] = part;
		count++;
	}
	*ret = parts;
	*ret_count = count;
	return 0;
}

static bool has_number(const struct logreader *r, const struct part *part, unsigned number)
{
	char name[LOG_NAME_SIZE];
	struct stat st;

	return fstatat(r->dir, logfile_name(name, r->id, number), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		same_file(part, &(struct part){ .dev = st.st_dev, .ino = st.st_ino });
}

static int open_parts(const struct logreader *r, struct part **ret, size_t *ret_count)
{
	for (int looks = 1;; looks++) {
		unsigned first = 0;
		int found = look(r, ret, ret_count, &first);

		if (found < 0 || *ret_count == 0 || looks == LOOKS ||
			has_number(r, &(*ret)[*ret_count - 1], first))
			return found;
		parts_free(*ret, *ret_count);
	}
}

static void drop_first_part(struct logreader *r)
{
	(void)fd_close(r->parts[0].fd);
	r->count--;
	memmove(r->parts, r->parts + 1, r->count * sizeof(*r->parts));
}

/* At the end of the youngest file: looks whether there are younger ones now, and puts them behind it.
 * Returns 1 if so. What was written to it before the rotation is still to be read, then. */
static int find_younger(struct logreader *r)
{
	char name[LOG_NAME_SIZE];
	struct part *parts, current;
	size_t count, known = 0;
	struct stat st;
	int res;

	if (fstatat(r->dir, logfile_name(name, r->id, 0), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* between two files, or the container is gone */
	current = (struct part){ .dev = st.st_dev, .ino = st.st_ino };
	if (r->count && same_file(&r->parts[0], &current))
		return 0;
	res = open_parts(r, &parts, &count);
	if (res < 0)
		return res;
	for (size_t i = 0; r->count && i < count; i++)
		if (same_file(&parts[i], &r->parts[0]))
			known = i + 1;
	for (size_t i = 0; i < known; i++)
		(void)fd_close(parts[i].fd);
	r->parts = xreallocarray(r->parts, r->count + count - known, sizeof(*parts));
	memcpy(r->parts + r->count, parts + known, (count - known) * sizeof(*parts));
	r->count += count - known;
	free(parts);
	return count > known;
}

int logreader_open(int dir, const char *id, struct logreader **ret, struct err *err)
{
	struct logreader *r = xcalloc(1, sizeof(*r));
	int res;

	r->dir = dir;
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	res = open_parts(r, &r->parts, &r->count);
	if (res < 0) {
		logreader_free(r);
		return err_sys(err, res, "open the container's log");
	}
	*ret = r;
	return 0;
}

void logreader_free(struct logreader *r)
{
	if (!r)
		return;
	parts_free(r->parts, r->count);
	buf_free(&r->in);
	free(r);
}

/* ---- the last n records */

/* Walks back over complete lines of one file until *n of them that end like a record are counted.
 * Returns 1 with the offset where the first of them starts, 0 if the file has fewer. */
static int tail_part(int fd, uint64_t *n, char *block, off_t *ret)
{
	off_t hi = lseek(fd, 0, SEEK_END);
	const size_t before = 2; /* bytes of the block in front, to see how a line ends */

	if (hi < 0)
		return -errno;
	while (hi > 0) {
		off_t lo = hi > (off_t)BLOCK ? hi - (off_t)BLOCK : 0;
		size_t extra = lo > 0 ? before : 0, len = (size_t)(hi - lo) + extra;
		const char *p = block + len;
		ssize_t got = pread(fd, block, len, lo - (off_t)extra);

		if (got < 0)
			return -errno;
		if ((size_t)got != len)
			return -EIO;
		while ((p = memrchr(block + extra, '\n', (size_t)(p - block) - extra))) {
			if (*n == 0) {
				*ret = lo - (off_t)extra + (p - block) + 1;
				return 1;
			}
			if (p - block >= 2 && p[-1] == '}' && p[-2] == '"')
				--*n;
		}
		hi = lo;
	}
	*ret = 0;
	return *n == 0;
}

int logreader_tail(struct logreader *r, uint64_t n)
{
	auto_free char *block = xmalloc(BLOCK + 2);

	for (size_t i = r->count; i > 0; i--) {
		off_t at = 0;
		int found = tail_part(r->parts[i - 1].fd, &n, block, &at);

		if (found < 0)
			return found;
		if (lseek(r->parts[i - 1].fd, at, SEEK_SET) < 0)
			return -errno;
		if (found) {
			while (--i > 0)
				drop_first_part(r);
			break;
		}
	}
	return 0;
}

/* ---- the records since a time */

/* A file's time is that of the kernel's last tick: a little before that of its last record. */
void logreader_since(struct logreader *r, int64_t since)
{
	while (r->count > 1 && r->parts[0].written + NSEC_PER_SEC < since)
		drop_first_part(r);
}

/* ---- line after line */

/* The next complete line in the buffer, without its newline. */
static char *take_line(struct logreader *r, size_t *ret_len)
{
	while (r->start < r->in.len) {
		char *line = r->in.data + r->start;
		char *end = memchr(line, '\n', r->in.len - r->start);

		if (!end)
			break;
		r->start = (size_t)(end - r->in.data) + 1;
		if (!r->skipping) {
			*ret_len = (size_t)(end - line);
			return line;
		}
		r->skipping = false;
	}
	return NULL;
}

/* Reads on. 1: there is more in the buffer; 0: nothing yet; -errno. */
static int fill(struct logreader *r)
{
	ssize_t n;

	buf_consume(&r->in, r->start);
	r->start = 0;
	if (r->in.len >= LINE_MAX) {
		r->skipping = true;
		r->in.len = 0;
	}
	for (;;) {
		int res;

		if (r->count == 0) {
			res = find_younger(r);
			if (res <= 0)
				return res;
		}
		buf_reserve(&r->in, BLOCK);
		do
			n = read(r->parts[0].fd, r->in.data + r->in.len, BLOCK);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		if (n > 0) {
			r->in.len += (size_t)n;
			return 1;
		}
		if (r->count > 1) {
			drop_first_part(r);
			r->in.len = 0; /* a line without its end: nobody will write it any more */
			r->skipping = false;
			continue;
		}
		res = find_younger(r);
		if (res <= 0)
			return res;
	}
}

int logreader_next(struct logreader *r, struct log_record *ret)
{
	for (;;) {
		size_t len;
		char *line = take_line(r, &len);
		int res;

		if (line && log_decode(&r->decoder, line, len, ret))
			return 1;
		if (line)
			continue;
		res = fill(r);
		if (res <= 0)
			return res;
	}
}
