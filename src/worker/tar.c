#include "worker/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"

#define RECORD     512
#define BLOCK      (1024 * 1024) /* a multiple of RECORD */
#define OCTAL_7    INT64_C(07777777)
#define OCTAL_11   INT64_C(077777777777)
#define PAX_NAME   "PaxHeaders.0/entry"
#define PAX_TYPE   'x'
#define PAX_BINARY "hdrcharset"

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		rest[12];
};
_Static_assert(sizeof(struct header) == RECORD, "a header is one record");

void tar_init(struct tar *t, tar_sink *sink, void *arg)
{
	*t = (struct tar){ .sink = sink, .arg = arg, .block = xmalloc(BLOCK) };
}

void tar_clear(struct tar *t)
{
	free(take_ptr(&t->block));
}

/* ---- bytes */

static int flush(struct tar *t, struct err *err)
{
	int r = t->used ? t->sink(t->arg, t->block, t->used, err) : 0;

	t->used = 0;
	return r;
}

static int put(struct tar *t, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		size_t n = BLOCK - t->used < len ? BLOCK - t->used : len;
		int r;

		memcpy(t->block + t->used, p, n);
		t->used += n;
		p += n;
		len -= n;
		r = t->used == BLOCK ? flush(t, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_zeros(struct tar *t, int64_t len, struct err *err)
{
	static const char zeros[8 * RECORD];
	int r = 0;

	while (r == 0 && len > 0) {
		size_t n = len < (int64_t)sizeof(zeros) ? (size_t)len : sizeof(zeros);

		r = put(t, zeros, n, err);
		len -= (int64_t)n;
	}
	return r;
}

static int pad(struct tar *t, int64_t size, struct err *err)
{
	return put_zeros(t, (RECORD - size % RECORD) % RECORD, err);
}

/* ---- headers */

void tar_record(struct buf *records, const char *key, const void *value, size_t len)
{
	/* the length counts its own digits */
	size_t rest = strlen(key) + len + sizeof(" =\n") - 1, digits = 1, all;
	char text[24];

	do {
		all = rest + digits;
		digits = (size_t)snprintf(text, sizeof(text), "%zu", all);
	} while (all != rest + digits);
	buf_printf(records, "%s %s=", text, key);
	buf_add(records, value, len);
	buf_addc(records, '\n');
}

static void record_int(struct buf *records, const char *key, int64_t n)
{
	char text[24];

	tar_record(records, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)n));
}

static bool is_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t left = strlen(s), n;

	for (; left; p += n, left -= n) {
		n = *p < 0x80 ? 1 : utf8_sequence(p, left);
		if (n == 0)
			return false;
	}
	return true;
}

/* Without an end if it fills the field. */
static bool set_text(char *field, size_t room, const char *s)
{
	size_t len = strlen(s);

	memcpy(field, s, len < room ? len : room);
	return len <= room;
}

/* A number that a record holds is 0 here. */
static void set_octal(
	char *field, size_t room, int64_t n, int64_t max, const char *key, struct buf *records)
{
	if (n < 0 || n > max) {
		record_int(records, key, n);
		n = 0;
	}
	(void)snprintf(field, room, "%0*llo", (int)room - 1, (long long)n);
}

static void set_sum(struct header *h)
{
	unsigned sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	(void)snprintf(h->sum, sizeof(h->sum), "%06o", sum);
}

static void set_name(char *field, size_t room, const char *s, const char *key, struct buf *records)
{
	if (set_text(field, room, s))
		return;
	if (!is_utf8(s)) /* of this entry; said twice is said once */
		tar_record(records, PAX_BINARY, "BINARY", strlen("BINARY"));
	tar_record(records, key, s, strlen(s));
}

static void fill(struct header *h, const struct tar_entry *e, struct buf *records)
{
	set_name(h->name, sizeof(h->name), e->path, "path", records);
	set_octal(h->mode, sizeof(h->mode), e->mode & 07777, OCTAL_7, "", records);
	set_octal(h->uid, sizeof(h->uid), e->uid, OCTAL_7, "uid", records);
	set_octal(h->gid, sizeof(h->gid), e->gid, OCTAL_7, "gid", records);
	set_octal(h->size, sizeof(h->size), e->size, OCTAL_11, "size", records);
	set_octal(h->mtime, sizeof(h->mtime), e->mtime, OCTAL_11, "mtime", records);
	h->type = (char)e->type;
	if (e->link)
		set_name(h->link, sizeof(h->link), e->link, "linkpath", records);
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	set_octal(
		h->major, sizeof(h->major), major(e->device), OCTAL_7, "SCHILY.devmajor", records);
	set_octal(
		h->minor, sizeof(h->minor), minor(e->device), OCTAL_7, "SCHILY.devminor", records);
	set_sum(h);
}

static int put_records(struct tar *t, const struct buf *records, struct err *err)
{
	struct buf none = { 0 };
	struct header h = { 0 };
	int r;

	fill(&h,
		&(struct tar_entry){ .path = PAX_NAME,
			.type = PAX_TYPE,
			.mode = 0644,
			.size = (int64_t)records->len },
		&none);
	r = put(t, &h, sizeof(h), err);
	if (r == 0)
		r = put(t, records->data, records->len, err);
	return r < 0 ? r : pad(t, (int64_t)records->len, err);
}

int tar_head(struct tar *t, const struct tar_entry *e, const struct buf *records, struct err *err)
{
	auto_buf struct buf all = { 0 };
	struct header h = { 0 };
	int r;

	fill(&h, e, &all);
	if (records)
		buf_add(&all, records->data, records->len);
	r = all.len ? put_records(t, &all, err) : 0;
	return r < 0 ? r : put(t, &h, sizeof(h), err);
}

/* ---- content */

/* Read straight into the block. */
static ssize_t take_some(struct tar *t, int fd, int64_t left)
{
	size_t room = BLOCK - t->used;
	ssize_t n;

	do
		n = read(fd, t->block + t->used, left < (int64_t)room ? (size_t)left : room);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		t->used += (size_t)n;
	return n < 0 ? -errno : n;
}

int tar_file(struct tar *t, int fd, int64_t size, struct err *err)
{
	int64_t left = size;
	int r = 0;

	while (left > 0) {
		ssize_t n = take_some(t, fd, left);

		if (n < 0)
			return err_sys(err, (int)n, "read");
		if (n == 0)
			break;
		left -= n;
		r = t->used == BLOCK ? flush(t, err) : 0;
		if (r < 0)
			return r;
	}
	r = put_zeros(t, left, err);
	return r < 0 ? r : pad(t, size, err);
}

int tar_bytes(struct tar *t, const void *data, size_t len, struct err *err)
{
	int r = put(t, data, len, err);

	return r < 0 ? r : pad(t, (int64_t)len, err);
}

int tar_end(struct tar *t, struct err *err)
{
	int r = put_zeros(t, 2 * RECORD, err);

	return r < 0 ? r : flush(t, err);
}
