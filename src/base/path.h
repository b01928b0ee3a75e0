/* base/path.h - files and directories by descriptor: atomic records, trees, safe resolution. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;

/* The whole file as NUL-terminated text, at most max bytes (-EFBIG). A NUL inside is kept; *ret_len
 * (may be NULL) tells the true length. */
int file_read_at(int dir, const char *name, size_t max, char **ret, size_t *ret_len);

enum {
	FILE_DURABLE = 1, /* survives a power cut once the call returns: fsync of file and folder */
};
/* Replaces dir/name as a whole: temporary file, write, [fsync], rename, [fsync dir]. A reader sees the
 * old content or the new, nothing else; a crash leaves at most a ".tmp-…" file behind. */
int file_replace_at(
	int dir, const char *name, const void *data, size_t len, mode_t mode, int flags);

/* Sends a file that was just made to the disk, and the links that lead to it: those of the folders, made
 * before the file had its content. ext4 and XFS write all changes of metadata in their order, so there
 * the file is enough, and each further fsync would cost as much as the first (it flushes the disk's
 * cache once more, 0.3 to 4 ms measured); elsewhere every folder is synced. 0 or -errno. */
int sync_new_file(int fd, const int *folders, size_t n_folders);

/* mkdir -p below dir; existing directories are fine. Returns 0, or 1 if the last one existed. */
int dir_make_at(int dir, const char *path, mode_t mode);
/* The same, and opens it (O_DIRECTORY | O_CLOEXEC). Returns a descriptor or -errno. */
int dir_open_make_at(int dir, const char *path, mode_t mode);

/* Removes name below dir, whatever it is, never following a symbolic link. Missing is success.
 * budget (may be NULL) counts entries down: at 0 the walk ends with -E2BIG, leaving the rest. */
int tree_remove_at(int dir, const char *name, unsigned *budget);
/* The names in the folder dir/path for which valid() holds, in no order; NULL-ended, owned, NULL if there is
 * none. What cannot be opened has none. */
char **names_at(int dir, const char *path, bool (*valid)(const char *name));
/* Bytes of the files below a folder, each as long as it says. What may not be read counts as nothing, nor does
 * what lies more than 64 folders deep: one descriptor a level is open. */
int64_t tree_size_at(int dir, const char *name);

/* Opens path as if root were "/": symbolic links and ".." cannot leave it (openat2, RESOLVE_IN_ROOT,
 * Linux 5.6). For everything a container controls. O_CLOEXEC is added. */
int path_open_in_root(int root, const char *path, int flags, mode_t mode);
/* The same, but what leads out of root is -EXDEV (RESOLVE_BENEATH), as does every absolute link. */
int path_open_beneath(int root, const char *path, int flags);
/* A small file below root as text, "" if there is none: it may be anything, a link to a device or a FIFO
 * included, so only a regular file of at most max bytes is read. Owned. */
char *path_read_in_root(int root, const char *path, size_t max);

/* "a//b/./c/" -> "/a/b/c": ".." goes up by name and not beyond the root, as Go's path.Clean does with an
 * absolute path. Owned; "/" for the root. */
char *path_clean(const char *path);
/* Cuts off the last component and its slash; nothing is left of "/a", and of "" as little. */
void path_up(struct buf *path);
