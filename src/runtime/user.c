/* runtime/user.c - who the program is and what it may do. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "runtime/enter.h"

/* As the runtime does: HOME from passwd unless the environment brings one. */
static void env_complete(struct enter *e)
{
	size_t n = 0;

	plan_foreach (it, e->plan, "env")
		strv_add_sized(&e->env, &n, it->words[0]);
	for (char **v = e->env; v && *v; v++)
		if (str_starts(*v, "HOME=") && (*v)[5])
			return;
	strv_add_take(&e->env, xasprintf("HOME=%s", e->who.home));
}

int user_resolve(struct enter *e, struct err *err)
{
	auto_free const char **extra = plan_words(e->plan, "group");
	auto_free char *passwd = path_read_in_root(e->root, "/etc/passwd", PASSWD_MAX);
	auto_free char *group = path_read_in_root(e->root, "/etc/group", PASSWD_MAX);
	int r;

	r = identity_resolve(plan_get(e->plan, "user", ""), extra, passwd, group, &e->who, err);
	if (r < 0) {
		e->blame = BLAME_REQUEST;
		e->exit_code = 0; /* the caller's usual one */
		return r;
	}
	env_complete(e);
	return 0;
}

/* A single-id map allows no setgroups at all: there the image's memberships are left out, and only a
 * group somebody asked for is worth a failure. */
static int groups_set(struct enter *e)
{
	if (plan_has(e->plan, "keep-groups"))
		return 0;
	if (setgroups(e->who.group_count, e->who.groups) == 0)
		return 0;
	return errno == EPERM && !plan_has(e->plan, "group") ? 0 : -errno;
}

static int caps_set(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .permitted = (uint32_t)permitted, .effective = (uint32_t)effective },
		{ .permitted = (uint32_t)(permitted >> 32),
			.effective = (uint32_t)(effective >> 32) },
	};

	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static int caps_get(uint64_t *permitted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* What the program will have: root the plan's set; everybody else nothing, so that they can gain, by a
 * set-user-ID program, only what is left in the bounding set. */
static uint64_t caps_final(const struct enter *e)
{
	return e->who.uid == 0 ? e->caps : 0;
}

/* Loading the seccomp filter still takes CAP_SYS_ADMIN; files are judged as the user will see them. */
static int caps_between(const struct enter *e)
{
	uint64_t have = 0;
	int r = caps_get(&have);

	if (r < 0)
		return r;
	return caps_set(have, have & (caps_final(e) | UINT64_C(1) << CAP_SYS_ADMIN));
}

/* The permitted capabilities survive the change; caps_shrink() takes them away. */
int user_switch(struct enter *e, struct err *err)
{
	int r;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return rt_sys(err, errno, "keep capabilities");
	if (setresgid(e->who.gid, e->who.gid, e->who.gid) < 0)
		return enter_fail(e, err, BLAME_REQUEST, 128, errno,
			"group %u is not mapped in this user namespace; see /etc/subgid",
			e->who.gid);
	r = groups_set(e);
	if (r < 0)
		return enter_fail(e, err, BLAME_REQUEST, 128, -r,
			"a supplementary group of the user is not mapped in this user namespace");
	if (setresuid(e->who.uid, e->who.uid, e->who.uid) < 0)
		return enter_fail(e, err, BLAME_REQUEST, 128, errno,
			"user %u is not mapped in this user namespace; see /etc/subuid",
			e->who.uid);
	r = caps_between(e);
	return r < 0 ? rt_sys(err, r, "lay capabilities down") : 0;
}

int caps_bound(struct enter *e, struct err *err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (e->caps >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* beyond the last one this kernel has */
			return 0;
		return rt_sys(err, errno, "drop capability %d", cap);
	}
	return 0;
}

int caps_shrink(struct enter *e, struct err *err)
{
	uint64_t have = 0;
	int r;

	r = caps_get(&have);
	if (r == 0)
		r = caps_set(have & caps_final(e), have & caps_final(e));
	return r < 0 ? rt_sys(err, r, "set capabilities") : 0;
}
