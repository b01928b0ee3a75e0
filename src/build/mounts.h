/* build/mounts.h - RUN --mount: folders that a step sees and its layer does not have. */
#pragma once

#include "base/err.h"
#include "base/jsonw.h"
#include "build/build.h"

struct run_mounts {
	char **targets; /* absolute, NULL-ended; NULL: none */
	char **caches;  /* names of the cache folders that are held while the step runs */
	int *locks;     /* of those */
	size_t lock_count;
};

/* What they contribute to the step's key: the contents of what is bound. */
int run_mounts_key(struct stage_run *s, const struct df_instruction *in, char key[DIGEST_SIZE],
	struct err *err);
/* Prepares their sources and writes them as elements of HostConfig.Mounts. */
int run_mounts_write(struct stage_run *s, const struct df_instruction *in, struct jsonw *w,
	struct run_mounts *ret, struct err *err);
/* The step has run: others may have its cache folders. */
void run_mounts_release(struct run_mounts *m);
void run_mounts_clear(struct run_mounts *m);
/* A bind of a file or folder of ours. */
void mount_write_bind(struct jsonw *w, const char *source, const char *target, bool read_only);
