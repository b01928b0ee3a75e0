/* worker/inodes.h - files that have several names: the first one of each that was met, so that the others can
 * be links to it. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

struct inode_name;

struct inodes {
	struct inode_name *items; /* open addressing, at most half full */
	size_t count, room;
};

void inodes_clear(struct inodes *n);
/* The name it was given, borrowed until the next change; NULL: none so far. */
const char *inodes_find(const struct inodes *n, const struct stat *st);
/* Once for each. */
void inodes_add(struct inodes *n, const struct stat *st, const char *name);
