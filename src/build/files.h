/* build/files.h - finding, hashing and copying trees of files, for COPY, ADD and mounts. Sources are
 * hostile (the client's context, or an image's files): paths are resolved with the source's folder as "/",
 * and names below it one folder at a time, never through a symbolic link. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "dockerfile/ignore.h"
#include "worker/hash.h"
#include "worker/tree.h"

/* The paths below root that the words (patterns or names) stand for, clean, in order. ERR_INVALID
 * "COPY failed: …" for a name that is missing, or if nothing is left. what: "COPY" or "ADD". */
int files_match(int root, char *const *words, const char *what, char ***ret, struct err *err);

/* Opens what is at path, following links inside root. */
int files_open(int root, const char *path, struct stat *ret_st, struct err *err);

/* Adds everything at path that counts for a copy: names, kinds, modes, contents; not times and owners. */
int files_hash(
	int root, const char *path, const struct ignore *except, struct hash *h, struct err *err);

/* How copies look. */
struct files_how {
	bool own; /* all belong to uid and gid; else to whom the originals do */
	uid_t uid;
	gid_t gid;
	const char *chmod; /* NULL: as the originals */
	const struct ignore *except;
};
/* Copies what is at path in root to the path `to` of the tree: a file becomes that, a folder's content
 * comes into it. What is in the way is replaced, folders are merged. */
int files_copy(int root, const char *path, struct tree *tree, const char *to,
	const struct files_how *how, struct err *err);
