/* runtime/userns.c - one user namespace per user.
 *
 * Whoever comes first makes it; everybody else joins it through any process that is inside and alive.
 * run/userns.lock serialises the making and holds a hint: "PID START" of a process that was inside
 * when it was written. Where the hint is of no use any more, the monitors in the status records are
 * asked. No process is kept just to pin the namespace: without a live monitor there is nothing that
 * would need it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/passwd.h"
#include "runtime/runtime.h"
#include "runtime/subid.h"
#include "runtime/userns_map.h"
#include "state/status.h"

#define MAP_MAX  4096
#define IDS_ALL  UINT32_MAX /* 4294967295, the length of the initial namespace's map */
#define CAP_NEED ((1u << CAP_SYS_ADMIN) | (1u << CAP_SETUID) | (1u << CAP_SETGID))

/* The initial user namespace always has this inode number (the kernel's PROC_USER_INIT_INO). Its map
 * is no sign: ours for root looks the same. */
#define INITIAL_NS 0xEFFFFFFDu

static bool in_initial_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_NS;
}

int userns_map_count(const char *file, uint64_t *ret)
{
	auto_free char *path = xasprintf("/proc/self/%s", file), *text = NULL;
	uint64_t ids = 0;
	int r;

	r = file_read_at(AT_FDCWD, path, MAP_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (const char *at = text; *at;) {
		unsigned long in, out, count;

		if (sscanf(at, "%lu %lu %lu", &in, &out, &count) != 3)
			return -EBADMSG;
		ids += count;
		at = strchrnul(at, '\n');
		at += *at == '\n';
	}
	*ret = ids;
	return 0;
}

static bool caps_effective(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return (data[0].effective & CAP_NEED) == CAP_NEED;
}

/* ---- joining */

static bool same_namespace(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/proc/self/ns/user", &b) == 0 && a.st_ino == b.st_ino &&
		a.st_dev == b.st_dev;
}

/* The start time is compared after the descriptor was opened: then it is the right process's. */
static int join_process(pid_t pid, uint64_t start)
{
	auto_fd int fd = FD_NONE;
	char name[40];

	if (pid <= 0 || pid == getpid())
		return -ESRCH;
	(void)snprintf(name, sizeof(name), "/proc/%d/ns/user", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!proc_alive(pid, start) || same_namespace(fd))
		return -ESRCH;
	return setns(fd, CLONE_NEWUSER) < 0 ? -errno : 0;
}

static int join_hint(int lock)
{
	char text[64];
	ssize_t n = pread(lock, text, sizeof(text) - 1, 0);
	unsigned long long start;
	int pid;

	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	if (text[n - 1] != '\n' || sscanf(text, "%d %llu", &pid, &start) != 2)
		return -ESRCH;
	return join_process(pid, start);
}

static int join_monitor(int containers, const char *id)
{
	auto_fd int dir = openat(containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct status st;

	if (dir < 0 || status_read(dir, FD_NONE, &st) < 0)
		return -ESRCH;
	return join_process(st.monitor, st.monitor_start);
}

static int join_any_monitor(const struct dirs *d)
{
	int fd = openat(d->run, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = -ESRCH;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		(void)fd_close(fd);
		return -ESRCH;
	}
	while (r < 0 && (e = readdir(dir)))
		if (id_valid(e->d_name))
			r = join_monitor(fd, e->d_name);
	(void)closedir(dir);
	return r;
}

static void hint_write(int lock)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %llu\n", (int)getpid(),
		(unsigned long long)proc_start_time(getpid()));

	if (ftruncate(lock, 0) == 0)
		(void)!pwrite(lock, text, (size_t)n, 0); /* only a hint */
}

/* ---- making
 *
 * Ids other than the own one can be mapped only from outside, by a process that may: newuidmap and
 * newgidmap, or for root a child of ours. They are forked before the namespace exists and wait for the
 * word on a pipe; end of file instead of a word means: do nothing. */

struct mapper {
	pid_t pid;
	const char *name;
};

static const char *const map_files[] = { "uid_map", "gid_map" };
static const char *const map_tools[] = { "newuidmap", "newgidmap" };
static const char *const subid_files[] = { "/etc/subuid", "/etc/subgid" };

int userns_map_write(pid_t pid, const char *file, const char *text)
{
	char path[48];
	auto_fd int fd = FD_NONE;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, text, strlen(text));
}

static int map_single(uid_t uid, gid_t gid)
{
	char text[48];
	int r;

	r = userns_map_write(getpid(), "setgroups", "deny");
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "0 %u 1\n", uid);
	r = userns_map_write(getpid(), "uid_map", text);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "0 %u 1\n", gid);
	return userns_map_write(getpid(), "gid_map", text);
}

static char *login_name(uid_t uid)
{
	auto_free char *text = NULL;
	const char *env = getenv("USER");
	char *name = NULL;

	if (file_read_at(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text, NULL) == 0)
		name = passwd_name(text, uid);
	/* not in the file but known elsewhere (LDAP); newuidmap checks it */
	return name || !env ? name : xstrdup(env);
}

