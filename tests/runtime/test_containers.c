/* What a container is: namespaces, rights, mounts, terminals, exec sessions, failures. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"

static void exit_codes_are_the_programs_own(void **state)
{
	char out[256];

	(void)state;
	assert_int_equal(script("exit 0", out, sizeof(out)), 0);
	assert_int_equal(script("exit 42", out, sizeof(out)), 42);
	assert_int_equal(script("kill -9 $$", out, sizeof(out)), 0); /* pid 1 is immune to itself */
}

static void a_container_has_namespaces_of_its_own(void **state)
{
	auto_buf struct buf b = { 0 };
	char out[2048];

	(void)state;
	plan_default(&b);
	plan_shell(&b,
		"echo pid $$; hostname; readlink /proc/self/ns/net; ls /sys/class/net; ip addr show lo;"
		"cat /proc/self/uid_map; ls -di / ; wc -l </proc/self/mountinfo");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "pid 1\n");
	assert_has(out, "box\n");
	assert_has(out, "UP");
	assert_has(out, "127.0.0.1");
	assert_has(out, "         0");
}

static void capabilities_are_dockers(void **state)
{
	char out[2048];

	(void)state;
	assert_int_equal(
		script("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status", out, sizeof(out)), 0);
	assert_has(out, "CapBnd:\t00000000a80425fb");
	assert_has(out, "CapPrm:\t00000000a80425fb");
	assert_has(out, "CapEff:\t00000000a80425fb");
	assert_has(out, "CapInh:\t0000000000000000");
	assert_has(out, "CapAmb:\t0000000000000000");
	assert_has(out, "Seccomp:\t2");
	assert_has(out, "NoNewPrivs:\t0");
}

/* glibc's posix_spawn() leaves its own two ignored, and its sigaction() does not know them. */
static void no_signal_is_ignored(void **state)
{
	const unsigned long ignored[8] = { (unsigned long)(uintptr_t)SIG_IGN }, usual[8] = { 0 };
	auto_buf struct buf b = { 0 };
	char out[256];

	(void)state;
	plan_default(&b);
	plan_add(&b, "arg", "grep"); /* shells have their own ideas */
	plan_add(&b, "arg", "SigIgn");
	plan_add(&b, "arg", "/proc/self/status");
	assert_int_equal(syscall(SYS_rt_sigaction, 33, ignored, NULL, (size_t)8), 0);
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_int_equal(syscall(SYS_rt_sigaction, 33, usual, NULL, (size_t)8), 0);
	assert_has(out, "SigIgn:\t0000000000000000");
}

static void a_user_is_found_in_the_image_and_has_no_capabilities(void **state)
{
	auto_buf struct buf b = { 0 };
	char out[2048];

	(void)state;
	if (bench.single_id)
		skip();
	plan_default(&b);
	plan_add(&b, "user", "alice");
	plan_add(&b, "group", "44");
	plan_add(&b, "no-new-privs");
	plan_shell(&b,
		"id -u; id -g; id -G; echo $HOME; grep -E 'Cap|NoNew' /proc/self/status; echo hi >/dev/stdout");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "1000\n1001\n");
	assert_has(out, "44");
	assert_has(out, "/home/alice\n");
	assert_has(out, "CapEff:\t0000000000000000");
	assert_has(out, "CapPrm:\t0000000000000000");
	assert_has(out, "CapBnd:\t00000000a80425fb");
	assert_has(out, "NoNewPrivs:\t1");
	assert_has(out, "hi\n");
}

static void kernel_paths_are_masked_and_read_only(void **state)
{
	char out[2048];

	(void)state;
	assert_int_equal(
		script("wc -c </proc/keys; wc -c </proc/timer_list; ls /sys/firmware | wc -l;"
		       "echo 1 >/proc/sys/kernel/domainname; touch /sys/x",
			out, sizeof(out)),
		1);
	assert_has(out, "0\n0\n0\n");
	assert_has(out, "/proc/sys/kernel/domainname: Read-only file system");
	assert_has(out, "/sys/x: Read-only file system");
}

