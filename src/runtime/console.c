/* runtime/console.c - the container's terminal and standard streams. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/enter.h"
#include "runtime/mountfd.h"
#include "runtime/report.h"
#include "runtime/target.h"

static int set_size(int fd, unsigned short height, unsigned short width)
{
	struct winsize size = { .ws_row = height, .ws_col = width };

	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int rt_console_resize(int console, unsigned short height, unsigned short width)
{
	return set_size(console, height, width);
}

bool console_first_size(const struct enter *e, unsigned short *height, unsigned short *width)
{
	const struct plan_item *it = plan_next(e->plan, "console-size", NULL);
	uint64_t h = e->io->height, w = e->io->width;

	if (!h && !w && it &&
		(str_to_u64(it->words[0], &h) < 0 || str_to_u64(it->words[1], &w) < 0))
		return false;
	if ((!h && !w) || h > UINT16_MAX || w > UINT16_MAX)
		return false;
	*height = (unsigned short)h;
	*width = (unsigned short)w;
	return true;
}

/* The pair comes from the container's own devpts, so that /dev/pts/N is a name it can use. The slave
 * is taken from the master itself (TIOCGPTPEER), never by a path that might lead elsewhere. */
int console_open(struct enter *e, struct err *err)
{
	auto_fd int master = FD_NONE;
	unsigned short height, width;
	int unlock = 0, r;

	if (!e->io->tty)
		return 0;
	master = path_open_in_root(e->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	if (master < 0)
		return rt_sys(err, master, "open a terminal in the container's /dev/pts");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return rt_sys(err, errno, "unlock the terminal");
	e->console = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (e->console < 0)
		return rt_sys(err, errno, "open the terminal");
	if (console_first_size(e, &height, &width))
		(void)set_size(master, height, width);
	r = report_send(e->report, &(struct report){ .kind = REPORT_CONSOLE }, master);
	return r < 0 ? rt_sys(err, r, "pass the terminal on") : 0;
}

int console_bind(struct enter *e, struct err *err)
{
	auto_fd int target = FD_NONE, tree = FD_NONE;
	int r;

	if (e->console < 0)
		return 0;
	target = target_open(e->root, "/dev/console", TARGET_FILE);
	if (target < 0)
		return rt_sys(err, target, "make /dev/console");
	tree = mount_clone(e->console, "", false);
	r = tree < 0 ? tree : mount_attach(tree, target);
	return r < 0 ? rt_sys(err, r, "bind /dev/console") : 0;
}

/* The user owns what it writes to, or it could not open /dev/stdout. Sockets and read-only files refuse; they
 * work without. A device but the container's own terminal is the host's, its /dev/null as a rule, and of an
 * engine that runs as root it could be given away. */
static void give_to_user(const struct enter *e, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_uid == e->who.uid ||
		(S_ISCHR(st.st_mode) && e->console < 0))
		return;
	(void)!fchown(fd, e->who.uid, (gid_t)-1);
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* A copy, or for the host's null device the container's own: a descriptor's node can be changed by the name
 * /proc/self/fd/N, and the mount it was opened on is not read-only (mounts.c). */
static int stream_copy(const struct enter *e, int fd)
{
	auto_fd int null = is_null(fd)
		? path_open_in_root(e->root, "/dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY, 0)
		: FD_NONE;
	int copy;

	if (null >= 0 && is_null(null) && fd_nonblock(null, false) == 0)
		fd = null;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? -errno : copy;
}

/* io's descriptors may be 0, 1 and 2 themselves in any order: they are moved out of the way first. */
int streams_take(struct enter *e, struct err *err)
{
	const int given[] = { e->io->in, e->io->out, e->io->err };
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = stream_copy(e, e->console >= 0 ? e->console : given[i]);
		if (fds[i] < 0)
			return rt_sys(err, fds[i], "duplicate stream %d", i);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) < 0)
			return rt_sys(err, errno, "place stream %d", i);
		give_to_user(e, i);
		(void)fd_close(fds[i]);
	}
	if (e->console >= 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		return rt_sys(err, errno, "take the controlling terminal");
	return 0;
}
