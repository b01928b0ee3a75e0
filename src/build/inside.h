/* build/inside.h - work on a stage's files as the next step would see them.
 *
 * A child process gets a mount namespace of its own, stacks the layers in it with the new layer's folder
 * on top, and runs a function there; what that writes is the new layer. A process, because the worker
 * itself starts monitors, which must see the host's mounts and none of ours. */
#pragma once

#include "base/err.h"
#include "build/build.h"

struct inside {
	int root; /* the stage's files; of a look without a layer: read only */
	int from; /* what is copied from: a folder, or another stack of layers; FD_NONE */
};

typedef int inside_fn(const struct inside *i, void *arg, struct err *err);

/* The stacks of one visit. Diff-ids lowest first, NULL: none. */
struct inside_what {
	char *const *below;
	const struct stage_tree *tree; /* the new layer; NULL: only a look */
	bool from_layers;              /* from is the stack from_below, not the folder from_dir */
	char *const *from_below;
	int from_dir; /* borrowed */
};

/* fn runs in the child: of what it changes only files stay, and its error comes back. The caller has one
 * thread. */
int inside_run(
	struct build *b, const struct inside_what *what, inside_fn *fn, void *arg, struct err *err);
