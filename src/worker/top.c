/* `docker top`: ps(1) of the host, as Docker does it, of which only the container's processes are shown. It
 * runs in the user namespace, so that users are those the container has. */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "worker/container.h"
#include "worker/jobs.h"
#include "worker/processes.h"
#include "worker/ps.h"

#define OUTPUT_MAX (16u << 20)
#define LIST_MAX   (96u * 1024) /* less than one argument may have */

struct output {
	int out, err; /* memory */
};

static void output_clear(struct output *o)
{
	o->out = fd_close(o->out);
	o->err = fd_close(o->err);
}

static int output_open(struct output *o, struct err *err)
{
	o->out = memfd_create("ps", MFD_CLOEXEC);
	o->err = memfd_create("ps", MFD_CLOEXEC);
	return o->out < 0 || o->err < 0 ? err_sys(err, errno, "memfd_create") : 0;
}

static char *output_text(int fd)
{
	char *text;

	if (lseek(fd, 0, SEEK_SET) < 0 || fd_read_text(fd, OUTPUT_MAX, &text, NULL) < 0)
		return xstrdup("");
	return text;
}

/* Its exit status, or -errno. Not as wide as some terminal, and with titles everybody knows. */
static int run(char *const *argv, const struct output *o)
{
	auto_free char *path =
		xasprintf("PATH=%s:/usr/bin:/bin", getenv("PATH") ? getenv("PATH") : "");
	char *const env[] = { path, (char *)(void *)"LC_ALL=C.UTF-8", NULL };
	posix_spawn_file_actions_t fa;
	int status = 0, r;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&fa, o->out, 1);
	(void)posix_spawn_file_actions_adddup2(&fa, o->err, 2);
	r = -posix_spawnp(&pid, "ps", &fa, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&fa);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int complain(int r, const struct output *o, struct err *err)
{
	auto_free char *text = output_text(o->err);
	char *line = text + strspn(text, "\n");

	if (r == -ENOENT)
		return err_set(err, ERR_SYSTEM, ENOENT, "ps is not installed (package procps)");
	if (r < 0)
		return err_sys(err, r, "run ps");
	line[strcspn(line, "\n")] = '\0';
	return err_set(
		err, ERR_SYSTEM, EIO, "ps: %.300s", *line ? line : "it failed without a word");
}

static char **arguments(const char *args, const char *list)
{
	auto_strv char **words = strv_split(args, ' ');
	char **argv = NULL;

	strv_add(&argv, "ps");
	for (char **w = words; *w; w++)
		if (**w)
			strv_add(&argv, *w);
	if (list)
		strv_add(&argv, list);
	return argv;
}

static int try_ps(const char *args, const char *list, struct output *o, struct err *err)
{
	auto_strv char **argv = arguments(args, list);
	int r;

	output_clear(o);
	r = output_open(o, err);
	return r < 0 ? r : run(argv, o);
}

/* Some options go not together with a list of numbers; then all processes are asked for. */
static int run_ps(const char *args, const pid_t *pids, size_t n, char **ret, struct err *err)
{
	__attribute__((cleanup(output_clear))) struct output o = { FD_NONE, FD_NONE };
	auto_buf struct buf list = { 0 };
	int r = 1;

	for (size_t i = 0; i < n; i++)
		buf_printf(&list, "%s%d", i ? "," : "-q", (int)pids[i]);
	if (n && list.len < LIST_MAX)
		r = try_ps(args, list.data, &o, err);
	if (r > 0)
		r = try_ps(args, NULL, &o, err);
	if (r != 0)
		return complain(r, &o, err);
	*ret = output_text(o.out);
	return 0;
}

static int read_status(const struct work *w, struct status *ret, int *ret_execs, struct err *err)
{
	const char *id = work_get(w, "id", "");
	auto_fd int run = id_valid(id) ? dirs_container_run(&w->dirs, id, false) : FD_NONE;

	if (run < 0 || status_read(run, FD_NONE, ret) < 0)
		*ret = (struct status){ .state = RUN_EXITED };
	(void)status_settle(ret, true);
	if (ret->state != RUN_RUNNING && ret->state != RUN_PAUSED)
		return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", id);
	*ret_execs = openat(run, "exec", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int top(struct work *w, struct buf *out, struct err *err)
{
	const char *args = work_get(w, "args", "-ef");
	auto_free char *text = NULL;
	auto_free pid_t *pids = NULL;
	auto_fd int execs = FD_NONE;
	struct status st;
	size_t n;
	int r = ps_args_check(args, err);

	if (r == 0)
		r = work_enter(w, err);
	if (r == 0)
		r = read_status(w, &st, &execs, err);
	if (r < 0)
		return r;
	pids = processes_of(&st, execs, &n);
	r = run_ps(args, pids, n, &text, err);
	return r < 0 ? r : ps_table(text, pids, n, out, err);
}

int job_top(struct work *w, struct err *err)
{
	auto_buf struct buf out = { 0 };
	int r = top(w, &out, err);

	if (r == 0)
		container_tell(w, "top", NULL);
	return answer_with(&w->answer, r, &out, err);
}
