/* runtime/host.c - names, the loopback interface, kernel parameters, keys and limits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/enter.h"

/* A volume of the image's may lie there instead, with a FIFO for whose reader we would wait. */
static int write_in_root(struct enter *e, const char *path, const char *value)
{
	auto_fd int fd = path_open_in_root(e->root, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? fd : fd_write_all(fd, value, strlen(value));
}

int sysctls_write(struct enter *e, struct err *err)
{
	plan_foreach (it, e->plan, "sysctl") {
		auto_free char *path = xasprintf("/proc/sys/%s", it->words[0]);
		int r;

		for (char *p = path + strlen("/proc/sys/"); *p; p++)
			*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
		r = write_in_root(e, path, it->words[1]);
		if (r < 0)
			return rt_sys(err, r, "set %s to %s", it->words[0], it->words[1]);
	}
	return 0;
}

int names_set(struct enter *e, struct err *err)
{
	const char *host = plan_get(e->plan, "hostname", NULL);
	const char *domain = plan_get(e->plan, "domainname", NULL);

	if (!e->private_ns[NS_UTS])
		return 0;
	if (host && sethostname(host, strlen(host)) < 0)
		return rt_sys(err, errno, "set the host name to %s", host);
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return rt_sys(err, errno, "set the domain name to %s", domain);
	return 0;
}

int loopback_up(struct enter *e, struct err *err)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	auto_fd int fd = FD_NONE;

	if (!e->private_ns[NS_NET] || e->joined[NS_NET] >= 0)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		return rt_sys(err, errno, "bring lo up");
	return 0;
}

/* A score below the engine's own would take a privilege on the host. It stays then, as in Docker's
 * rootless mode; the reply to create has warned. */
int oom_score_set(struct enter *e, struct err *err)
{
	const char *value = plan_get(e->plan, "oom-score-adj", NULL);
	auto_fd int fd = FD_NONE;
	int64_t score;
	int r;

	if (!value)
		return 0;
	if (str_to_i64(value, &score) < 0)
		return err_set(err, ERR_SYSTEM, EBADMSG, "the plan's oom-score-adj is no number");
	if (score < proc_oom_score_adj())
		return 0;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : fd_write_all(fd, value, strlen(value));
	return r < 0 ? rt_sys(err, r, "set it to %s", value) : 0;
}

/* Who has a session keyring has the keys in it, and the monitor's is the user's: tickets, what opens encrypted
 * folders. A new one is empty. Each counts against the user's keys, of which there are 200 as a rule; where no
 * more are to be had, the default profile's forbidding all calls that use keys has to do. */
int keyring_leave(struct enter *e, struct err *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
		return 0;
	if (errno == ENOSYS || errno == EPERM) /* by a filter around us: then inside, too */
		return 0;
	if (errno != EDQUOT)
		return rt_sys(err, errno, "make a new one");
	if (str_eq(plan_get(e->plan, "seccomp", "default"), "default"))
		return 0;
	return enter_fail(e, err, BLAME_REQUEST, 0, EDQUOT,
		"no session keyring can be made for the container: the user has too many keys (see sysctl "
		"kernel.keys.maxkeys)");
}

/* clang-format off */
static const struct { const char *name; int resource; } limits[] = {
	{ "as", RLIMIT_AS }, { "core", RLIMIT_CORE }, { "cpu", RLIMIT_CPU }, { "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE }, { "locks", RLIMIT_LOCKS }, { "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE }, { "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC }, { "rss", RLIMIT_RSS }, { "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME }, { "sigpending", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK },
};
/* clang-format on */

static int limit_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (str_eq(limits[i].name, name))
			return limits[i].resource;
	return -1;
}

int limit_value(const char *text, rlim_t *ret)
{
	uint64_t n;

	if (str_eq(text, "-1") || str_eq(text, "unlimited")) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	if (str_to_u64(text, &n) < 0)
		return -EINVAL;
	*ret = n;
	return 0;
}

int limits_set(struct enter *e, struct err *err)
{
	plan_foreach (it, e->plan, "rlimit") {
		int resource = limit_find(it->words[0]);
		struct rlimit limit;

		if (resource < 0 || limit_value(it->words[1], &limit.rlim_cur) < 0 ||
			limit_value(it->words[2], &limit.rlim_max) < 0)
			return enter_fail(e, err, BLAME_REQUEST, 128, EINVAL,
				"invalid ulimit %s=%s:%s", it->words[0], it->words[1],
				it->words[2]);
		if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
			return enter_fail(e, err, BLAME_RUNTIME, 128, errno,
				"error setting rlimit %s to %s:%s: %s", it->words[0], it->words[1],
				it->words[2],
				errno == EPERM ? "it is above what this user may have"
					       : strerror(errno));
	}
	return 0;
}
