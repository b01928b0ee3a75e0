/* worker/entries.h - what an archive holds becomes files of a tree: the part that layers (unpack.h) and what
 * is copied into containers have in common. */
#pragma once

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "worker/tree.h"

struct archive_entry;

struct entries {
	struct archive *archive; /* borrowed, as is the tree */
	struct tree *tree;
	int dir;          /* on the disk that is filled */
	const char *what; /* the archive is, for messages: "layer" */
	bool owned;       /* everything belongs to these, whatever the archive says */
	uid_t uid;
	gid_t gid;
	int64_t size; /* bytes of files so far */
	bool ended;   /* behind the data of its last file, without what fills up the block */
};

/* As archive_read_next_header(). An archive may end where its last file does: docker build writes such ones, and
 * Go's reader, which Docker has, does not mind. */
int entry_next(struct entries *x, struct archive_entry **ret);
/* The entry that was just read, at a clean path; link: of a hard link, the clean path of what it leads to. */
int entry_put(struct entries *x, struct archive_entry *e, const char *path, const char *link,
	struct err *err);
