/* Preloaded into a program of dayfly: counts its changes to the disk, kills it before the n-th, and writes
 * down what they were, so that tests/api/disk.py can say what a power cut would have left.
 *
 *   DAYFLY_CUT_BELOW=PATH   only changes below this folder count
 *   DAYFLY_CUT_AT=N         SIGKILL before change N
 *   DAYFLY_CUT_LOG=FILE     one line each: OP INODE [WHAT…], with tabs; at the end "changes N"
 *   DAYFLY_CUT_SAVE=DIR     what is in a file when it is synced: DIR/NUMBER-OF-CHANGE
 *
 * Changes are made one after the other, whatever the program's threads do, so that the lines are in the
 * order of the disk. Nothing is really synced, which would only take time. A program that is forked goes on
 * counting for itself; one that is executed begins. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static unsigned long changes;

/* ---- what is below the folder */

struct place {
	char path[PATH_MAX]; /* "" : somewhere else */
};

static void keep_below(struct place *p)
{
	const char *below = getenv("DAYFLY_CUT_BELOW");
	size_t len = below ? strlen(below) : 0;

	if (!len || strncmp(p->path, below, len) != 0 || p->path[len] != '/')
		p->path[0] = '\0';
}

static void name_of(int fd, char ret[PATH_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(
		link, sizeof(link), fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	ret[n < 0 ? 0 : n] = '\0';
}

static struct place place_of(int fd)
{
	struct place p;

	name_of(fd, p.path);
	keep_below(&p);
	return p;
}

static struct place place_at(int dir, const char *name)
{
	char folder[PATH_MAX];
	struct place p;

	if (*name == '/')
		folder[0] = '\0';
	else
		name_of(dir, folder);
	if (snprintf(p.path, sizeof(p.path), "%s/%s", folder, *name == '/' ? name + 1 : name) >=
		(int)sizeof(p.path))
		p.path[0] = '\0';
	keep_below(&p);
	return p;
}

/* ---- the log */

static int raw_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void raw_write(int fd, const void *data, size_t len)
{
	(void)!syscall(SYS_write, fd, data, len);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	const char *path = getenv("DAYFLY_CUT_LOG");
	char line[2 * PATH_MAX + 100]; /* or an answer */
	va_list ap;
	int fd, n;

	if (!path)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = raw_open(path, O_WRONLY | O_CREAT | O_APPEND);
	raw_write(fd, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	(void)close(fd);
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static unsigned long inode_at(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* Before a change: it is the next. */
static void begin(void)
{
	const char *at = getenv("DAYFLY_CUT_AT");

	(void)pthread_mutex_lock(&order);
	changes++;
	if (at && strtoul(at, NULL, 10) == changes)
		(void)kill(getpid(), SIGKILL);
}

static long end(long result)
{
	(void)pthread_mutex_unlock(&order);
	return result;
}

static void __attribute__((destructor)) sum_up(void)
{
	say("changes\t%lu\n", changes);
}

/* Leaves the caller's errno alone. */
#define TELL(...)                                                                                  \
	do {                                                                                       \
		int saved = errno;                                                                 \
		say(__VA_ARGS__);                                                                  \
		errno = saved;                                                                     \
	} while (0)

/* ---- files */

static int open_new(int dir, const char *name, int flags, mode_t mode)
{
	struct place p = place_at(dir, name);
	bool existed = inode_at(dir, name) != 0;
	int fd;

	begin();
	fd = (int)syscall(SYS_openat, dir, name, flags, mode);
	if (fd >= 0 && (flags & O_TMPFILE) == O_TMPFILE)
		TELL("unnamed\t%lu\n", inode_of(fd));
	else if (fd >= 0 && (!existed || flags & O_TRUNC))
		TELL("%s\t%lu\t%s\n", existed ? "write" : "create", inode_of(fd), p.path);
	return (int)end(fd);
}

static int open_any(int dir, const char *name, int flags, mode_t mode)
{
	bool changing = (flags & O_TMPFILE) == O_TMPFILE || flags & O_TRUNC ||
		(flags & O_CREAT && inode_at(dir, name) == 0);

	if (changing && place_at(dir, name).path[0])
		return open_new(dir, name, flags, mode);
	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

#define OPEN_MODE(flags, mode)                                                                     \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE)                           \
			(mode) = va_arg(ap, mode_t);                                               \
		va_end(ap);                                                                        \
	} while (0)

EXPORT int openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_any(dir, name, flags, mode);
}

EXPORT int openat64(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_any(dir, name, flags, mode);
}

EXPORT int open(const char *name, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_any(AT_FDCWD, name, flags, mode);
}

EXPORT int open64(const char *name, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return open_any(AT_FDCWD, name, flags, mode);
}

/* What goes to a socket is what the client has been told. */
static void tell_answer(int fd, const void *data, size_t len)
{
	struct stat st;
	char text[2000];
	size_t n = 0;

	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	for (size_t i = 0; i < len && n < sizeof(text) - 1; i++)
		if (((const char *)data)[i] >= ' ')
			text[n++] = ((const char *)data)[i];
	text[n] = '\0';
	TELL("answer\t0\t%s\n", text);
}

EXPORT ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t n;

	if (!place_of(fd).path[0]) {
		tell_answer(fd, data, len);
		return syscall(SYS_write, fd, data, len);
	}
	begin();
	n = syscall(SYS_write, fd, data, len);
	TELL("write\t%lu\n", inode_of(fd));
	return end(n);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	ssize_t n;

	if (!place_of(fd).path[0])
		return syscall(SYS_pwrite64, fd, data, len, at);
	begin();
	n = syscall(SYS_pwrite64, fd, data, len, at);
	TELL("write\t%lu\n", inode_of(fd));
	return end(n);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

EXPORT int ftruncate64(int fd, off64_t len)
{
	long r;

	if (!place_of(fd).path[0])
		return (int)syscall(SYS_ftruncate, fd, len);
	begin();
	r = syscall(SYS_ftruncate, fd, len);
	TELL("write\t%lu\n", inode_of(fd));
	return (int)end(r);
}

EXPORT int ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

/* ---- names */

EXPORT int mkdirat(int dir, const char *name, mode_t mode)
{
	struct place p = place_at(dir, name);
	long r;

	if (!p.path[0])
		return (int)syscall(SYS_mkdirat, dir, name, mode);
	begin();
	r = syscall(SYS_mkdirat, dir, name, mode);
	if (r == 0)
		TELL("mkdir\t%lu\t%s\n", inode_at(dir, name), p.path);
	return (int)end(r);
}

EXPORT int linkat(int from, const char *name, int dir, const char *new_name, int flags)
{
	struct place p = place_at(dir, new_name);
	long r;

	if (!p.path[0])
		return (int)syscall(SYS_linkat, from, name, dir, new_name, flags);
	begin();
	r = syscall(SYS_linkat, from, name, dir, new_name, flags);
	if (r == 0)
		TELL("link\t%lu\t%s\n", inode_at(dir, new_name), p.path);
	return (int)end(r);
}

EXPORT int symlinkat(const char *target, int dir, const char *name)
{
	struct place p = place_at(dir, name);
	long r;

	if (!p.path[0])
		return (int)syscall(SYS_symlinkat, target, dir, name);
	begin();
	r = syscall(SYS_symlinkat, target, dir, name);
	if (r == 0)
		TELL("symlink\t%lu\t%s\t%s\n", inode_at(dir, name), p.path, target);
	return (int)end(r);
}

EXPORT int renameat2(int from, const char *name, int to, const char *new_name, unsigned flags)
{
	struct place a = place_at(from, name), b = place_at(to, new_name);
	long r;

	if (!a.path[0] && !b.path[0])
		return (int)syscall(SYS_renameat2, from, name, to, new_name, flags);
	begin();
	r = syscall(SYS_renameat2, from, name, to, new_name, flags);
	if (r == 0)
		TELL("rename\t%lu\t%s\t%s\n", inode_at(to, new_name), a.path, b.path);
	return (int)end(r);
}

EXPORT int renameat(int from, const char *name, int to, const char *new_name)
{
	return renameat2(from, name, to, new_name, 0);
}

EXPORT int unlinkat(int dir, const char *name, int flags)
{
	struct place p = place_at(dir, name);
	long r;

	if (!p.path[0])
		return (int)syscall(SYS_unlinkat, dir, name, flags);
	begin();
	r = syscall(SYS_unlinkat, dir, name, flags);
	if (r == 0)
		TELL("unlink\t0\t%s\n", p.path);
	return (int)end(r);
}

/* ---- to the disk */

static void save(int fd)
{
	const char *folder = getenv("DAYFLY_CUT_SAVE");
	char path[PATH_MAX], from[40], block[65536];
	int in, out;
	ssize_t n;

	if (!folder)
		return;
	(void)snprintf(path, sizeof(path), "%s/%lu", folder, changes);
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	in = raw_open(from, O_RDONLY);
	out = raw_open(path, O_WRONLY | O_CREAT | O_TRUNC);
	while ((n = read(in, block, sizeof(block))) > 0)
		raw_write(out, block, (size_t)n);
	(void)close(in);
	(void)close(out);
}

EXPORT int fsync(int fd)
{
	struct stat st;

	if (!place_of(fd).path[0])
		return 0;
	begin();
	if (fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode))
			save(fd);
		say("%s\t%lu\t%lu\n", S_ISREG(st.st_mode) ? "fsync" : "fsyncdir",
			(unsigned long)st.st_ino, changes);
	}
	return (int)end(0);
}

EXPORT int fdatasync(int fd)
{
	return fsync(fd);
}

EXPORT int syncfs(int fd)
{
	(void)fd;
	begin();
	say("syncfs\t0\n");
	return (int)end(0);
}

EXPORT int sync_file_range(int fd, off64_t from, off64_t len, unsigned flags)
{
	(void)fd;
	(void)from;
	(void)len;
	(void)flags;
	return 0;
}
