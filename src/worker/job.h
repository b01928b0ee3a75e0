/* worker/job.h - unpacking layers in threads beside the one that reads the archive.
 *
 * They take the jobs in the order these were given; a job reads its blob while that is still being
 * written. Layers know nothing of each other, so that there may be as many threads as processors. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "state/dirs.h"
#include "worker/source.h"
#include "worker/unpack.h"

#define LAYER_TMP ".tmp-"

struct job {
	struct source source;
	char name[sizeof(LAYER_TMP) + 16]; /* folder below layers/; "" once it was given away */
	int dir;                           /* that folder, locked while it is ours */
	int tree;                          /* its diff/ */
	bool hash_plain;                   /* worker/unpack.h */
	struct unpacked result;
	int failed; /* -errno, with err */
	struct err err;
	bool taken, done;
	struct job *next;
};

struct jobs;
/* cancel (may be NULL) ends what is under way when it is set. */
struct jobs *jobs_new(const struct dirs *d, bool squash, const atomic_bool *cancel);
/* Breaks off what is not done and removes the folders left. */
void jobs_free(struct jobs *j);

/* Starts unpacking a file: one that is still written (then its writer knows the digest in the end), or
 * a complete one, hashed once more if verify is set. The job is the jobs', the descriptor borrowed. */
struct job_source {
	int fd;
	off_t size; /* readable so far */
	bool complete, verify;
};
int jobs_add(struct jobs *j, const struct job_source *from, struct job **ret, struct err *err);
/* A job without a thread: a folder that the caller fills, setting the result itself. */
int jobs_add_folder(struct jobs *j, struct job **ret, struct err *err);
/* Until it is done; its result or its error. */
int jobs_wait(struct jobs *j, struct job *job, struct err *err);
/* Takes everything out of such a folder that is no part of a layer. */
int job_only_tree(struct job *job, struct err *err);
/* Names the job's layer layers/HEX; an existing one is left alone. The caller holds dirs_lock(). */
int jobs_place(struct jobs *j, struct job *job, struct err *err);
