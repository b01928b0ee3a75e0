/* dayfly-worker - one job that needs a heavy library or the user namespace, then it ends.
 *
 *   dayfly-worker load quiet=0|1       images from an archive (there is no progress to be quiet
 *                                      about: the answer begins when the body is complete)
 *   dayfly-worker import repo= tag= message= changes=… platform=
 *                                      an image from a tar of files
 *   dayfly-worker pull from= tag= platform=
 *                                      an image, or all of a repository, from a registry; the first
 *                                      line of standard input is the X-Registry-Auth header
 *   dayfly-worker build dockerfile= t=…  an image from a Dockerfile and its files (build/options.c); the
 *                                      first lines of standard input are X-Registry-Config and the build
 *                                      arguments
 *   dayfly-worker push name= tag=      an image to a registry; no tag at all: every one
 *   dayfly-worker auth                 whether a registry takes these credentials
 *   dayfly-worker distribution name=   what a registry has under a name
 *   dayfly-worker search term= limit= stars= official=0|1
 *                                      what a registry has that fits
 *   dayfly-worker commit id= attrs= from= repo= tag= comment= author= changes=…
 *                                      an image from a container; a Config on standard input
 *   dayfly-worker save image= name=…   images as a tar: digests of manifests, each with its names
 *   dayfly-worker export id= attrs= from=
 *                                      a container's files as a tar
 *   dayfly-worker diff id=             what a container has changed
 *   dayfly-worker archive-stat id= typed= path=
 *                                      what lies at a path in a container
 *   dayfly-worker archive-get id= attrs= from= typed= path=
 *                                      the same, packed
 *   dayfly-worker archive-put id= attrs= from= typed= path= keep-kinds=0|1 [user=]
 *                                      an archive on standard input goes into a container's folder
 *   dayfly-worker top id= attrs= from= args=
 *                                      what ps(1) tells of a container's processes
 *   dayfly-worker fill id= attrs= from= name= answer=
 *                                      the image's files into the container's new volumes
 *   dayfly-worker userns               the containers' user namespace, sent over descriptor 3
 *   dayfly-worker sweep                frees what lies in trash/
 *   dayfly-worker fsck                 finishes or removes what a crash left half-done
 *   dayfly-worker seccomp IN OUT CAPS  compiles a seccomp profile
 *
 * Those that answer a client receive its connection over descriptor 3 (worker/answer.h); load, import and
 * build when they have read its body from standard input. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "worker/jobs.h"

#define CONTROL_FD 3

static const struct {
	const char *name;
	job_fn *run;
} jobs[] = {
	{ "load", job_load },
	{ "import", job_import },
	{ "pull", job_pull },
	{ "build", job_build },
	{ "push", job_push },
	{ "auth", job_auth },
	{ "distribution", job_distribution },
	{ "search", job_search },
	{ "commit", job_commit },
	{ "save", job_save },
	{ "export", job_export },
	{ "diff", job_diff },
	{ "archive-stat", job_archive_stat },
	{ "archive-get", job_archive_get },
	{ "archive-put", job_archive_put },
	{ "top", job_top },
	{ "fill", job_fill },
	{ "userns", job_userns },
	{ "sweep", job_sweep },
	{ "fsck", job_fsck },
	{ "seccomp", job_seccomp },
};

static job_fn *find_job(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		if (str_eq(jobs[i].name, name))
			return jobs[i].run;
	return NULL;
}

static void set_up(void)
{
	struct rlimit files;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)fd_cloexec(CONTROL_FD, true);
	(void)umask(0);                       /* modes are those of the archive */
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive would refuse names in other alphabets */
	/* one descriptor per blob that comes in */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	struct work w = { .dirs = { .data = FD_NONE, .run = FD_NONE },
		.answer = ANSWER(CONTROL_FD) };
	job_fn *run = argc > 1 ? find_job(argv[1]) : NULL;
	struct err err = { 0 };
	int r;

	if (!run) {
		(void)fputs("usage: dayfly-worker JOB [WORD...]: see dayfly(8)\n", stderr);
		return 2;
	}
	set_up();
	w.words = (const char *const *)argv + 2;
	r = dirs_open(&w.dirs, &err);
	if (r == 0)
		r = run(&w, &err);
	if (r < 0)
		log_error("%s: %s", argv[1], err.msg);
	dirs_close(&w.dirs);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
