/* runtime/program.c - the working directory, and the program: found, judged and executed, with
 * Docker's words for what can be wrong with it. */
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/bundle.h"
#include "runtime/enter.h"
#include "runtime/init_image.h"
#include "runtime/target.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3 */
#endif

/* ---- working directory */

/* Made when missing, by and for the container's root, as Docker does. */
int directory_make(struct enter *e, struct err *err)
{
	const char *cwd = plan_get(e->plan, "cwd", "/");
	auto_fd int fd = FD_NONE;
	struct stat st;

	if (bundle_covers(e->plan, cwd))
		return 0;
	fd = target_open(e->root, *cwd ? cwd : "/", TARGET_FOLDER);
	if (fd == -ENOTDIR || (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)))
		return enter_fail(e, err, BLAME_REQUEST, 128, ENOTDIR,
			"Cannot mkdir: %s is not a directory", cwd);
	return fd < 0 && fd != -EROFS ? rt_sys(err, fd, "make %s", cwd) : 0;
}

/* Entered by descriptor, without magic links: "/proc/self/fd/N" would be a way back to the host. */
int directory_enter(struct enter *e, struct err *err)
{
	const char *cwd = plan_get(e->plan, "cwd", "/"), *why;
	auto_fd int fd = path_open_in_root(e->root, *cwd ? cwd : "/", O_PATH | O_DIRECTORY, 0);
	int r = fd < 0 ? fd : fchdir(fd) < 0 ? -errno : 0;

	if (r == 0)
		return 0;
	why = r == -ENOENT      ? "no such file or directory"
		: r == -EACCES  ? "permission denied"
		: r == -ENOTDIR ? "not a directory"
				: strerror(-r);
	return enter_fail(e, err, BLAME_RUNTIME, r == -EACCES ? 126 : 127, -r,
		"chdir to cwd (\"%s\") set in config.json failed: %s", cwd, why);
}

/* ---- looking for it */

/* The kernel looks a program up before it closes what execve() closes, and so do we: a program, or the
 * interpreter a script names, that is called "/proc/self/fd/7/../../home" would be the host's (CVE-2024-21626).
 * What stays is closed by execve() and leads nowhere. */
int descriptors_close(struct enter *e, struct err *err)
{
	const int stay[] = { e->report, e->init };

	(void)err;
	fd_close_all_but(stay, ARRAY_SIZE(stay));
	e->root = e->console = FD_NONE;
	return 0;
}

/* 0 if path is a file this user may execute, else the reason. */
static int judge(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* asked as the kernel will: root too needs one execute bit */
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -errno;
	return st.st_mode & 0111 ? 0 : -EACCES;
}

int program_search(const char *name, const char *path_list, char **ret)
{
	auto_strv char **folders = NULL;

	if (strchr(name, '/')) {
		int r = judge(name);

		if (r == 0)
			*ret = xstrdup(name);
		return r;
	}
	folders = strv_split(path_list, ':');
	for (char **f = folders; f && *f && *name; f++) {
		auto_free char *path = xasprintf("%s/%s", **f ? *f : ".", name);

		if (judge(path) == 0) {
			*ret = take_ptr(&path);
			return 0;
		}
	}
	return -ENOENT;
}

static int program_fail(struct enter *e, struct err *err, const char *name, int r)
{
	bool path = strchr(name, '/') != NULL;

	switch (-r) {
	case ENOENT:
		return enter_fail(e, err, BLAME_RUNTIME, 127, ENOENT,
			path ? "exec: \"%s\": stat %s: no such file or directory"
			     : "exec: \"%s\": executable file not found in $PATH",
			name, name);
	case ENOTDIR:
		return enter_fail(e, err, BLAME_RUNTIME, 127, ENOTDIR,
			"exec: \"%s\": stat %s: not a directory", name, name);
	case EISDIR:
		return enter_fail(e, err, BLAME_RUNTIME, 126, EISDIR,
			"exec: \"%s\": is a directory: permission denied", name);
	case EACCES:
	case EPERM:
		return enter_fail(e, err, BLAME_RUNTIME, 126, EACCES,
			"exec: \"%s\": permission denied", name);
	default:
		return enter_fail(
			e, err, BLAME_RUNTIME, 126, -r, "exec: \"%s\": %s", name, strerror(-r));
	}
}

static const char *env_path(char *const *env)
{
	int i = strv_find_key(env, "PATH", 4);

	return i < 0 ? "" : env[i] + strlen("PATH=");
}

int program_find(struct enter *e, struct err *err)
{
	int r;

	e->argv = plan_words(e->plan, "arg");
	if (!e->argv[0])
		return enter_fail(e, err, BLAME_REQUEST, 128, EINVAL, "no command specified");
	r = program_search(e->argv[0], env_path(e->env), &e->program);
	return r < 0 ? program_fail(e, err, e->argv[0], r) : 0;
}

/* ---- dayfly-init
 *
 * /proc/1/exe in the container leads to the file that runs, and a container's root may be the user
 * who owns our installation. So init runs from a sealed copy in memory that nobody can write to. */

int init_prepare(struct enter *e, struct err *err)
{
	size_t len = (size_t)(init_image_end - init_image);
	int fd, r;

	if (!plan_has(e->plan, "init"))
		return 0;
	fd = memfd_create("dayfly-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("dayfly-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return rt_sys(err, errno, "memfd_create");
	e->init = fd;
	r = fd_write_all(fd, init_image, len);
	if (r == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
			0)
		r = -errno;
	return r < 0 ? rt_sys(err, r, "seal it") : 0;
}

/* dayfly-init PATH -- ARGV... */
static const char **init_argv(const struct enter *e)
{
	size_t n = 0;
	const char **argv;

	while (e->argv[n])
		n++;
	argv = xcalloc(n + 4, sizeof(*argv));
	argv[0] = "dayfly-init";
	argv[1] = e->program;
	argv[2] = "--";
	memcpy(&argv[3], e->argv, n * sizeof(*argv));
	return argv;
}

/* ---- the end */

/* What program_find() let pass and the kernel does not: an interpreter that is missing, another
 * machine's program, or a user who may not after all. */
static int execute_fail(struct enter *e, struct err *err, int sys)
{
	const char *why = sys == ENOENT ? "no such file or directory"
		: sys == EACCES         ? "permission denied"
		: sys == ENOEXEC        ? "exec format error"
					: strerror(sys);

	return enter_fail(e, err, BLAME_RUNTIME, sys == ENOENT ? 127 : 126, sys, "exec %s: %s",
		e->program, why);
}

int program_execute(struct enter *e, struct err *err)
{
	char *const *env = e->env;

	if (e->init >= 0) {
		sigset_t all;

		/* what is sent to a process 1 that neither handles nor blocks it is lost: a stop that comes
		 * at once would wait for its SIGKILL */
		(void)sigfillset(&all);
		(void)sigprocmask(SIG_SETMASK, &all, NULL);
		(void)syscall(SYS_execveat, e->init, "", init_argv(e), env, AT_EMPTY_PATH);
		return rt_sys(err, errno, "dayfly-init");
	}
	(void)execve(e->program, (char *const *)(uintptr_t)e->argv, env);
	return execute_fail(e, err, errno);
}
