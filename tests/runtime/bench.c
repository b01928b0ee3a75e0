#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/timefmt.h"

static const char *const applets[] = { "sh", "cat", "id", "grep", "ls", "sleep", "echo", "true",
	"mount", "stty", "hostname", "ip", "readlink", "test", "[", "wc", "ps", "touch", "kill",
	"tty", "pwd", "env", "head", "stat", "ulimit", "mkdir", "chroot", "unshare", "awk", "tr",
	"cut", "rm", "mv", NULL };

struct bench bench;

/* ---- the image */

void put(const char *path, const char *text, mode_t mode)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

int copy_file(const char *from, const char *to)
{
	auto_free char *text = NULL;
	auto_fd int fd = FD_NONE;
	size_t len;

	if (file_read_at(AT_FDCWD, from, 16 << 20, &text, &len) < 0)
		return -1;
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	return fd < 0 ? -1 : fd_write_all(fd, text, len);
}

static int make_image(void)
{
	static const char *const folders[] = { "bin", "dev", "etc", "proc", "root", "sys", "tmp",
		"usr", "var", "home" };
	char path[4096];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", bench.image, folders[i]);
		if (dir_make_at(AT_FDCWD, path, 0755) < 0)
			return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/tmp", bench.image);
	(void)chmod(path, 01777);
	(void)snprintf(path, sizeof(path), "%s/bin/busybox", bench.image);
	if (copy_file("/bin/busybox", path) < 0 && copy_file("/usr/bin/busybox", path) < 0)
		return -1;
	for (size_t i = 0; applets[i]; i++) {
		(void)snprintf(path, sizeof(path), "%s/bin/%s", bench.image, applets[i]);
		if (symlink("busybox", path) < 0)
			return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", bench.image);
	put(path,
		"root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:Alice:/home/alice:/bin/sh\n"
		"nobody:x:65534:65534::/:/bin/false\n",
		0644);
	(void)snprintf(path, sizeof(path), "%s/etc/group", bench.image);
	put(path, "root:x:0:\nalice:x:1001:\nvideo:x:44:alice\nwheel:x:10:root,alice\n", 0644);
	return 0;
}

/* From here on no call exists that came after Linux 5.11: since 5.1 new ones are numbered alike on all
 * machines, and 441 (epoll_pwait2) was the last. Flags of older calls cannot be taken away like this. */
static void kernel_forget(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 442, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 1024, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	assert_int_equal(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
	assert_int_equal(syscall(SYS_mount_setattr, -1, "", 0, NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

bool fuse_works(void)
{
	auto_fd int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	return fd >= 0 && access("/usr/bin/fuse-overlayfs", X_OK) == 0;
}

/* Where the packages have them. Owned; NULL: not installed. */
static char *runtime_path(const char *name)
{
	static const char *const folders[] = { "/usr/bin", "/usr/sbin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		auto_free char *path = xasprintf("%s/%s", folders[i], name);

		if (access(path, X_OK) == 0)
			return take_ptr(&path);
	}
	return NULL;
}

static void choose_runtime(const char *name)
{
	auto_free char *path = runtime_path(name);

	if (!path) {
		print_message("no %s here\n", name);
		exit(77);
	}
	bench.runtime = name;
}

void bench_arguments(int argc, char **argv)
{
	if (argc == 2 && (str_eq(argv[1], "--crun") || str_eq(argv[1], "--runc")))
		choose_runtime(argv[1] + 2);
	bench.old_kernel = argc == 2 && str_eq(argv[1], "--linux-5.11");
	bench.storage = argc == 2 && str_eq(argv[1], "--fuse-overlayfs") ? argv[1] + 2 : NULL;
	if (bench.storage && !fuse_works()) {
		print_message("no fuse-overlayfs or no right to /dev/fuse here\n");
		exit(77);
	}
}

int bench_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct err err = { 0 };
	auto_free char *base = NULL, *data = NULL, *run = NULL;

	(void)state;
	if (access("/bin/busybox", X_OK) < 0 && access("/usr/bin/busybox", X_OK) < 0) {
		print_message("no static busybox here\n");
		exit(77);
	}
	base = xasprintf("%s/dayfly-rt.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(base));
	(void)umask(022);
	bench.image = xasprintf("%s/image", base);
	data = xasprintf("%s/data", base);
	run = xasprintf("%s/run", base);
	(void)setenv("XDG_DATA_HOME", data, 1);
	(void)setenv("XDG_RUNTIME_DIR", run, 1);
	if (dirs_open(&bench.dirs, &err) < 0 || make_image() < 0) {
		print_error("cannot set up: %s\n", err.msg);
		return -1;
	}
	if (userns_enter(&bench.dirs, &bench.single_id, &err) < 0) {
		print_message("no user namespace here: %s\n", err.msg);
		exit(77);
	}
	/* so that tests can mount for the containers to see */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (bench.old_kernel)
		kernel_forget();
	return 0;
}

int bench_teardown(void **state)
{
	auto_free char *base = xstrdup(bench.image);

	(void)state;
	*strrchr(base, '/') = '\0';
	dirs_close(&bench.dirs);
	return tree_remove_at(AT_FDCWD, base, NULL);
}

/* ---- plans */

char *container_folder(const char *what)
{
	char *path = xasprintf("%s/containers/c%u/%s", bench.dirs.data_path, bench.next, what);

	assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
	return path;
}

void plan_namespaces(struct buf *b, const char *net, const char *pid)
{
	plan_add(b, "ns", "net", net);
	plan_add(b, "ns", "pid", pid);
	plan_add(b, "ns", "ipc", "private");
	plan_add(b, "ns", "uts", "private");
	plan_add(b, "ns", "cgroup", "private");
}

void plan_mounts(struct buf *b)
{
	static const char *const masks[] = { "/proc/asound", "/proc/acpi", "/proc/kcore",
		"/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		"/sys/devices/virtual/powercap" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger" };
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		"/dev/urandom", "/dev/tty" };

	plan_add(b, "mount", "proc", "proc", "/proc", "nosuid,noexec,nodev");
	plan_add(b, "mount", "tmpfs", "tmpfs", "/dev", "nosuid,mode=755,size=65536k");
	plan_add(b, "mount", "devpts", "devpts", "/dev/pts",
		"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	plan_add(b, "mount", "sysfs", "sysfs", "/sys", "nosuid,noexec,nodev,ro");
	plan_add(b, "mount", "cgroup2", "cgroup", "/sys/fs/cgroup", "ro,nosuid,noexec,nodev");
	plan_add(b, "mount", "mqueue", "mqueue", "/dev/mqueue", "nosuid,noexec,nodev");
	plan_add(b, "mount", "tmpfs", "shm", "/dev/shm",
		"nosuid,noexec,nodev,mode=1777,size=65536k");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		plan_add(b, "device", devices[i]);
	plan_add(b, "symlink", "/proc/self/fd", "/dev/fd");
	plan_add(b, "symlink", "/proc/self/fd/0", "/dev/stdin");
	plan_add(b, "symlink", "/proc/self/fd/1", "/dev/stdout");
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		plan_add(b, "mask", masks[i]);
	for (size_t i = 0; i < ARRAY_SIZE(readonly); i++)
		plan_add(b, "readonly", readonly[i]);
}

void plan_root(struct buf *b, const char *lower)
{
	auto_free char *upper = NULL, *work = NULL;

	bench.next++;
	upper = container_folder("upper");
	work = container_folder("work");
	plan_add(b, "plan", "1");
	plan_add(b, "lower", lower);
	plan_add(b, "upper", upper);
	plan_add(b, "work", work);
	if (bench.storage)
		plan_add(b, "storage", bench.storage);
	if (bench.runtime) {
		auto_free char *path = runtime_path(bench.runtime);

		plan_add(b, "runtime", bench.runtime, path);
	}
}

static void plan_rights(struct buf *b, const char *seccomp)
{
	plan_add(b, "caps", CAPS_DOCKER);
	plan_add(b, "seccomp", seccomp);
	plan_add(b, "env", PATH_DOCKER);
}

void plan_process(struct buf *b)
{
	plan_rights(b, "default");
}

void plan_with_seccomp(struct buf *b, const char *seccomp)
{
	plan_root(b, bench.image);
	plan_mounts(b);
	plan_namespaces(b, "private", "private");
	plan_add(b, "hostname", "box");
	plan_rights(b, seccomp);
}

/* A container as Docker makes it by default. */
void plan_default(struct buf *b)
{
	plan_with_seccomp(b, "default");
}

void plan_shell(struct buf *b, const char *script)
{
	plan_add(b, "arg", "sh");
	plan_add(b, "arg", "-c");
	plan_add(b, "arg", script);
}

/* ---- running them */

int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int start_with(struct buf *b, bool tty, int pidfd, struct run *run)
{
	struct rt_io io = { .tty = tty, .height = 40, .width = 120 };
	auto_plan struct plan plan = { 0 };
	size_t len = b->len;
	int in[2], out[2], r;

	*run = (struct run){
		.process = RT_PROCESS_NONE, .in = FD_NONE, .out = FD_NONE, .exit_code = -1
	};
	assert_int_equal(plan_parse(buf_steal(b), len, &plan, &run->err), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	io.in = in[0];
	io.out = io.err = out[1];
	r = pidfd >= 0 ? rt_exec(pidfd, &plan, &io, &run->process, &run->exit_code, &run->err)
		       : rt_start(&plan, &io, NULL, &run->process, &run->exit_code, &run->err);
	(void)close(in[0]);
	(void)close(out[1]);
	if (r < 0 || tty) {
		(void)close(in[1]);
		(void)close(out[0]);
	}
	if (r == 0) {
		run->in = tty ? run->process.console : in[1];
		run->out = tty ? run->process.console : out[0];
	}
	return r;
}

void start(struct buf *b, struct run *run)
{
	int r = start_with(b, false, FD_NONE, run);

	if (r < 0)
		fail_msg("start failed: %s", run->err.msg);
}

/* Reads until the other side is gone; text is NUL-terminated. */
void collect(struct run *run, char *text, size_t room)
{
	size_t have = 0;

	for (;;) {
		struct pollfd pfd = { .fd = run->out, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&pfd, 1, 20000), 1);
		n = read(run->out, text + have, room - 1 - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	text[have] = '\0';
}

int finish(struct run *run)
{
	siginfo_t si = { 0 };

	if (run->in != run->out)
		run->in = fd_close(run->in);
	assert_int_equal(waitid(P_PIDFD, (id_t)rt_process_child(&run->process), &si, WEXITED), 0);
	if (run->in != run->out || run->process.console < 0)
		run->out = fd_close(run->out);
	rt_process_clear(&run->process);
	rt_files_release(&run->process);
	return si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
}

/* The output and the exit code of a script in a container. */
int output_of(struct buf *b, char *text, size_t room)
{
	struct run run;

	start(b, &run);
	run.in = fd_close(run.in);
	collect(&run, text, room);
	return finish(&run);
}

int script(const char *text, char *out, size_t room)
{
	auto_buf struct buf b = { 0 };

	plan_default(&b);
	plan_shell(&b, text);
	return output_of(&b, out, room);
}

void expect_failure(struct buf *b, int code, const char *part)
{
	int before = open_fds();
	struct run run;

	assert_true(start_with(b, false, FD_NONE, &run) < 0);
	assert_has(run.err.msg, part);
	assert_int_equal(run.exit_code, code);
	assert_int_equal(open_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}
