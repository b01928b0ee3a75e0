/* worker/merged.h - a stack of layers looked at as overlayfs shows it, without a mount: whiteouts hide,
 * opaque folders cover, the top one's metadata counts. Needs no overlayfs of the kernel and does not
 * mind that a container writes to the top meanwhile.
 *
 * Paths are relative and clean, "" is the root. Nothing is followed out of a layer, nor any symbolic
 * link. The caller has entered the user namespace. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"
#include "state/dirs.h"

#define MERGED_MAX 128 /* layers, a container's own included */

struct merged {
	int dirs[MERGED_MAX]; /* top first */
	size_t count;
	bool raw;    /* one folder as it is: whiteouts are entries like others */
	bool mounts; /* what is mounted in it is a part of it */
};

/* The layers of an image (bottom first, NULL-ended, may be NULL) below top (taken; FD_NONE: none).
 * ERR_SYSTEM if one is not there. */
int merged_open(const struct dirs *d, int take_top, char *const *diff_ids, struct merged *ret,
	struct err *err);
void merged_close(struct merged *m);
#define auto_merged __attribute__((cleanup(merged_close)))

/* The layers that a folder's content comes from, top first. */
struct merged_at {
	unsigned char layers[MERGED_MAX];
	size_t count; /* 0: there is no such folder */
};
void merged_root(const struct merged *m, struct merged_at *ret);
/* From a folder to one inside it; path is the whole one of the latter. */
void merged_down(const struct merged *m, const struct merged_at *from, const char *path,
	struct merged_at *ret);

struct merged_name {
	char *name;
	unsigned char layer; /* the topmost that has it */
	unsigned char type;  /* DT_…, may be unknown */
};
struct merged_names {
	struct merged_name *items; /* sorted by name */
	size_t count;
};
/* A file that says of its folder what is_opaque() tells; never listed. */
#define MERGED_OPAQUE ".wh..wh..opq"
/* What the folder holds. 0 or -errno; a folder that vanished is empty. */
int merged_list(const struct merged *m, const struct merged_at *at, const char *path,
	struct merged_names *ret);
void merged_names_clear(struct merged_names *n);
#define auto_names __attribute__((cleanup(merged_names_clear)))

/* What a folder has by this name, and (may be NULL) in which layer. -ENOENT: nothing. */
int merged_find(const struct merged *m, const struct merged_at *at, const char *folder,
	const char *name, struct stat *ret, unsigned char *ret_layer);
/* The same by path, not "". */
int merged_stat(const struct merged *m, const char *path, struct stat *ret);
/* Where a path of a container leads: symbolic links followed with the root as "/", as far as there is
 * something. Clean and owned; NULL for links that lead in circles. */
char *merged_resolve(const struct merged *m, const char *path);
/* Opens a folder as one layer has it. A descriptor or -errno. */
int merged_open_folder(const struct merged *m, unsigned char layer, const char *path);

/* A character device 0:0, overlayfs's "nothing here". */
bool is_whiteout(const struct stat *st);
/* The folder hides what lower layers have in it: as overlayfs marks that for users, or fuse-overlayfs. */
bool is_opaque(int folder);
