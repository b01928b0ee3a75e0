/* dayfly-monitor - one container's supervisor. dayfly starts it; see dayfly-monitor(8).
 *
 *   dayfly-monitor [--scope] ID   descriptor 3: the bound control socket, 4: the locked lock file, 5 (may
 *                                 be closed): the user namespace, or a socket to send a new one over
 *   dayfly-monitor --recover ID   descriptor 4 as above: completes what a dead monitor left undone
 *
 * --scope: systemd was asked to move this process to a scope of its own, and a start waits for that.
 * Holding the lock is being alive, so descriptor 4 stays open and is not used otherwise. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "monitor/monitor.h"
#include "runtime/self.h"

enum { FD_CONTROL = 3, FD_LOCK = 4, FD_USERNS = 5 };

#define HEAP_PIECE 2048

static int usage(void)
{
	(void)fprintf(stderr,
		"usage: dayfly-monitor [--scope | --recover] ID\n"
		"This program is started by dayfly, with descriptors of its making.\n");
	return 2;
}

static int run(const char *id, int control, int userns, bool scope)
{
	struct monitor m = { .scope_due = scope };
	struct err err = { 0 };
	int r;

	r = monitor_open(&m, id, control, userns, &err);
	if (r == 0 && control >= 0)
		r = monitor_run(&m, &err);
	if (r < 0)
		log_error("%s: %s", id, err.msg);
	monitor_close(&m);
	(void)close(FD_LOCK); /* nobody waits for us any more, and nobody has to for the disk */
	rt_files_release(&m.process);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	bool recover_only = argc == 3 && str_eq(argv[1], "--recover");
	bool scope = argc == 3 && str_eq(argv[1], "--scope");
	const char *id = argv[argc - 1];

	if ((argc != 2 && !recover_only && !scope) || !id_valid(id))
		return usage();
	self_protect(argv);
	if (fd_cloexec(FD_LOCK, true) < 0 || (!recover_only && fd_cloexec(FD_CONTROL, true) < 0))
		return usage();
	/* Larger pieces come and go as mappings of their own, so that none of them leaves a hole in the heap
	 * below what stays. The C library asks for a mapping only where the heap has no room left: it gets none
	 * in advance. */
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_PIECE);
	(void)mallopt(M_TOP_PAD, 0);
	(void)malloc_trim(0);
	/* Of core/spawn.c, which puts it first: for us, and not for what we run. unsetenv() would take a lock, and
	 * with it a page. */
	if (*environ && str_starts(*environ, "GLIBC_TUNABLES="))
		environ++;
	return run(id, recover_only ? FD_NONE : FD_CONTROL,
		fd_cloexec(FD_USERNS, true) < 0 ? FD_NONE : FD_USERNS, scope);
}
