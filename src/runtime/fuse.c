#include "runtime/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "runtime/enter.h"
#include "runtime/keepid.h"
#include "runtime/program.h"
#include "runtime/report.h"

#define SERVER       "fuse-overlayfs"
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin" /* confstr's, and where people put their own */

/* ---- the child */

static int server_find(struct err *err)
{
	const char *path = getenv("PATH");
	auto_free char *program = NULL;
	int r;

	r = program_search(SERVER, path ? path : PATH_DEFAULT, &program);
	return r < 0 ? err_set(err, ERR_SYSTEM, -r, SERVER " is not installed (package " SERVER ")")
		     : 0;
}

static int mount_at(int fuse, const char *path)
{
	char data[96];

	(void)snprintf(data, sizeof(data),
		"fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", fuse);
	return mount(SERVER, path, "fuse." SERVER, MS_NOATIME, data) < 0 ? -errno : 0;
}

int fuse_mount(const char *path, int *ret, struct err *err)
{
	auto_fd int fuse = FD_NONE;
	int r = server_find(err);

	if (r < 0)
		return r;
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		return rt_sys(err, errno, "open /dev/fuse");
	r = mount_at(fuse, path);
	if (r < 0)
		return rt_sys(err, r, "mount " SERVER);
	*ret = take_fd(&fuse);
	return 0;
}

/* The kernel lets us wait for the first answer, or says ENOTCONN when nobody has the other end open:
 * that is why our own is closed by now. */
int fuse_await(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, errno,
		SERVER " did not start; what it said is in the engine's journal");
}

int fuse_root_mount(struct enter *e, const char *path, struct err *err)
{
	int fuse, r = fuse_mount(path, &fuse, err);

	if (r < 0)
		return r;
	r = report_send(e->report, &(struct report){ .kind = REPORT_FUSE }, fuse);
	(void)fd_close(fuse);
	return r < 0 ? rt_sys(err, r, "mount " SERVER) : fuse_await(path, err);
}

/* ---- the parent */

/* "/proc/self/fd/N" of a folder the server shall inherit, as in rootfs.c: no name needs quoting. */
static void add_folder(struct buf *options, const char *before, const char *path)
{
	char name[FD_PATH];

	buf_printf(options, "%s%s", before, fd_path(open(path, O_PATH | O_DIRECTORY), name));
}

static _Noreturn void server_execute(const struct plan *plan, int fuse)
{
	auto_buf struct buf options = { 0 };
	const char *before = "lowerdir=";
	char mounted[FD_PATH];
	sigset_t none;

	plan_foreach (it, plan, "lower") {
		add_folder(&options, before, it->words[0]);
		before = ":";
	}
	if (plan_has(plan, "upper")) {
		add_folder(&options, ",upperdir=", plan_get(plan, "upper", ""));
		add_folder(&options, ",workdir=", plan_get(plan, "work", ""));
	}
	keepid_server_options(plan, &options);
	/* libfuse takes a mount that is made already by this very name */
	(void)snprintf(mounted, sizeof(mounted), "/dev/fd/%d", fuse);
	(void)fcntl(fuse, F_SETFD, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)execlp(SERVER, SERVER, "-f", "-o", options.data, mounted, NULL);
	(void)dprintf(STDERR_FILENO, SERVER ": %s\n", strerror(errno));
	_exit(127);
}

/* Nobody's child, so that nobody has to collect it. */
int fuse_root_serve(const struct plan *plan, int fuse, struct err *err)
{
	pid_t between = fork();

	if (between < 0)
		return rt_sys(err, errno, "start " SERVER);
	if (between == 0) {
		pid_t server = fork();

		if (server == 0)
			server_execute(plan, fuse);
		_exit(server < 0);
	}
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
