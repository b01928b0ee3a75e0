#include "worker/job.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "oci/layer.h"
#include "oci/reference.h"
#include "state/remove.h"
#include "state/status.h"

#define THREADS_MAX 4

struct jobs {
	const struct dirs *dirs;
	int layers;
	bool squash;
	const atomic_bool *cancel;
	pthread_t threads[THREADS_MAX];
	size_t running, threads_max;
	size_t busy, pending; /* threads with a job, jobs without a thread */
	bool ending;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job came, or one is done */
	struct job *first, **last;
};

struct jobs *jobs_new(const struct dirs *d, bool squash, const atomic_bool *cancel)
{
	struct jobs *j = xcalloc(1, sizeof(*j));

	j->dirs = d;
	j->layers = FD_NONE;
	j->squash = squash;
	j->cancel = cancel;
	j->last = &j->first;
	j->threads_max = (size_t)get_nprocs();
	if (j->threads_max > THREADS_MAX)
		j->threads_max = THREADS_MAX;
	(void)pthread_mutex_init(&j->lock, NULL);
	(void)pthread_cond_init(&j->changed, NULL);
	return j;
}

static void run(struct jobs *j, struct job *job)
{
	const struct unpack_how how = {
		.squash = j->squash, .hash_plain = job->hash_plain, .entries_max = LAYER_ENTRIES_MAX
	};

	job->failed = layer_unpack(&job->source, job->tree, &how, &job->result, &job->err);
	job->tree = fd_close(job->tree);
	(void)pthread_mutex_lock(&j->lock);
	job->done = true;
	j->busy--;
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
}

static struct job *next_job(struct jobs *j)
{
	struct job *job;

	(void)pthread_mutex_lock(&j->lock);
	for (;;) {
		for (job = j->first; job && (job->taken || job->done); job = job->next)
			;
		if (j->ending)
			job = NULL; /* whoever waits for none wants none */
		if (job || j->ending)
			break;
		(void)pthread_cond_wait(&j->changed, &j->lock);
	}
	if (job) {
		job->taken = true;
		j->pending--;
		j->busy++;
	}
	(void)pthread_mutex_unlock(&j->lock);
	return job;
}

static void *work(void *arg)
{
	struct jobs *j = arg;
	struct job *job;

	while ((job = next_job(j)))
		run(j, job);
	return NULL;
}

static void job_free(struct jobs *j, struct job *job)
{
	/* the trash takes it at once; its blocks are freed here, nobody waits for us any more */
	if (job->name[0] && tree_remove_at(j->layers, job->name, NULL) < 0)
		(void)trash_put(j->dirs, j->layers, job->name);
	job->tree = fd_close(job->tree);
	job->dir = fd_close(job->dir);
	source_destroy(&job->source);
	free(job);
}

void jobs_free(struct jobs *j)
{
	struct job *next;

	if (!j)
		return;
	(void)pthread_mutex_lock(&j->lock);
	j->ending = true;
	for (struct job *job = j->first; job; job = job->next)
		source_end(&job->source, !job->done);
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < j->running; i++)
		(void)pthread_join(j->threads[i], NULL);
	for (struct job *job = j->first; job; job = next) {
		next = job->next;
		job_free(j, job);
	}
	(void)pthread_mutex_destroy(&j->lock);
	(void)pthread_cond_destroy(&j->changed);
	(void)fd_close(j->layers);
	free(j);
}

/* Asks ext4 to give each layer another block group. Left alone it would put a new layer beside the last
 * one; and where many files were deleted within the last seconds, it searches for an inode not
 * deleted just now, at 1 ms a file: loading an image right after its removal took 12 s instead of 1. */
static int open_layers(const struct dirs *d)
{
	int fd = dir_open_make_at(d->data, "layers", 0700), flags;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	return fd;
}

/* layers/.tmp-ID, locked. With the store's lock: whoever sweeps takes one that is not locked for a dead
 * one's. */