static void the_host_does_not_show(void **state)
{
	char out[4096];

	(void)state;
	assert_int_equal(
		script("ls -l /proc/1/fd; cat /proc/mounts; ls -a /; env", out, sizeof(out)), 0);
	assert_lacks(out, "dayfly");
	assert_lacks(out, "TMPDIR");
	assert_lacks(out, " 3 ->");
	assert_lacks(out, " 4 ->");
}

static void mounting_is_forbidden(void **state)
{
	char out[1024];

	(void)state;
	assert_int_not_equal(script("mount -t tmpfs x /tmp", out, sizeof(out)), 0);
	assert_int_not_equal(script("unshare -U true", out, sizeof(out)), 0);
}

static void a_profile_of_the_users_is_compiled_once(void **state)
{
	auto_free char *profile = xasprintf("%s/profile.json", bench.dirs.data_path);
	auto_free char *compiled =
		xasprintf("%s/profile-" CAPS_DOCKER ".bpf", bench.dirs.data_path);
	auto_buf struct buf b = { 0 };
	char out[512], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 32);

	(void)state;
	self[n > 0 ? n : 0] = '\0';
	(void)strcpy(strrchr(self, '/'), "/dayfly-worker");
	if (access(self, X_OK) < 0)
		skip(); /* the worker is looked for beside us */
	put(profile,
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13}]}",
		0644);
	plan_with_seccomp(&b, profile);
	plan_shell(&b, "mkdir /x; unshare -U true && echo free");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "Permission denied");
	assert_has(out, "free");
	assert_int_equal(access(compiled, R_OK), 0);
	assert_int_equal(unlink(profile), 0); /* the second time it is not needed */
	plan_with_seccomp(&b, profile);
	plan_shell(&b, "mkdir /x");
	assert_int_equal(output_of(&b, out, sizeof(out)), 1);

	put(profile, "{\"defaultAction\":\"SCMP_ACT_SING\"}", 0644);
	assert_int_equal(unlink(compiled), 0);
	plan_with_seccomp(&b, profile);
	plan_shell(&b, "true");
	expect_failure(&b, 128, "unknown action 'SCMP_ACT_SING'");
}

static void a_terminal_is_the_containers_own(void **state)
{
	auto_buf struct buf b = { 0 };
	struct run run;
	char out[1024];

	(void)state;
	plan_default(&b);
	plan_add(&b, "tty");
	plan_shell(
		&b, "tty; stty size; echo on >/dev/console; echo also >/dev/tty; ls -l /dev/ptmx");
	assert_int_equal(start_with(&b, true, FD_NONE, &run), 0);
	assert_int_equal(rt_console_resize(run.process.console, 40, 120), 0);
	collect(&run, out, sizeof(out));
	assert_int_equal(finish(&run), 0);
	assert_has(out, "/dev/pts/0");
	assert_has(out, "40 120");
	assert_has(out, "on\r\n");
	assert_has(out, "also\r\n");
	assert_has(out, "pts/ptmx");
}

static void exec_joins_a_running_container(void **state)
{
	auto_buf struct buf b = { 0 }, x = { 0 };
	struct run run, session;
	char out[2048];
	int before = open_fds();

	(void)state;
	plan_default(&b);
	plan_shell(&b, "touch /tmp/mark; echo ready; sleep 100");
	start(&b, &run);
	assert_int_equal(read(run.out, out, 6), 6);
	plan_add(&x, "plan", "1");
	plan_process(&x);
	plan_add(&x, "cwd", "/tmp");
	plan_shell(&x,
		"pwd; ls; hostname; echo pid $$; grep -E 'CapBnd|Seccomp:|PPid' /proc/self/status; ps | head -20;"
		"ls -l /proc/self/fd; exit 7");
	assert_int_equal(start_with(&x, false, run.process.pidfd, &session), 0);
	session.in = fd_close(session.in);
	collect(&session, out, sizeof(out));
	assert_int_equal(finish(&session), 7);
	assert_has(out, "/tmp\nmark\nbox\n");
	assert_has(out, "CapBnd:\t00000000a80425fb");
	assert_has(out, "Seccomp:\t2");
	assert_has(out, "sleep 100");
	assert_lacks(out, "dayfly");

	plan_add(&x, "plan", "1");
	plan_process(&x);
	plan_add(&x, "arg", "nonsense");
	assert_true(start_with(&x, false, run.process.pidfd, &session) < 0);
	assert_string_equal(session.err.msg,
		"OCI runtime exec failed: exec failed: unable to start container process: "
		"exec: \"nonsense\": executable file not found in $PATH: unknown");
	assert_int_equal(session.exit_code, 127);

	plan_add(&x, "plan", "1");
	plan_process(&x);
	plan_add(&x, "tty");
	plan_shell(&x, "tty; stty size");
	assert_int_equal(start_with(&x, true, run.process.pidfd, &session), 0);
	collect(&session, out, sizeof(out));
	assert_int_equal(finish(&session), 0);
	assert_has(out, "/dev/pts/0");
	assert_has(out, "40 120");

	assert_int_equal(proc_pidfd_kill(run.process.pidfd, SIGKILL), 0);
	assert_int_equal(finish(&run), 137);
	assert_int_equal(open_fds(), before);
}

