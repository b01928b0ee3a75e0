/* runtime/runtime.h - from a plan to a running process, without a daemon and without root.
 *
 * Used by the monitor (containers, exec) and, for the user namespace alone, by the worker. The caller
 * is single-threaded. Nothing here parses JSON. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"
#include "state/dirs.h"
#include "state/plan.h"

/* ---- userns.c: one user namespace per user
 *
 * Joins the namespace of any live monitor of this user, or makes one (newuidmap and newgidmap in
 * parallel; without a subordinate range a map of the single own id). Serialised by run/userns.lock.
 * Afterwards the caller is root in it: full capabilities there, none outside; its files still belong
 * to the user. single_id (may be NULL) tells that only one id is mapped. Root in the initial
 * namespace maps all ids and takes the same path. */
int userns_enter(const struct dirs *d, bool *single_id, struct err *err);
/* A namespace lives as long as a process is in it or a descriptor of it is open. The switchboard keeps
 * one, so that a container that starts when no other runs finds it made: making one costs two set-uid
 * helpers, 2 to 4 ms. userns_join takes such a descriptor (0, or -errno: something else);
 * userns_offer sends ours over a socket. */
int userns_join(int userns);
int userns_offer(int socket);

struct cgroup; /* runtime/cgroup.h */

/* ---- start.c
 *
 * The child's ends of its standard streams, borrowed. With tty they are unused: the console is made
 * in the container's own devpts and the master end comes back. */
struct rt_io {
	int in, out, err;
	bool tty;
	unsigned short height, width; /* of the console; 0: leave the kernel's default */
	const struct cgroup
		*cgroup; /* whose payload the process is born in; NULL: the caller's own */
};

struct rt_process {
	pid_t pid; /* as seen from the caller's pid namespace */
	int pidfd;
	int keeper;  /* pidfd of the caller's child if that is another one (bundle.c); FD_NONE */
	int console; /* master, O_NONBLOCK | O_CLOEXEC; FD_NONE without tty */
	/* The root (O_PATH) and its work folder, locked, where that is the kernel's overlay. The last to let
	 * go of an overlay waits until the kernel has written out the whole file system below it: the
	 * caller, because the container's last process would be seen to end that much later. */
	int root, work;
};

#define RT_PROCESS_NONE                                                                            \
	((struct rt_process){ .pidfd = FD_NONE,                                                    \
		.keeper = FD_NONE,                                                                 \
		.console = FD_NONE,                                                                \
		.root = FD_NONE,                                                                   \
		.work = FD_NONE })

/* The pidfd to wait on: of the child whose end is the container's, with its exit code. */
static inline int rt_process_child(const struct rt_process *p)
{
	return p->keeper >= 0 ? p->keeper : p->pidfd;
}

/* Builds the container of plan and executes its program. Returns when the program has been exec'ed,
 * or failed: then nothing is left, and err says why in Docker's words. *exit_code is what Docker
 * stores for such a failure: 127 (not found), 126 (not executable), 128 (anything else). The caller
 * has entered the user namespace. on_created, if given, runs in the caller between clone and exec,
 * while the child works (the place for a durable record). */
struct rt_hooks {
	int (*on_created)(void *arg, const struct rt_process *p, struct err *err);
	void *arg;
};
int rt_start(const struct plan *plan, const struct rt_io *io, const struct rt_hooks *hooks,
	struct rt_process *ret, int *exit_code, struct err *err);

/* Runs the program of exec (an exec's plan: env, arg, cwd, user, group, caps, seccomp, no-new-privs,
 * rlimit) in the running container. Same contract, with 126 for "anything else". */
int rt_exec(int container_pidfd, const struct plan *exec, const struct rt_io *io,
	struct rt_process *ret, int *exit_code, struct err *err);

/* Resizes a console; 0 or -errno. */
int rt_console_resize(int console, unsigned short height, unsigned short width);

void rt_process_clear(
	struct rt_process *p); /* the process and its console; does not kill or reap */
void rt_files_release(struct rt_process *p); /* root and work; may take as long as syncfs(2) */
