/* runtime/enter.c - from a fresh clone to the container's first instruction. Each step names what it
 * gives or takes away; the order is the design. */
#include "runtime/enter.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "runtime/report.h"

/* The container sees its own cgroup as the root of all. */
static int cgroup_hide(struct enter *e, struct err *err)
{
	if (!e->private_ns[NS_CGROUP])
		return 0;
	return unshare(CLONE_NEWCGROUP) < 0 ? rt_sys(err, errno, "unshare") : 0;
}

/* Nobody in the container may look into this process while it still holds the host's files. */
static int process_hide(struct enter *e, struct err *err)
{
	(void)e;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? rt_sys(err, errno, "prctl") : 0;
}

#define SIGNALS 64

/* Asked of the kernel: glibc leaves two signals to itself, 32 and 33, and whom posix_spawn() starts has them
 * ignored. All zero is SIG_DFL, without flags and mask. */
static void signal_reset(int sig)
{
	static const unsigned long plain[8];

	(void)syscall(SYS_rt_sigaction, sig, plain, NULL, (size_t)(SIGNALS / 8));
}

/* A session of its own, no signal handling left from the monitor, Docker's umask. */
static int process_reset(struct enter *e, struct err *err)
{
	sigset_t none;

	(void)e;
	for (int sig = 1; sig <= SIGNALS; sig++)
		signal_reset(sig);
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return rt_sys(err, errno, "sigprocmask");
	(void)umask(022);
	return setsid() < 0 ? rt_sys(err, errno, "setsid") : 0;
}

/* The container goes when its monitor goes. A change of user clears the wish, so this is done again
 * after it; the monitor may have died before we asked, and then its end of the socket is closed. */
static int parent_watch(struct enter *e, struct err *err)
{
	struct pollfd pfd = { .fd = e->report };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return rt_sys(err, errno, "prctl");
	if (poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR))
		return err_set(err, ERR_SYSTEM, ESRCH, "the monitor is gone");
	return 0;
}

/* Whoever ends this process can find all that came of it (proc_tree_kill). It survives execve. */
static int orphans_adopt(struct enter *e, struct err *err)
{
	if (!plan_has(e->plan, "subreaper"))
		return 0;
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? rt_sys(err, errno, "prctl") : 0;
}

static int privileges_fix(struct enter *e, struct err *err)
{
	if (!plan_has(e->plan, "no-new-privs"))
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? rt_sys(err, errno, "prctl") : 0;
}

static int filter_load(struct enter *e, struct err *err)
{
	int r = seccomp_filter_load(&e->filter);

	return r < 0 ? rt_sys(err, r, "load the filter") : 0;
}

/* Loading a filter takes CAP_SYS_ADMIN or the promise to gain no privileges. Without the promise it
 * has to happen before the capabilities go. */
static int seccomp_early(struct enter *e, struct err *err)
{
	return plan_has(e->plan, "no-new-privs") ? 0 : filter_load(e, err);
}

static int seccomp_late(struct enter *e, struct err *err)
{
	return plan_has(e->plan, "no-new-privs") ? filter_load(e, err) : 0;
}

static int report_exec(struct enter *e, struct err *err)
{
	int r = report_send(e->report, &(struct report){ .kind = REPORT_EXEC }, FD_NONE);

	return r < 0 ? rt_sys(err, r, "tell the monitor") : 0;
}

/* clang-format off */
static const struct step container_steps[] = {
	{ "follow the monitor",		parent_watch },
	{ "cgroup namespace",		cgroup_hide },
	{ "OOM score",			oom_score_set },	/* /proc/self is closed once hidden */
	{ "hide the process",		process_hide },
	{ "reset the process",		process_reset },
	{ "join",			namespaces_join },
	{ "private mount tree",		mounts_private },	/* nothing we mount reaches the host */
	{ "claim the root's files",	root_claim },		/* from who copies into them */
	{ "assemble root",		root_assemble },	/* needs host paths, as all up to the pivot */
	{ "leave the root's files",	root_leave },		/* to the monitor */
	{ "mount",			mounts_make },
	{ "devices",			devices_bind },
	{ "links",			links_make },
	{ "console",			console_open },
	{ "console",			console_bind },
	{ "kernel parameters",		sysctls_write },	/* before they become read-only */
	{ "mask kernel paths",		paths_mask },
	{ "read-only kernel paths",	paths_readonly },
	{ "init program",		init_prepare },
	{ "pivot into root",		root_pivot },		/* host paths are gone from here on */
	{ "user",			user_resolve },
	{ "working directory",		directory_make },
	{ "read-only root",		root_readonly },
	{ "host name",			names_set },
	{ "loopback interface",		loopback_up },
	{ "user namespace",		keepid_enter },		/* mounts and names are out of reach from here on */
	{ "standard streams",		streams_take },
	{ "working directory",		directory_enter },	/* as root: it may be closed to the user */
	{ "capability bounding set",	caps_bound },
	{ "become the user",		user_switch },		/* keeps capabilities for the filter */
	{ "follow the monitor",		parent_watch },		/* the change of user has cleared it */
	{ "no new privileges",		privileges_fix },
	{ "session keyring",		keyring_leave },
	{ "close what is not its own",	descriptors_close },	/* before anything is looked for by a name */
	{ "find program",		program_find },
	{ "resource limits",		limits_set },		/* late: a small nofile would stop us too */
	{ "tell the monitor",		report_exec },
	{ "seccomp, with caps",		seccomp_early },
	{ "shrink capabilities",	caps_shrink },
	{ "seccomp, without caps",	seccomp_late },		/* last: it forbids what came before */
	{ "execute",			program_execute },
};

