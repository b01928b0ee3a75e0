/* worker/jobs.h - the jobs of this program, by the first word of its command line. */
#pragma once

#include "base/err.h"
#include "worker/work.h"

typedef int job_fn(struct work *w, struct err *err);

/* Each answers its client itself, if it has one; the returned error is only for the journal. */
job_fn job_load, job_import, job_commit, job_save, job_export, job_diff, job_archive_stat,
	job_archive_get, job_archive_put, job_top, job_pull, job_push, job_build, job_auth,
	job_distribution, job_search, job_userns, job_sweep, job_fsck, job_seccomp, job_fill;
