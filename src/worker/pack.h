/* worker/pack.h - a tree of files becomes the tar of a layer, or of a whole root: the way back of
 * worker/unpack.h.
 *
 * The same tree gives the same bytes: names are sorted, owners are ids of the user namespace the caller
 * has entered, times are whole seconds as every builder writes them, and nothing else of the machine
 * goes in. What the plain headers cannot hold stands in PAX records. Attributes user.* and
 * security.capability are kept; sockets and overlayfs's own attributes are not.
 *
 * The tree is hostile and may be in use meanwhile: nothing outside of it is opened, what vanishes is
 * left out, a file that shrinks is filled up with zeros. One folder is open at a time, however deep. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "worker/tar.h"

struct merged;
struct targets;

struct pack_how {
	/* A container ran on it: what its start made for its mounts is left out. NULL: none did. */
	const struct targets *made;
	/* Times after clamp_to (seconds since 1970) become clamp_to: SOURCE_DATE_EPOCH. */
	bool clamp;
	int64_t clamp_to;
	/* The tree's own folder has an entry by this name, "" for "/", and all others are below it; NULL: the
	 * top folder has none, and names begin in it. */
	const char *top;
	/* Nothing but what has this name in the top folder, or NULL. */
	const char *only;
	/* A folder in the top one that is shown without what it holds, or NULL: the kernel's file systems are
	 * always. */
	const char *hollow;
};

struct packed {
	unsigned entries; /* 0: an empty layer, which images leave out */
	int64_t size;     /* bytes of its files */
};

/* ERR_INVALID names the entry that no tar can hold (path too long) or that is one too many.
 *
 * tree->raw, one folder: a layer as overlayfs has it (an upper folder). Whiteouts become .wh.NAME and
 * opaque folders get .wh..wh..opq. Otherwise a whole root. */
int tree_pack(const struct merged *tree, const struct pack_how *how, tar_sink *sink, void *arg,
	struct packed *ret, struct err *err);
