#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

/* Reads state (field 3) and start time (field 22). The command (field 2) may hold anything, blanks and
 * parentheses too, so fields are counted from its last ')'. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char name[32], text[1024], *p;
	auto_fd int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_upto(fd, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -EBADMSG;
	p += 2;
	*ret_state = *p;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EBADMSG;
		p++;
	}
	*ret_start = strtoull(p, NULL, 10);
	return 0;
}

uint64_t proc_start_time(pid_t pid)
{
	uint64_t start;
	char state;

	return pid > 0 && read_stat(pid, &state, &start) == 0 ? start : 0;
}

bool proc_alive(pid_t pid, uint64_t start)
{
	uint64_t now;
	char state;

	return pid > 0 && read_stat(pid, &state, &now) == 0 && now == start && state != 'Z' &&
		state != 'X';
}

int proc_pidfd(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int proc_pidfd_kill(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int proc_oom_score_adj(void)
{
	auto_free char *text = NULL;

	if (file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) < 0)
		return 0;
	return (int)strtol(text, NULL, 10);
}