/* The same with another's runtime: this process makes what that one is given and becomes its keeper. */
static const struct step bundle_steps[] = {
	{ "follow the monitor",		parent_watch },
	{ "cgroup namespace",		cgroup_hide },
	{ "OOM score",			oom_score_set },
	{ "hide the process",		process_hide },
	{ "reset the process",		process_reset },
	{ "join",			namespaces_join },
	{ "private mount tree",		mounts_private },
	{ "claim the root's files",	root_claim },
	{ "assemble root",		root_assemble },
	{ "leave the root's files",	root_leave },
	{ "mount",			mounts_make },
	{ "devices",			devices_bind },
	{ "links",			links_make },
	{ "user",			user_resolve },
	{ "working directory",		directory_make },
	{ "host name",			names_set },
	{ "loopback interface",		loopback_up },
	{ "leave the cgroup",		bundle_leave_cgroup },	/* it is mounted, and its limits are not ours */
	{ "bundle",			bundle_make },		/* hides some of the host's files */
	{ "kernel parameters",		bundle_sysctls },
	{ "init program",		bundle_init },
	{ "configuration",		bundle_configure },
	{ "create",			bundle_create },
	{ "tell the monitor",		bundle_hold },		/* the record comes before the program */
	{ "start",			bundle_start },
	{ "keep",			bundle_keep },		/* to the container's end */
};

static const struct step exec_steps[] = {
	{ "follow the monitor",		parent_watch },
	{ "reset the process",		process_reset },
	{ "adopt orphans",		orphans_adopt },
	{ "console",			console_open },
	{ "user",			user_resolve },
	{ "standard streams",		streams_take },
	{ "working directory",		directory_enter },
	{ "capability bounding set",	caps_bound },
	{ "become the user",		user_switch },
	{ "follow the monitor",		parent_watch },
	{ "no new privileges",		privileges_fix },
	{ "session keyring",		keyring_leave },
	{ "close what is not its own",	descriptors_close },
	{ "find program",		program_find },
	{ "resource limits",		limits_set },
	{ "tell the monitor",		report_exec },
	{ "seccomp, with caps",		seccomp_early },
	{ "shrink capabilities",	caps_shrink },
	{ "seccomp, without caps",	seccomp_late },
	{ "execute",			program_execute },
};
/* clang-format on */

static int run_steps(struct enter *e, const struct step *steps, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = steps[i].run(e, err);

		if (r < 0)
			return e->blame == BLAME_ENGINE ? err_prefix(err, "%s", steps[i].name) : r;
	}
	return err_set(err, ERR_SYSTEM, EINVAL, "nothing was executed");
}

int enter_container(struct enter *e, struct err *err)
{
	if (plan_has(e->plan, "runtime"))
		return run_steps(e, bundle_steps, ARRAY_SIZE(bundle_steps), err);
	return run_steps(e, container_steps, ARRAY_SIZE(container_steps), err);
}

int enter_exec(struct enter *e, struct err *err)
{
	return run_steps(e, exec_steps, ARRAY_SIZE(exec_steps), err);
}

int enter_fail(struct enter *e, struct err *err, enum enter_blame blame, int exit_code, int sys,
	const char *fmt, ...)
{
	va_list ap;

	e->blame = blame;
	e->exit_code = exit_code;
	err->sys = sys;
	err->kind = blame == BLAME_ENGINE ? ERR_SYSTEM : ERR_INVALID;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -sys;
}

static const char *errno_words(int sys, char *room, size_t len)
{
	switch (sys) {
	case ENOENT: return "it does not exist";
	case EACCES: return "access refused";
	case EISDIR: return "it is a folder";
	default: return strerror_r(sys, room, len);
	}
}

int rt_sys(struct err *err, int sys, const char *fmt, ...)
{
	char what[256], why[128];
	va_list ap;

	sys = sys < 0 ? -sys : sys;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_SYSTEM, sys, "%s: %s", what, errno_words(sys, why, sizeof(why)));
}

const char *fd_path(int fd, char ret[FD_PATH])
{
	(void)snprintf(ret, FD_PATH, "/proc/self/fd/%d", fd);
	return ret;
}