static int make_locked(struct jobs *j, struct job *job)
{
	auto_fd int lock = dirs_lock(j->dirs);
	char id[ID_SIZE];

	if (lock < 0)
		return lock;
	id_new(id);
	(void)snprintf(job->name, sizeof(job->name), LAYER_TMP "%.16s", id);
	if (mkdirat(j->layers, job->name, 0700) < 0) {
		job->name[0] = '\0';
		return -errno;
	}
	job->dir = openat(j->layers, job->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return job->dir < 0 || flock(job->dir, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* The same with diff/ in it. */
static int make_folder(struct jobs *j, struct job *job, struct err *err)
{
	char boot[40];
	int r = make_locked(j, job);

	if (r < 0)
		return err_sys(err, r, "make a folder for a layer");
	job->tree = dir_open_make_at(job->dir, "diff", 0755);
	if (job->tree < 0)
		return err_sys(err, job->tree, "make a folder for a layer");
	if (fchmod(job->tree, 0755) < 0)
		return err_sys(err, errno, "make a folder for a layer");
	(void)boot_id_read(boot);
	r = file_replace_at(job->dir, LAYER_UNSYNCED, boot, strlen(boot), 0600, 0);
	return r < 0 ? err_sys(err, r, "make a folder for a layer") : 0;
}

/* One more, if all have something to do. */
static int start_thread(struct jobs *j, struct err *err)
{
	bool enough;
	int r;

	(void)pthread_mutex_lock(&j->lock);
	enough = j->running - j->busy > j->pending;
	(void)pthread_mutex_unlock(&j->lock);
	if (j->running && (enough || j->running >= j->threads_max))
		return 0;
	r = pthread_create(&j->threads[j->running], NULL, work, j);
	if (r == 0)
		j->running++;
	return r == 0 || j->running ? 0 : err_sys(err, r, "start a thread");
}

static int new_job(struct jobs *j, const struct job_source *from, struct job **ret, struct err *err)
{
	struct job *job;
	int r;

	if (j->layers < 0)
		j->layers = open_layers(j->dirs);
	if (j->layers < 0)
		return err_sys(err, j->layers, "open layers");
	job = xcalloc(1, sizeof(*job));
	job->dir = job->tree = FD_NONE;
	job->hash_plain = from->verify;
	source_init(&job->source, from->fd, from->size, from->complete);
	job->source.cancel = j->cancel;
	r = make_folder(j, job, err);
	if (r < 0) {
		job_free(j, job);
		return r;
	}
	*ret = job;
	return 0;
}

static void append(struct jobs *j, struct job *job)
{
	(void)pthread_mutex_lock(&j->lock);
	*j->last = job;
	j->last = &job->next;
	if (!job->done)
		j->pending++;
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
}

int jobs_add(struct jobs *j, const struct job_source *from, struct job **ret, struct err *err)
{
	int r = start_thread(j, err);

	if (r == 0)
		r = new_job(j, from, ret, err);
	if (r == 0)
		append(j, *ret);
	return r;
}

int jobs_add_folder(struct jobs *j, struct job **ret, struct err *err)
{
	const struct job_source none = { .fd = FD_NONE, .complete = true };
	int r = new_job(j, &none, ret, err);

	if (r < 0)
		return r;
	(*ret)->done = true;
	append(j, *ret);
	return 0;
}

int jobs_wait(struct jobs *j, struct job *job, struct err *err)
{
	(void)pthread_mutex_lock(&j->lock);
	while (!job->done)
		(void)pthread_cond_wait(&j->changed, &j->lock);
	(void)pthread_mutex_unlock(&j->lock);
	if (job->failed < 0 && err)
		*err = job->err;
	return job->failed;
}

int job_only_tree(struct job *job, struct err *err)
{
	int copy = fcntl(job->dir, F_DUPFD_CLOEXEC, 3), r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir) {
		r = -errno;
		(void)fd_close(copy);
		return err_sys(err, r, "open a layer's folder");
	}
	rewinddir(dir);
	while (r == 0 && (e = readdir(dir)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") &&
			!str_eq(e->d_name, "diff") && !str_eq(e->d_name, LAYER_UNSYNCED))
			r = tree_remove_at(job->dir, e->d_name, NULL);
	(void)closedir(dir);
	return r < 0 ? err_sys(err, r, "clean a layer's folder") : 0;
}

static int write_size(struct job *job)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)job->result.size);

	return file_replace_at(job->dir, "size", text, (size_t)n, 0600, 0);
}

int jobs_place(struct jobs *j, struct job *job, struct err *err)
{
	const char *hex = digest_hex(job->result.diff_id);
	int r;

	switch (layer_state(j->dirs, job->result.diff_id)) {
	case LAYER_READY: return 0;
	case LAYER_SUSPECT:
		r = trash_put(j->dirs, j->layers, hex);
		if (r < 0)
			return err_sys(err, r, "put a damaged layer away");
		break;
	case LAYER_MISSING: break;
	}
	r = write_size(job);
	if (r == 0 && renameat(j->layers, job->name, j->layers, hex) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "put layer %.19s in place", job->result.diff_id);
	job->name[0] = '\0';
	return 0;
}
