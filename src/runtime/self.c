#include "runtime/self.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/mountfd.h"

#define SELF "/proc/self/exe"
/* Tells the program in the view, whose own name is the view's, where it comes from. */
#define FOLDER "DAYFLY_LIBEXEC"

static bool on_view(void)
{
	struct statvfs fs;

	return statvfs(SELF, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

/* Whether a container of ours could. */
static bool can_be_changed(struct stat *ret)
{
	return stat(SELF, ret) == 0 && !on_view() &&
		(ret->st_uid == geteuid() || access(SELF, W_OK) == 0);
}

/* ---- a child that has the right to mount, and shares nothing with us but what is below */

static int make_view(const char *folder, const char *name, const struct stat *self)
{
	auto_fd int dir = FD_NONE, tree = FD_NONE;
	struct stat st;
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_dev != self->st_dev || st.st_ino != self->st_ino)
		return -ESTALE; /* replaced since: the new one is the next monitor's */
	tree = mount_clone(dir, "", false);
	r = tree < 0 ? tree : mount_attach(tree, dir);
	if (r == 0)
		r = mount_change(tree, false, MOUNT_RDONLY, 0);
	return r < 0 ? r : take_fd(&tree);
}

static _Noreturn void send_view(
	const char *folder, const char *name, const struct stat *self, int sock)
{
	int tree = make_view(folder, name, self);

	_exit(tree < 0 || fd_send(sock, "view", 4, &tree, 1, 0) < 0);
}

/* The view ends with the child's namespaces as a mount, but not for who has it open or runs from it. */
static int open_view(const char *folder, const char *name, const struct stat *self)
{
	int pair[2], view = FD_NONE;
	size_t count = 0;
	char word[8];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return FD_NONE;
	pid = fork();
	if (pid == 0)
		send_view(folder, name, self, pair[1]);
	(void)fd_close(pair[1]);
	if (pid > 0 && fd_recv(pair[0], word, sizeof(word), &view, 1, &count, 0) <= 0)
		view = FD_NONE;
	(void)fd_close(pair[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return view;
}

/* ---- */

/* Behind ours, because what the C library reads comes first. Borrows. */
static char **environment(char *told)
{
	size_t n = strv_len(environ);
	char **env = xcalloc(n + 2, sizeof(*env));

	memcpy(env, environ, n * sizeof(*env));
	env[n] = told;
	return env;
}

void self_protect(char *const *argv)
{
	auto_free char *folder = NULL, *told = NULL;
	auto_free char **env = NULL;
	auto_fd int view = FD_NONE;
	struct stat self;
	char *slash;

	if (!can_be_changed(&self))
		return;
	folder = proc_own_path();
	slash = folder ? strrchr(folder, '/') : NULL;
	if (!slash)
		return;
	*slash = '\0';
	view = open_view(*folder ? folder : "/", slash + 1, &self);
	if (view < 0)
		return;
	told = xasprintf(FOLDER "=%s", folder);
	env = environment(told);
	/* by name, not as the open file: that would be its number in lists of processes */
	(void)syscall(SYS_execveat, view, slash + 1, argv, env, 0);
}

char *self_folder(void)
{
	const char *told = on_view() ? getenv(FOLDER) : NULL;
	char *path = told ? NULL : proc_own_path(), *slash = path ? strrchr(path, '/') : NULL;

	if (told)
		return xstrdup(told);
	if (slash)
		*slash = '\0';
	return path;
}
