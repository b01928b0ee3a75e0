/* worker/tree.h - makes the files of a layer below one folder and nowhere else.
 *
 * Paths come from archives and are hostile. A path with ".." is refused; every other one is resolved by
 * the kernel with the folder as its "/" (RESOLVE_IN_ROOT), so that symbolic links of the layer lead
 * around inside it and never out. Owners are ids of the user namespace the caller has entered.
 *
 * An entry replaces what has its path already, as tar does; only a folder over a folder keeps it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"

struct tree;

struct tree_meta {
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* root: an empty folder, borrowed. squash: one id is mapped alone, everything belongs to it. */
struct tree *tree_new(int root, bool squash);
void tree_free(struct tree *t);
/* It is what a container sees: something may be mounted in it, which nothing replaces (-EBUSY, but a file is
 * written anew), and whoever runs there may change it meanwhile. */
void tree_set_live(struct tree *t);

/* Takes "./", doubled and leading slashes out of an archive's path; "" is the root itself.
 * ERR_INVALID for ".." and names that no file can have. Owned. */
int tree_clean_path(const char *path, char **ret, struct err *err);

/* All take clean paths. The root itself can only be given metadata (tree_dir with ""). */
int tree_dir(struct tree *t, const char *path, const struct tree_meta *m, struct err *err);
/* Opens a new file for writing; finish it with tree_file_end(), which sets its metadata and does not
 * close it. */
int tree_file_begin(struct tree *t, const char *path, int *ret_fd, struct err *err);
int tree_file_end(
	struct tree *t, int fd, const char *path, const struct tree_meta *m, struct err *err);
int tree_symlink(struct tree *t, const char *path, const char *target, const struct tree_meta *m,
	struct err *err);
int tree_hardlink(struct tree *t, const char *path, const char *target, struct err *err);
int tree_fifo(struct tree *t, const char *path, const struct tree_meta *m, struct err *err);
/* Hides what lower layers have at path: a character device 0:0, which is all overlayfs wants and the
 * one device node a user may make (Linux 5.8). */
int tree_whiteout(struct tree *t, const char *path, struct err *err);
/* Hides everything lower layers have in this folder (user.overlay.opaque). */
int tree_opaque(struct tree *t, const char *dir, struct err *err);
/* On a file, or (fd FD_NONE) the folder at path. Only user.* (not overlayfs's own) and
 * security.capability are kept, and only where the file system has them. */
int tree_xattr(struct tree *t, int fd, const char *path, const char *name, const void *value,
	size_t len, struct err *err);

/* Sets the folders' times, which everything made inside had changed. */
int tree_finish(struct tree *t, struct err *err);
