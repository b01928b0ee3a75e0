/* dayfly-init - process 1 of a container that was asked for with --init.
 *
 * usage: dayfly-init PATH -- ARGV...
 *
 * Executes PATH as a child, passes on the signals it gets, collects the processes that lost their
 * parent, and ends as the child ended: with its code, or 128 and the number of its signal. PATH was
 * found by whoever starts us; this program has no C library and looks for nothing. */
#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include "init/sys.h"

#define SIGNALS_ALL (~0ul)
#define SIGNAL(n)   (1ul << ((n)-1))
/* What only a fault of our own raises must keep its effect. */
#define FAULTS                                                                                     \
	(SIGNAL(SIGFPE) | SIGNAL(SIGILL) | SIGNAL(SIGSEGV) | SIGNAL(SIGBUS) | SIGNAL(SIGTRAP) |    \
		SIGNAL(SIGSYS))
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

ENTRY;

static _Noreturn void quit(int code)
{
	for (;;)
		sys1(__NR_exit_group, code);
}

static void signal_mask(unsigned long set)
{
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &set, NULL, sizeof(set));
}

/* In the child: its own process group, in front of the terminal if there is one. SIGTTOU is still
 * blocked here, or that would stop us. */
static _Noreturn void run(const char *path, char **argv, char **envp)
{
	int group = (int)sys1(__NR_getpid, 0);
	long r;

	sys2(__NR_setpgid, 0, 0);
	sys3(__NR_ioctl, 0, TIOCSPGRP, &group);
	signal_mask(0);
	r = sys3(__NR_execve, path, argv, envp);
	quit(r == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int exit_code(int status)
{
	int sig = status & 0x7f;

	return sig ? 128 + sig : (status >> 8) & 0xff;
}

/* Takes every child that has ended; does not return if ours is among them. */
static void reap(long child)
{
	for (;;) {
		int status = 0;
		long pid = sys4(__NR_wait4, -1, &status, WNOHANG, NULL);

		if (pid <= 0)
			return;
		if (pid == child)
			quit(exit_code(status));
	}
}

static _Noreturn void serve(long child)
{
	unsigned long set = SIGNALS_ALL & ~FAULTS;

	for (;;) {
		long sig = sys4(__NR_rt_sigtimedwait, &set, NULL, NULL, sizeof(set));

		if (sig == SIGCHLD)
			reap(child);
		else if (sig > 0 && sig != SIGTTIN && sig != SIGTTOU)
			sys2(__NR_kill, child, sig);
	}
}

void init_main(long *stack);
void init_main(long *stack)
{
	long argc = stack[0], child;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1;

	if (argc < 4)
		quit(EXIT_NOT_FOUND);
	signal_mask(SIGNALS_ALL & ~FAULTS);
	child = sys6(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (child < 0)
		quit(EXIT_NOT_EXECUTABLE);
	if (child == 0)
		run(argv[1], argv + 3, envp);
	serve(child);
}
