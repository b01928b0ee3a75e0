/* runtime/seccomp_profile.h - what a container may call under "seccomp default".
 *
 * The same calls under the same conditions as the default profile of Docker 27.2, so that a program
 * that runs there runs here; how it is told differs. Read at build time by tools/mkseccomp.c, which
 * turns names into the numbers of each architecture; names an architecture does not have are skipped
 * there. The unit test has Docker's list too and compares call by call. */
#pragma once

#include <linux/capability.h>
#include <stdint.h>

#include "runtime/seccomp_rules.h"

struct profile_group {
	int cap; /* allowed to who holds it; -1: to everybody */
	const char *const *names;
};

/* Calls that depend on an argument, or fail in a way of their own. */
struct profile_special {
	const char *name;
	enum seccomp_rule rule; /* without one of the capabilities below */
};

/* Calls younger than the libseccomp this may be built with. Since Linux 5.1 a new call has one number
 * everywhere (x32: plus its bit). */
struct profile_number {
	const char *name;
	uint32_t number;
};

/* clang-format off */
static const char *const profile_always[] = {
	/* files and folders by path */
	"access", "chdir", "chmod", "chown", "chown32", "creat", "faccessat", "faccessat2", "fchmodat",
	"fchmodat2", "fchownat", "fstatat64", "futimesat", "lchown", "lchown32", "link", "linkat", "lstat",
	"lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat", "open",
	"openat", "openat2", "readlink", "readlinkat", "rename", "renameat", "renameat2", "rmdir", "stat",
	"stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "truncate", "truncate64", "unlink",
	"unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "getcwd", "umask",
	/* descriptors */
	"_llseek", "arm_fadvise64_64", "arm_sync_file_range", "cachestat", "close", "close_range",
	"copy_file_range", "dup", "dup2", "dup3", "fadvise64", "fadvise64_64", "fallocate", "fchdir",
	"fchmod", "fchown", "fchown32", "fcntl", "fcntl64", "fdatasync", "flock", "fstat", "fstat64",
	"fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getdents", "getdents64", "ioctl",
	"lseek", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readv", "sendfile", "sendfile64", "splice", "sync", "sync_file_range",
	"sync_file_range2", "syncfs", "tee", "vmsplice", "write", "writev",
	/* extended attributes */
	"fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "getxattr", "lgetxattr", "listxattr",
	"llistxattr", "lremovexattr", "lsetxattr", "removexattr", "setxattr",
	/* waiting for and watching files */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "fanotify_mark",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "poll", "ppoll",
	"ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4", "io_cancel",
	"io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit",
	/* memory */
	"brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore",
	"mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "msync", "munlock",
	"munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_mrelease",
	"remap_file_pages",
	/* processes and threads */
	"arch_prctl", "breakpoint", "cacheflush", "execve", "execveat", "exit", "exit_group", "fork",
	"futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list",
	"get_thread_area", "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
	"getrlimit", "getrusage", "getsid", "gettid", "ioprio_get", "ioprio_set", "kill", "modify_ldt",
	"pause", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_vm_readv",
	"process_vm_writev", "ptrace", "restart_syscall", "riscv_flush_icache", "rseq",
	"s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list",
	"set_thread_area", "set_tid_address", "set_tls", "setpgid", "setpriority", "setrlimit", "setsid",
	"swapcontext", "sysinfo", "tgkill", "times", "tkill", "ugetrlimit", "uname", "vfork",
	"wait4", "waitid", "waitpid",
	/* signals */
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaltstack",
	"sigprocmask", "sigreturn",
	/* identities, and laying down rights */
	"capget", "capset", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getresgid", "getresgid32", "getresuid", "getresuid32", "getuid",
	"getuid32", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
	"setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups",
	"setgroups32", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32",
	"setreuid", "setreuid32", "setuid", "setuid32",
	/* time */
	"adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
	"clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer",
	"gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
	"timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
	/* sockets */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv",
	"recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown", "socketcall", "socketpair",
	/* System V and POSIX messages, semaphores, shared memory; random numbers */
	"getrandom", "ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget",
	"msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "shmat",
	"shmctl", "shmdt", "shmget",
	NULL
};

static const char *const profile_sys_admin[] = {
	"bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
	"lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open",
	"quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog",
	"umount", "umount2", "unshare", NULL
};
static const char *const profile_dac_read_search[] = { "open_by_handle_at", NULL };
static const char *const profile_sys_boot[] = { "reboot", NULL };
static const char *const profile_sys_chroot[] = { "chroot", NULL };
static const char *const profile_sys_module[] = {
	"delete_module", "finit_module", "init_module", NULL
};
static const char *const profile_sys_pacct[] = { "acct", NULL };
static const char *const profile_sys_ptrace[] = {
	"kcmp", "pidfd_getfd", "process_madvise", NULL
};
static const char *const profile_sys_rawio[] = { "ioperm", "iopl", NULL };
static const char *const profile_sys_time[] = {
	"clock_settime", "clock_settime64", "settimeofday", "stime", NULL
};
static const char *const profile_sys_tty_config[] = { "vhangup", NULL };
static const char *const profile_sys_nice[] = {
	"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node", NULL
};
static const char *const profile_syslog[] = { "syslog", NULL };
static const char *const profile_bpf[] = { "bpf", NULL };
static const char *const profile_perfmon[] = { "perf_event_open", NULL };

static const struct profile_group profile_groups[] = {
	{ -1, profile_always },
	{ CAP_SYS_ADMIN, profile_sys_admin },
	{ CAP_DAC_READ_SEARCH, profile_dac_read_search },
	{ CAP_SYS_BOOT, profile_sys_boot },
	{ CAP_SYS_CHROOT, profile_sys_chroot },
	{ CAP_SYS_MODULE, profile_sys_module },
	{ CAP_SYS_PACCT, profile_sys_pacct },
	{ CAP_SYS_PTRACE, profile_sys_ptrace },
	{ CAP_SYS_RAWIO, profile_sys_rawio },
	{ CAP_SYS_TIME, profile_sys_time },
	{ CAP_SYS_TTY_CONFIG, profile_sys_tty_config },
	{ CAP_SYS_NICE, profile_sys_nice },
	{ CAP_SYSLOG, profile_syslog },
	{ CAP_BPF, profile_bpf },
	{ CAP_PERFMON, profile_perfmon },
};

static const struct profile_special profile_specials[] = {
	{ "socket", RULE_SOCKET },
	{ "personality", RULE_PERSONALITY },
	{ "clone", RULE_CLONE },
	{ "clone3", RULE_ENOSYS }, /* its flags lie in memory no filter can read; libc falls back to clone */
};

static const struct profile_number profile_numbers[] = {
	{ "cachestat", 451 }, { "fchmodat2", 452 }, { "map_shadow_stack", 453 }, { "futex_wake", 454 },
	{ "futex_wait", 455 }, { "futex_requeue", 456 },
};
/* clang-format on */
