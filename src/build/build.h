/* build/build.h - one build, `POST /build`: a context and a Dockerfile become an image.
 *
 *   job.c        the whole of it: receive, read, build the stages, commit, answer
 *   context.c    the client's files
 *   stage.c      one stage: FROM, then its instructions in order
 *   config.c     instructions that change nothing but the configuration
 *   run.c        RUN, in a container (container.c)
 *   copy.c       COPY and ADD, in a process that sees the stage's files (inside.c)
 *
 * The worker is inside the user namespace all the time. Every step that has made a layer puts it into
 * the store at once, where the next step finds it as any container finds its layers; until the image is
 * committed nothing but the cache's record and this build's scratch folder needs it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "build/cache.h"
#include "build/draft.h"
#include "build/options.h"
#include "build/say.h"
#include "core/core.h"
#include "dockerfile/dockerfile.h"
#include "worker/stage.h"
#include "worker/work.h"

/* data/build/.tmp-ID, locked while the build lives (worker/leftovers.h). */
struct scratch {
	char *path; /* absolute */
	int dir;
};
int scratch_open(const struct dirs *d, struct scratch *ret, struct err *err);
void scratch_close(const struct dirs *d, struct scratch *s);

struct build {
	struct work *work;
	struct core *core;
	struct stage *stage; /* of blobs and layers */
	struct options opt;
	struct say say;
	struct scratch scratch;
	int context; /* its folder */
	struct dockerfile *file;
	char **platform_args;
	struct draft *drafts; /* what each stage came to; doc NULL: not built */
	size_t target;
	size_t *order, order_count; /* the stages that are built, each after those it takes */
	size_t step, steps;         /* of "Step k/n" */
	char **args_used;           /* names of build arguments that some ARG has taken */
	char *failure;              /* whole message where struct err is too short for it */
	int exit_code;              /* of the command that failed */
	char *credentials;          /* X-Registry-Config */
	char **warned;              /* about containers: told already */
	char **pulled;              /* with --pull: what is of today by now */
};

/* A stage while it is built. */
struct stage_run {
	struct build *build;
	size_t index;
	const struct df_stage *df;
	struct draft draft;
	char **args;     /* "NAME=VALUE" of the ARGs so far */
	bool cmd_set;    /* CMD was given in this stage: ENTRYPOINT leaves it alone */
	bool cache_over; /* a step was made: those after it are, too */
};

/* What an image of the store gives to start from. stage.c */
int build_image_draft(
	struct build *b, const char *ref, const char *platform, struct draft *ret, struct err *err);
/* stage.c: builds stage i, whose bases are built; result in b->drafts[i]. */
int build_stage(struct build *b, size_t i, struct err *err);

/* What a step is for history and cache. */
struct step {
	char *created_by; /* history; owned */
	char key[DIGEST_SIZE];
};

/* The variables an instruction sees: ENV before ARG. A df_lookup; arg is the struct stage_run. */
const char *stage_lookup(void *arg, const char *name, size_t len);
/* The time of what is made now. */
int64_t build_now(const struct build *b);

/* What a step has made is packed, put into the store, and a layer of the draft. The folder itself becomes
 * the layer; or (upper) it stays a container's, and is copied.
 * mounts: a container did it, and these were the targets of its mounts; NULL: none did. */
int stage_keep_layer(struct stage_run *s, struct stage_tree *take_tree, char *const *mounts,
	struct cached *ret, struct err *err);
int stage_copy_layer(
	struct stage_run *s, int upper, char *const *mounts, struct cached *ret, struct err *err);

/* ---- instructions, expanded. Each prepares what it needs, computes its key, and makes the step unless
 * the cache has it. */
int config_step(struct stage_run *s, const struct df_instruction *in, struct err *err);
int run_step(struct stage_run *s, const struct df_instruction *in, struct err *err);
int copy_step(struct stage_run *s, const struct df_instruction *in, struct err *err);
int workdir_step(struct stage_run *s, const struct df_instruction *in, struct err *err);

/* True: the cache had it, and it is in the draft. */
bool step_cached(struct stage_run *s, const struct step *step);
/* The step is made: history, and the cache's record. made: layer "" if there is none. */
void step_done(struct stage_run *s, const struct step *step, const struct cached *made);