static void what_cannot_be_executed_is_told_in_dockers_words(void **state)
{
	static const struct {
		const char *arg, *part;
		int code;
	} cases[] = {
		{ "xyz",
			"runc create failed: unable to start container process: exec: \"xyz\": "
			"executable file not found in $PATH: unknown",
			127 },
		{ "/no/such/cmd",
			"exec: \"/no/such/cmd\": stat /no/such/cmd: no such file or directory",
			127 },
		{ "/etc/passwd", "exec: \"/etc/passwd\": permission denied", 126 },
		{ "/tmp", "exec: \"/tmp\": is a directory: permission denied", 126 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf b = { 0 };

		plan_default(&b);
		plan_add(&b, "arg", cases[i].arg);
		expect_failure(&b, cases[i].code,
			bench.runtime ? "OCI runtime create failed: " : cases[i].part);
	}
}

/* Found, but the kernel cannot run it. */
static void what_the_kernel_refuses_is_told(void **state)
{
	auto_free char *script_file = xasprintf("%s/bin/script", bench.image);
	auto_free char *text_file = xasprintf("%s/bin/text", bench.image);
	auto_buf struct buf b = { 0 };

	(void)state;
	if (bench.runtime)
		return; /* they have said that it runs by then, and so has Docker */
	put(script_file, "#!/no/such/shell\n", 0755);
	put(text_file, "\177ELF, or so it says\n", 0755);
	plan_default(&b);
	plan_add(&b, "arg", "script");
	expect_failure(&b, 127, "exec /bin/script: no such file or directory");
	plan_default(&b);
	plan_add(&b, "arg", "text");
	expect_failure(&b, 126, "exec /bin/text: exec format error");
}

static void what_is_wrong_with_a_request_is_told(void **state)
{
	auto_buf struct buf b = { 0 };

	(void)state;
	plan_default(&b);
	plan_add(&b, "user", "bob");
	plan_shell(&b, "true");
	expect_failure(&b, 128, "unable to find user bob: no matching entries in passwd file");

	plan_default(&b);
	plan_add(&b, "user", "0:nogroup");
	plan_shell(&b, "true");
	expect_failure(&b, 128, "unable to find group nogroup: no matching entries in group file");

	plan_default(&b);
	plan_add(&b, "mount", "bind", "/no/such/source", "/mnt", "rbind");
	plan_shell(&b, "true");
	expect_failure(&b, 128, "bind source path does not exist: /no/such/source");

	plan_default(&b);
	plan_add(&b, "mount", "bind", "/tmp", "/etc/passwd", "rbind");
	plan_shell(&b, "true");
	expect_failure(&b, 127, "Are you trying to mount a directory onto a file");
}

static void binds_are_made_with_their_targets_and_flags(void **state)
{
	auto_free char *host = xasprintf("%s/shared", bench.dirs.data_path);
	auto_free char *file = xasprintf("%s/file", host);
	auto_buf struct buf b = { 0 };
	char out[1024];

	(void)state;
	assert_true(dir_make_at(AT_FDCWD, host, 0755) >= 0);
	put(file, "from the host\n", 0644);
	plan_default(&b);
	plan_add(&b, "mount", "bind", host, "/new/place", "rbind,rprivate");
	plan_add(&b, "mount", "bind", host, "/readonly", "rbind,ro");
	plan_add(&b, "mount", "bind", file, "/etc/made/by/us", "bind,ro");
	plan_add(&b, "mount", "tmpfs", "tmpfs", "/scratch", "size=64k,mode=1777,noexec");
	plan_shell(&b,
		"cat /new/place/file /etc/made/by/us; echo x >/new/place/written; touch /readonly/no;"
		"echo y >/etc/made/by/us; touch /scratch/yes && mount | grep -c 'scratch.*noexec'");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "from the host\nfrom the host\n");
	assert_has(out, "/readonly/no: Read-only file system");
	assert_has(out, "/etc/made/by/us: Read-only file system");
	assert_has(out, "\n1\n");
	assert_int_equal(faccessat(AT_FDCWD, host, F_OK, 0), 0);
}

