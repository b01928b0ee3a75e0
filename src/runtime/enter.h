/* runtime/enter.h - the child's side of a start: from a fresh clone to the program's first
 * instruction, as a list of steps (enter.c). Private to runtime/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "runtime/passwd.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"

enum ns_kind { NS_NET, NS_PID, NS_IPC, NS_UTS, NS_CGROUP, NS_KIND_COUNT };

/* How a failure is told. */
enum enter_blame {
	BLAME_ENGINE,  /* ours: the step's name and what went wrong */
	BLAME_RUNTIME, /* the container's, in the words of Docker's runtime */
	BLAME_REQUEST, /* the request's, as it stands */
};

struct enter {
	const struct plan *plan;
	const struct rt_io *io;
	struct seccomp_filter filter;
	uint64_t caps;
	bool private_ns[NS_KIND_COUNT]; /* not the host's */
	int joined[NS_KIND_COUNT];      /* pidfd of a process in it, if it is another container's */
	int keepid; /* the user namespace of a container that keeps ids, or FD_NONE */
	int shm;    /* that one's /dev/shm as a detached mount, or FD_NONE */
	int report; /* to the parent, see report.h */
	unsigned long
		propagation; /* of the tree the mounts are taken from: MS_PRIVATE or MS_SLAVE */
	int work;            /* the overlay's work folder, locked; FD_NONE for other roots */
	int root;            /* O_PATH, the container's root directory once it is assembled */
	int console;         /* the terminal's slave end; FD_NONE without tty */
	int init;            /* dayfly-init, executable by descriptor; FD_NONE unless asked for */
	pid_t first; /* of a bundle: the container's first process, in the keeper's namespace */
	struct identity who;
	char **env;        /* complete */
	const char **argv; /* borrows the plan's words */
	char *program;     /* argv[0] as found in the container */
	enum enter_blame blame;
	int exit_code; /* Docker's number for the failure */
};

struct step {
	const char *name;
	int (*run)(struct enter *e, struct err *err);
};

/* Runs the list that builds a container, or the one that joins one. Comes back only on failure. */
int enter_container(struct enter *e, struct err *err);
int enter_exec(struct enter *e, struct err *err);

/* ---- steps, by file */

/* bundle.c: instead of most of the others */
int bundle_leave_cgroup(struct enter *e, struct err *err);
int bundle_make(struct enter *e, struct err *err);
int bundle_sysctls(struct enter *e, struct err *err);
int bundle_init(struct enter *e, struct err *err);
int bundle_configure(struct enter *e, struct err *err);
int bundle_create(struct enter *e, struct err *err);
int bundle_hold(struct enter *e, struct err *err);
int bundle_start(struct enter *e, struct err *err);
int bundle_keep(struct enter *e, struct err *err);
/* join.c */
int namespaces_join(struct enter *e, struct err *err);
/* keepid.c */
int keepid_enter(struct enter *e, struct err *err);
/* rootfs.c */
int mounts_private(struct enter *e, struct err *err);
int root_claim(struct enter *e, struct err *err);
int root_assemble(struct enter *e, struct err *err);
int root_leave(struct enter *e, struct err *err);
int root_pivot(struct enter *e, struct err *err);
int root_readonly(struct enter *e, struct err *err);
/* mounts.c */
int mounts_make(struct enter *e, struct err *err);
int mounts_make_shared(struct enter *e, struct err *err); /* no step: for files.c */
int devices_bind(struct enter *e, struct err *err);
int links_make(struct enter *e, struct err *err);
int paths_mask(struct enter *e, struct err *err);
int paths_readonly(struct enter *e, struct err *err);
/* console.c */
int console_open(struct enter *e, struct err *err);
int console_bind(struct enter *e, struct err *err);
int streams_take(struct enter *e, struct err *err);
/* host.c */
int sysctls_write(struct enter *e, struct err *err);
int names_set(struct enter *e, struct err *err);
int loopback_up(struct enter *e, struct err *err);
int oom_score_set(struct enter *e, struct err *err);
int keyring_leave(struct enter *e, struct err *err);
int limits_set(struct enter *e, struct err *err);
/* user.c */
int user_resolve(struct enter *e, struct err *err);
int user_switch(struct enter *e, struct err *err);
int caps_bound(struct enter *e, struct err *err);
int caps_shrink(struct enter *e, struct err *err);
/* program.c */
int directory_make(struct enter *e, struct err *err);
int directory_enter(struct enter *e, struct err *err);
int init_prepare(struct enter *e, struct err *err);
int descriptors_close(struct enter *e, struct err *err);
int program_find(struct enter *e, struct err *err);
int program_execute(struct enter *e, struct err *err);

/* ---- helpers the steps share */

/* fork(2) with namespaces and a pidfd, in the payload's cgroup if there is one (Linux 5.7). Returns
 * twice. */
pid_t process_clone(const struct rt_io *io, uint64_t flags, uint64_t exit_signal, int *pidfd);
/* The size the client gave for its terminal, or else the one from the container's creation; false: neither. */
bool console_first_size(const struct enter *e, unsigned short *height, unsigned short *width);
/* mounts.c: path below root with all that is mounted there; missing is fine. */
int mount_readonly(const struct enter *e, int root, const char *path);
bool host_has_cgroup2(void);
/* host.c: one word of a plan's rlimit. 0, or -EINVAL. */
int limit_value(const char *text, rlim_t *ret);
/* A failure in Docker's words, with the exit code it stores. Returns -sys. */
int enter_fail(struct enter *e, struct err *err, enum enter_blame blame, int exit_code, int sys,
	const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* err_sys(), except that the text can never be taken for a missing or forbidden program: clients
 * look for those phrases in the message. */
int rt_sys(struct err *err, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "/proc/self/fd/N" in a buffer. */
#define FD_PATH 32
const char *fd_path(int fd, char ret[FD_PATH]);