/* argv for the tool: NAME PID 0 OWN 1 1 START COUNT … NULL if the user has no range. */
static char **mapper_argv(int kind, pid_t pid, uint32_t own, uid_t uid, const char *name)
{
	struct subid_range ranges[SUBID_MAX];
	auto_free char *text = NULL;
	char **argv = NULL;
	uint64_t next = 1;
	size_t n = 0;

	if (file_read_at(AT_FDCWD, subid_files[kind], PASSWD_MAX, &text, NULL) == 0)
		n = subid_parse(text, name, uid, ranges);
	if (n == 0)
		return NULL;
	strv_add(&argv, map_tools[kind]);
	strv_add_take(&argv, xasprintf("%d", (int)pid));
	strv_add(&argv, "0");
	strv_add_take(&argv, xasprintf("%u", own));
	strv_add(&argv, "1");
	for (size_t i = 0; i < n && next + ranges[i].count < IDS_ALL; i++) {
		strv_add_take(&argv, xasprintf("%llu", (unsigned long long)next));
		strv_add_take(&argv, xasprintf("%u", ranges[i].start));
		strv_add_take(&argv, xasprintf("%u", ranges[i].count));
		next += ranges[i].count;
	}
	return argv;
}

static _Noreturn void mapper_run(int kind, int go, pid_t target, char **argv)
{
	char word;
	int null;

	if (read(go, &word, 1) != 1)
		_exit(0);
	if (!argv)
		_exit(userns_map_write(target, map_files[kind], "0 0 4294967295\n") < 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	(void)execvp(argv[0], argv);
	(void)execv(kind == 0 ? "/usr/bin/newuidmap" : "/usr/bin/newgidmap", argv);
	_exit(127);
}

static int mapper_end(const struct mapper *m, struct err *err)
{
	int status = 0;

	while (waitpid(m->pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0; /* somebody else takes our children: the map tells */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(
			err, ERR_SYSTEM, EPERM, "%s is not installed (package uidmap)", m->name);
	if (status != 0)
		return err_set(err, ERR_SYSTEM, EPERM,
			"%s refused the ids given to this user in /etc/sub?id", m->name);
	return 0;
}

static int unshare_user(struct err *err)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, errno,
		"the kernel refuses a user namespace (%s); see sysctl user.max_user_namespaces, "
		"kernel.unprivileged_userns_clone",
		errno == ENOSPC ? "too many" : "forbidden");
}

/* argv[kind] NULL: a child of ours writes the full map. */
static int map_by_helpers(char **argv[2], struct err *err)
{
	struct mapper mappers[2];
	int go[2], r = 0, r2;

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	for (int kind = 0; kind < 2; kind++) {
		pid_t self = getpid();

		mappers[kind] = (struct mapper){ .pid = fork(), .name = map_tools[kind] };
		if (mappers[kind].pid == 0) {
			(void)close(go[1]);
			mapper_run(kind, go[0], self, argv[kind]);
		}
		if (mappers[kind].pid < 0)
			r = err_sys(err, errno, "fork");
	}
	if (r == 0)
		r = unshare_user(err);
	if (r == 0 && write(go[1], "gg", 2) != 2)
		r = err_sys(err, errno, "write to the id mappers");
	(void)fd_close(go[0]);
	(void)fd_close(go[1]);
	for (int kind = 0; kind < 2; kind++) {
		r2 = mappers[kind].pid > 0 ? mapper_end(&mappers[kind], r < 0 ? NULL : err) : 0;
		r = r < 0 ? r : r2;
	}
	return r;
}

static int userns_make(bool full, struct err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	auto_free char *name = login_name(uid);
	auto_strv char **uids = NULL, **gids = NULL;
	int r;

	if (full)
		return map_by_helpers((char **[2]){ NULL, NULL }, err);
	uids = mapper_argv(0, getpid(), uid, uid, name);
	gids = mapper_argv(1, getpid(), gid, uid, name);
	if (uids && gids)
		return map_by_helpers((char **[2]){ uids, gids }, err);
	r = unshare_user(err);
	if (r < 0)
		return r;
	r = map_single(uid, gid);
	return r < 0 ? err_set(err, ERR_SYSTEM, -r, "the kernel refuses to map the own user id")
		     : 0;
}

/* ---- */

int userns_join(int userns)
{
	return setns(userns, CLONE_NEWUSER) < 0 ? -errno : 0;
}

int userns_offer(int socket)
{
	auto_fd int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	return own < 0 ? -errno : fd_send(socket, "userns", 6, &own, 1, MSG_DONTWAIT);
}

static int join_or_make(const struct dirs *d, bool full, struct err *err)
{
	auto_fd int lock = openat(d->run, "userns.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r;

	if (lock < 0)
		return err_sys(err, errno, "open %s/userns.lock", d->run_path);
	if (join_hint(lock) == 0)
		return 0;
	while (flock(lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "lock %s/userns.lock", d->run_path);
	if (join_hint(lock) == 0) /* made while we waited */
		return 0;
	r = join_any_monitor(d);
	if (r < 0)
		r = userns_make(full, err);
	if (r == 0)
		hint_write(lock);
	return r;
}

int userns_enter(const struct dirs *d, bool *single_id, struct err *err)
{
	bool privileged = geteuid() == 0 && caps_effective(), initial = in_initial_namespace();
	uint64_t ids = 0;
	int r;

	if (initial || !privileged) { /* else somebody has put us into a namespace that will do */
		r = join_or_make(d, initial && privileged, err);
		if (r < 0)
			return err_prefix(err, "user namespace");
	}
	r = userns_map_count("uid_map", &ids);
	if (r < 0 || ids == 0)
		return err_set(err, ERR_SYSTEM, EPERM, "user namespace: no ids were mapped");
	if (single_id)
		*single_id = ids == 1;
	return 0;
}
