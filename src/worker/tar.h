/* worker/tar.h - writes a tar: plain headers, and PAX records for what does not fit into them. The same
 * entries give the same bytes, in every version and every locale: layers are known by their digest,
 * which is why this is not left to libarchive. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Gets the tar in pieces, in order. < 0 with err ends the writing. */
typedef int tar_sink(void *arg, const void *data, size_t len, struct err *err);

struct tar {
	tar_sink *sink;
	void *arg;
	char *block;
	size_t used;
};

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
};

struct tar_entry {
	const char *path; /* of a folder: with the slash at its end */
	enum tar_type type;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	int64_t size;     /* of a file */
	int64_t mtime;    /* seconds since 1970 */
	const char *link; /* target of both kinds of links */
	dev_t device;
};

void tar_init(struct tar *t, tar_sink *sink, void *arg);
void tar_clear(struct tar *t);
#define auto_tar __attribute__((cleanup(tar_clear)))

/* One PAX record more for the entry that comes next; the value may hold anything. */
void tar_record(struct buf *records, const char *key, const void *value, size_t len);
/* An entry's head; records: see above, or NULL. */
int tar_head(struct tar *t, const struct tar_entry *e, const struct buf *records, struct err *err);
/* The content of a file, size bytes as its head said. If the file ends early, zeros follow. */
int tar_file(struct tar *t, int fd, int64_t size, struct err *err);
int tar_bytes(struct tar *t, const void *data, size_t len, struct err *err);
/* The two empty blocks, and everything goes to the sink. */
int tar_end(struct tar *t, struct err *err);
