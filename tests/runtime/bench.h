/* runtime/bench.h - real containers from a busybox root, built by an unprivileged user. Everything lies
 * below TMPDIR. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* after the above */
#include <cmocka.h>

#include <string.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/runtime.h"

#include "../asserts.h"

#define CAPS_DOCKER "a80425fb"
#define PATH_DOCKER "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What every test shares: the state folders and one image. */
struct bench {
	struct dirs dirs;
	char *image;
	const char *storage; /* NULL: whatever works */
	const char *runtime; /* crun or runc; NULL: our own steps */
	bool single_id, old_kernel;
	unsigned next;
};

struct run {
	struct rt_process process;
	int in, out; /* our ends of its stdin, stdout+stderr */
	int exit_code;
	struct err err;
};

extern struct bench bench;

/* "--linux-5.11": without the calls that came later. "--fuse-overlayfs": roots are assembled by it;
 * "--crun", "--runc": programs are run by it. Ends the program where that is impossible. */
void bench_arguments(int argc, char **argv);
int bench_setup(void **state);
int bench_teardown(void **state);
bool fuse_works(void);

void put(const char *path, const char *text, mode_t mode);
int copy_file(const char *from, const char *to);
/* In the folder of the plan begun last. Owned. */
char *container_folder(const char *what);

/* ---- plans: plan_default() is a container as Docker makes it; the others are its parts */

void plan_default(struct buf *b);
void plan_with_seccomp(struct buf *b, const char *seccomp);
void plan_root(struct buf *b, const char *lower);
void plan_mounts(struct buf *b);
void plan_namespaces(struct buf *b, const char *net, const char *pid);
void plan_process(struct buf *b);
void plan_shell(struct buf *b, const char *script);

/* ---- running them; a plan is used up by that */

int start_with(struct buf *b, bool tty, int pidfd, struct run *run);
void start(struct buf *b, struct run *run);
/* Reads until the other side is gone; text is NUL-terminated. */
void collect(struct run *run, char *text, size_t room);
int finish(struct run *run);
/* The output and the exit code of a script in a container. */
int output_of(struct buf *b, char *text, size_t room);
int script(const char *text, char *out, size_t room);
void expect_failure(struct buf *b, int code, const char *part);
int open_fds(void);