static void a_read_only_root_stays_as_it_is(void **state)
{
	auto_buf struct buf b = { 0 };
	char out[512];

	(void)state;
	plan_default(&b);
	plan_add(&b, "readonly-root");
	plan_add(&b, "cwd", "/work/here");
	plan_shell(&b, "pwd; touch /x; touch /dev/shm/y && echo fine");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "/work/here\n");
	assert_has(out, "/x: Read-only file system");
	assert_has(out, "fine");
}

/* An image whose links lead out of it: nothing on the host may be touched. */
static void links_of_an_image_do_not_lead_outside(void **state)
{
	auto_free char *evil = xasprintf("%s/evil", bench.dirs.data_path);
	auto_free char *victim = xasprintf("%s/victim", bench.dirs.data_path);
	auto_free char *busybox = xasprintf("%s/bin/busybox", bench.image);
	auto_free char *path = xasprintf("%s/bin", evil), *to = NULL;
	auto_buf struct buf b = { 0 };
	char out[1024];
	struct stat st;

	(void)state;
	assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
	assert_true(dir_make_at(AT_FDCWD, victim, 0755) >= 0);
	to = xasprintf("%s/sh", path);
	assert_int_equal(copy_file(busybox, to), 0);
	assert_int_equal(chdir(evil), 0);
	assert_int_equal(symlink("/", "etc"), 0);
	assert_int_equal(symlink(victim, "dev"), 0);
	assert_int_equal(symlink("../../../../../../../../tmp", "up"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(chdir("/"), 0);
	plan_root(&b, evil);
	plan_mounts(&b);
	plan_namespaces(&b, "private", "private");
	plan_add(&b, "mount", "bind", busybox, "/etc/escaped-by-etc", "bind");
	plan_add(&b, "mount", "bind", busybox, "/up/escaped-by-up", "bind");
	plan_process(&b);
	plan_add(&b, "arg", "/bin/sh");
	plan_add(&b, "arg", "-c");
	plan_add(&b, "arg",
		"echo inside; test -e /escaped-by-etc && echo etc; test -e /tmp/escaped-by-up && echo up");
	if (bench.runtime && str_eq(bench.runtime, "crun")) { /* wants a plain /dev */
		expect_failure(&b, 128, "`/dev/null`");
	} else {
		assert_int_equal(output_of(&b, out, sizeof(out)), 0);
		assert_has(out, "inside\netc\nup\n");
	}
	assert_int_equal(access("/escaped-by-etc", F_OK), -1);
	assert_int_equal(access("/tmp/escaped-by-up", F_OK), -1);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_nlink, 2); /* no folder was made in it */

	plan_root(&b, evil);
	plan_namespaces(&b, "private", "private");
	plan_add(&b, "mount", "bind", busybox, "/loop/x", "bind");
	plan_process(&b);
	plan_add(&b, "arg", "/bin/sh");
	expect_failure(&b, 128, "bind on /loop/x");
}

/* proc on a link would make the masks cover something else. */
static void proc_is_not_mounted_over_a_link(void **state)
{
	auto_free char *evil = xasprintf("%s/evil-proc", bench.dirs.data_path);
	auto_buf struct buf b = { 0 };

	(void)state;
	assert_true(dir_make_at(AT_FDCWD, evil, 0755) >= 0);
	assert_int_equal(chdir(evil), 0);
	assert_int_equal(mkdir("elsewhere", 0755), 0);
	assert_int_equal(symlink("elsewhere", "proc"), 0);
	assert_int_equal(chdir("/"), 0);
	plan_root(&b, evil);
	plan_mounts(&b);
	plan_namespaces(&b, "private", "private");
	plan_process(&b);
	plan_add(&b, "arg", "/bin/sh");
	expect_failure(&b, 127, "at \"/proc\"");
}

static void a_working_directory_is_no_way_to_the_host(void **state)
{
	auto_buf struct buf b = { 0 };

	(void)state;
	for (int fd = 3; fd < 20; fd++) {
		auto_free char *cwd = xasprintf("/proc/self/fd/%d", fd);
		struct run run;

		plan_default(&b);
		plan_add(&b, "cwd", cwd);
		plan_shell(&b, "true");
		assert_true(start_with(&b, false, FD_NONE, &run) < 0);
	}
}

static void host_network_and_host_pids_work(void **state)
{
	auto_buf struct buf b = { 0 };
	char out[1024];

	(void)state;
	if (bench.runtime)
		skip(); /* refused when the container is created */
	plan_root(&b, bench.image);
	plan_mounts(&b);
	plan_namespaces(&b, "host", "host");
	plan_process(&b);
	plan_shell(&b, "echo $$; readlink /proc/self/ns/net; touch /sys/x");
	assert_int_equal(output_of(&b, out, sizeof(out)), 1);
	assert_has(out, "Read-only file system");
	assert_int_not_equal(atoi(out), 1);
}

static void dayfly_init_reaps_and_forwards(void **state)
{
	auto_buf struct buf b = { 0 };
	struct run run;
	char out[1024];

	(void)state;
	plan_default(&b);
	plan_add(&b, "init");
	plan_shell(&b,
		"echo parent $PPID; (sleep 0.1 & echo $! >/tmp/orphan); n=0;"
		"while [ -d /proc/$(cat /tmp/orphan) ]; do n=$((n+1)); [ $n -lt 500 ] || exit 8; sleep 0.02; done;"
		"ps; exit 9");
	assert_int_equal(output_of(&b, out, sizeof(out)), 9);
	assert_has(out, "parent 1\n");
	assert_has(out, "init /bin/sh -- sh");

	plan_default(&b);
	plan_add(&b, "init");
	plan_shell(&b, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
	start(&b, &run);
	assert_int_equal(read(run.out, out, 6), 6);
	assert_int_equal(proc_pidfd_kill(run.process.pidfd, SIGTERM), 0);
	assert_int_equal(finish(&run), 5);

	plan_default(&b);
	plan_add(&b, "init");
	plan_add(&b, "arg", "nothing-like-it");
	expect_failure(&b, 127, "executable file not found in $PATH");
}

static void limits_and_parameters_are_set(void **state)
{
	auto_buf struct buf b = { 0 };
	char out[512];

	(void)state;
	plan_default(&b);
	plan_add(&b, "rlimit", "nofile", "100", "200");
	plan_add(&b, "sysctl", "net.ipv4.ip_default_ttl", "77");
	plan_add(&b, "oom-score-adj", "500");
	plan_shell(&b,
		"ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl /proc/self/oom_score_adj");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_string_equal(out, "100\n200\n77\n500\n");
}

static void an_oom_score_below_the_engines_own_stays_at_that(void **state)
{
	auto_free char *own = xasprintf("%d\n", proc_oom_score_adj());
	auto_buf struct buf b = { 0 };
	char out[64];

	(void)state;
	plan_default(&b);
	plan_add(&b, "oom-score-adj", "-1000");
	plan_shell(&b, "cat /proc/self/oom_score_adj");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_string_equal(out, own);
}

/* The monitor is played by a child of ours, which is killed. */
static void a_container_dies_with_its_monitor(void **state)
{
	int report[2], status;
	pid_t monitor, container = 0;
	bool gone = false;

	(void)state;
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	monitor = fork();
	if (monitor == 0) {
		auto_buf struct buf b = { 0 };
		struct run run;

		plan_default(&b);
		plan_add(&b, "user", bench.single_id ? "0" : "1000");
		plan_shell(&b, "sleep 100");
		if (start_with(&b, false, FD_NONE, &run) < 0) {
			print_error("%s\n", run.err.msg);
			_exit(1);
		}
		(void)!write(report[1], &run.process.pid, sizeof(pid_t));
		(void)pause();
		_exit(0);
	}
	(void)close(report[1]);
	assert_int_equal(read(report[0], &container, sizeof(container)), sizeof(container));
	assert_int_equal(kill(container, 0), 0);
	assert_int_equal(kill(monitor, SIGKILL), 0);
	assert_int_equal(waitpid(monitor, &status, 0), monitor);
	for (int i = 0; i < 200 && !gone; i++) {
		gone = !proc_start_time(container) ||
			!proc_alive(container, proc_start_time(container));
		(void)usleep(10000);
	}
	assert_true(gone);
	(void)close(report[0]);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void starting_is_quick(void **state)
{
	enum { RUNS = 50, RUNS_OTHERS = 5 };
	const int runs = bench.runtime ? RUNS_OTHERS : RUNS;
	int64_t took[RUNS];

	(void)state;
	for (int i = 0; i < runs; i++) {
		auto_buf struct buf b = { 0 };
		struct run run;
		int64_t from;

		plan_default(&b);
		plan_add(&b, "arg", "true");
		from = time_monotonic();
		start(&b, &run);
		took[i] = time_monotonic() - from;
		assert_int_equal(finish(&run), 0);
	}
	qsort(took, (size_t)runs, sizeof(took[0]), by_value);
	print_message("clone to exec: median %.2f ms, minimum %.2f ms\n",
		(double)took[runs / 2] / 1e6, (double)took[0] / 1e6);
	assert_true(took[0] < (bench.runtime ? 2000 : 200) *
			NSEC_PER_MSEC); /* a blunder, such as a timeout; no benchmark */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_are_the_programs_own),
		cmocka_unit_test(a_container_has_namespaces_of_its_own),
		cmocka_unit_test(capabilities_are_dockers),
		cmocka_unit_test(no_signal_is_ignored),
		cmocka_unit_test(a_user_is_found_in_the_image_and_has_no_capabilities),
		cmocka_unit_test(kernel_paths_are_masked_and_read_only),
		cmocka_unit_test(the_host_does_not_show),
		cmocka_unit_test(mounting_is_forbidden),
		cmocka_unit_test(a_profile_of_the_users_is_compiled_once),
		cmocka_unit_test(a_terminal_is_the_containers_own),
		cmocka_unit_test(exec_joins_a_running_container),
		cmocka_unit_test(what_cannot_be_executed_is_told_in_dockers_words),
		cmocka_unit_test(what_the_kernel_refuses_is_told),
		cmocka_unit_test(what_is_wrong_with_a_request_is_told),
		cmocka_unit_test(binds_are_made_with_their_targets_and_flags),
		cmocka_unit_test(a_read_only_root_stays_as_it_is),
		cmocka_unit_test(links_of_an_image_do_not_lead_outside),
		cmocka_unit_test(proc_is_not_mounted_over_a_link),
		cmocka_unit_test(a_working_directory_is_no_way_to_the_host),
		cmocka_unit_test(host_network_and_host_pids_work),
		cmocka_unit_test(dayfly_init_reaps_and_forwards),
		cmocka_unit_test(limits_and_parameters_are_set),
		cmocka_unit_test(an_oom_score_below_the_engines_own_stays_at_that),
		cmocka_unit_test(a_container_dies_with_its_monitor),
		cmocka_unit_test(starting_is_quick),
	};

	bench_arguments(argc, argv);
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
