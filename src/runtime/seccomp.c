#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/self.h"

#define FILTER_MAX ((size_t)BPF_MAXINSNS * sizeof(struct sock_filter))

void seccomp_filter_clear(struct seccomp_filter *f)
{
	free(f->code);
	*f = (struct seccomp_filter){ 0 };
}

static int filter_read(const char *path, struct seccomp_filter *ret)
{
	size_t len;
	char *text;
	int r;

	r = file_read_at(AT_FDCWD, path, FILTER_MAX, &text, &len);
	if (r < 0)
		return r;
	if (len == 0 || len % sizeof(struct sock_filter)) {
		free(text);
		return -EBADMSG;
	}
	ret->code = (struct sock_filter *)(void *)text;
	ret->count = len / sizeof(struct sock_filter);
	return 0;
}

static char *worker_path(void)
{
	auto_free char *folder = self_folder();

	return xasprintf("%s/dayfly-worker", folder ? folder : DAYFLY_LIBEXECDIR);
}

/* Starts the worker with its standard error in a pipe, whose reading end is returned. */
static int spawn_worker(const char *const *argv, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	r = posix_spawn(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)fd_close(ends[1]);
	if (r == 0)
		return ends[0];
	(void)fd_close(ends[0]);
	return -r;
}

static int run_worker(const char *in, const char *out, uint64_t caps, struct err *err)
{
	auto_free char *worker = worker_path();
	auto_free char *hex = xasprintf("%llx", (unsigned long long)caps);
	const char *argv[] = { worker, "seccomp", in, out, hex, NULL };
	auto_fd int complaint = FD_NONE;
	char why[256];
	int status = -1;
	ssize_t n;
	pid_t pid;

	complaint = spawn_worker(argv, &pid);
	if (complaint < 0)
		return err_set(err, ERR_SYSTEM, -complaint, "%s cannot be started", worker);
	n = fd_read_upto(complaint, why, sizeof(why) - 1);
	why[n > 0 ? n : 0] = '\0';
	why[strcspn(why, "\n")] = '\0';
	complaint = fd_close(complaint);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_INVALID, EINVAL, "%s",
			*why ? why : "the seccomp profile could not be compiled");
	return 0;
}

static char *beside(const char *profile, uint64_t caps, const char *suffix)
{
	size_t len = strlen(profile);

	if (str_ends(profile, ".json"))
		len -= strlen(".json");
	return xasprintf("%.*s-%llx.%s", (int)len, profile, (unsigned long long)caps, suffix);
}

char *seccomp_rules_name(const char *profile, uint64_t caps)
{
	return beside(profile, caps, "json");
}

/* PROFILE.json becomes PROFILE-CAPS.bpf: a profile may name capabilities, so each set has its own. */
static int custom_prepare(
	const char *path, uint64_t caps, struct seccomp_filter *ret, struct err *err)
{
	auto_free char *out = beside(path, caps, "bpf");
	int r;

	r = filter_read(out, ret);
	if (r == 0)
		return 0;
	r = run_worker(path, out, caps, err);
	if (r < 0)
		return r;
	r = filter_read(out, ret);
	return r < 0 ? err_set(err, ERR_SYSTEM, -r, "the compiled seccomp profile is unusable") : 0;
}

int seccomp_filter_prepare(
	const struct plan *plan, uint64_t caps, struct seccomp_filter *ret, struct err *err)
{
	const char *mode = plan_get(plan, "seccomp", "default");

	*ret = (struct seccomp_filter){ 0 };
	if (str_eq(mode, "unconfined"))
		return 0;
	if (!str_eq(mode, "default"))
		return custom_prepare(mode, caps, ret, err);
	seccomp_filter_default(caps, ret);
	return 0;
}

int seccomp_filter_load(const struct seccomp_filter *f)
{
	struct sock_fprog prog = { .len = (unsigned short)f->count, .filter = f->code };

	if (!f->code)
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}
