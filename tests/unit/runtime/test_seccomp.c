/* The default profile, as our generator makes it, against the same profile built with libseccomp. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <seccomp.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_profile.h"
#include "simulate.h"

#define CAPS_DOCKER UINT64_C(0xa80425fb)
#define CALLS       1024
#define X32_BIT     0x40000000u

struct machine {
	uint32_t token, audit, base;
};

static const struct machine machines[] = {
#if defined(__x86_64__)
	{ SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0 },
	{ SCMP_ARCH_X32, AUDIT_ARCH_X86_64, X32_BIT },
	{ SCMP_ARCH_X86, AUDIT_ARCH_I386, 0 },
#elif defined(__aarch64__)
	{ SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0 },
	{ SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0 },
#endif
};

/* ---- the reference */

static void allow(scmp_filter_ctx f, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr != __NR_SCMP_ERROR)
		(void)seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
}

static bool in_group(const struct profile_group *g, const char *name)
{
	for (const char *const *n = g->names; *n; n++)
		if (str_eq(*n, name))
			return true;
	return false;
}

static bool allowed_outright(const char *name, uint64_t caps)
{
	for (size_t i = 0; i < ARRAY_SIZE(profile_groups); i++) {
		const struct profile_group *g = &profile_groups[i];

		if ((g->cap < 0 || caps >> g->cap & 1) && in_group(g, name))
			return true;
	}
	return false;
}

static void add_special(scmp_filter_ctx f, const struct profile_special *s)
{
	static const uint32_t personalities[] = PERSONALITIES;
	int nr = seccomp_syscall_resolve_name(s->name);

	switch (s->rule) {
	case RULE_SOCKET:
		assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
					 SCMP_A0(SCMP_CMP_NE, AF_VSOCK, 0)),
			0);
		break;
	case RULE_PERSONALITY:
		for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
			assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
						 SCMP_A0(SCMP_CMP_EQ, personalities[i], 0)),
				0);
		break;
	case RULE_CLONE:
		assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0)),
			0);
		break;
	case RULE_ENOSYS:
		assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), nr, 0), 0);
		break;
	default: fail();
	}
}

static void reference(uint64_t caps, struct seccomp_filter *ret)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	auto_fd int fd = memfd_create("reference", MFD_CLOEXEC);
	size_t len;
	char *text;

	for (size_t i = 1; i < ARRAY_SIZE(machines); i++)
		assert_int_equal(seccomp_arch_add(f, machines[i].token), 0);
	for (size_t i = 0; i < ARRAY_SIZE(profile_groups); i++)
		if (profile_groups[i].cap < 0 || caps >> profile_groups[i].cap & 1)
			for (const char *const *n = profile_groups[i].names; *n; n++)
				allow(f, *n);
	for (size_t i = 0; i < ARRAY_SIZE(profile_specials); i++)
		if (!allowed_outright(profile_specials[i].name, caps))
			add_special(f, &profile_specials[i]);
	assert_int_equal(seccomp_export_bpf(f, fd), 0);
	seccomp_release(f);
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_int_equal(fd_read_text(fd, 1 << 20, &text, &len), 0);
	ret->code = (struct sock_filter *)(void *)text;
	ret->count = len / sizeof(struct sock_filter);
}

/* ---- comparing */

/* The highest number of the profile on a machine; above it we say ENOSYS on purpose. */
static uint32_t last_number(const struct machine *m)
{
	uint32_t last = 0;

	for (uint32_t n = m->base; n < m->base + CALLS; n++) {
		char *name = seccomp_syscall_resolve_num_arch(m->token, (int)n);
		bool known = name && allowed_outright(name, ~UINT64_C(0));

		free(name);
		if (known)
			last = n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(profile_numbers); i++)
		if (m->base + profile_numbers[i].number > last)
			last = m->base + profile_numbers[i].number;
	return last;
}

/* Calls this libseccomp has no name for are not in the reference. */
static bool too_new(const struct machine *m, uint32_t nr)
{
	char *name = seccomp_syscall_resolve_num_arch(m->token, (int)nr);
	bool unknown = !name;

	free(name);
	for (size_t i = 0; unknown && i < ARRAY_SIZE(profile_numbers); i++)
		if (m->base + profile_numbers[i].number == nr)
			return true;
	return false;
}

static void compare(uint64_t caps)
{
	static const uint32_t args[] = { 0, 1, 8, 40, 0x11, 0x20000, 0x20008, 0xffffffff,
		0x10000000, 0x7e020000, 0x02000000, 0x00020000, 0x40000000, 0x003d0f00 };
	struct seccomp_filter ours = { 0 }, theirs = { 0 };

	seccomp_filter_default(caps, &ours);
	reference(caps, &theirs);
	assert_true(ours.count > 100 && ours.count < BPF_MAXINSNS);
	for (size_t m = 0; m < ARRAY_SIZE(machines); m++) {
		uint32_t base = machines[m].base, last = last_number(&machines[m]);

		for (uint32_t nr = base; nr <= last; nr++) {
			if (too_new(&machines[m], nr))
				continue;
			for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
				struct seccomp_data d = { .nr = (int)nr,
					.arch = machines[m].audit,
					.args = { args[i] } };
				uint32_t a = simulate(ours.code, ours.count, &d);
				uint32_t b = simulate(theirs.code, theirs.count, &d);

				if (a != b)
					fail_msg(
						"caps %llx audit %x call %u arg %x: %x, libseccomp %x",
						(unsigned long long)caps, machines[m].audit, nr,
						args[i], a, b);
			}
		}
	}
	seccomp_filter_clear(&ours);
	seccomp_filter_clear(&theirs);
}

/* ---- the sentences */

static void our_filter_decides_like_libseccomp(void **state)
{
	(void)state;
	compare(CAPS_DOCKER);
	compare(0);
	compare(~UINT64_C(0));
}

static void our_filter_decides_like_libseccomp_for_each_capability(void **state)
{
	(void)state;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		compare(UINT64_C(1) << cap);
}

static uint32_t ask(uint64_t caps, uint32_t audit, uint32_t nr, uint64_t arg)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = audit, .args = { arg } };
	struct seccomp_filter f = { 0 };
	uint32_t r;

	seccomp_filter_default(caps, &f);
	r = simulate(f.code, f.count, &d);
	seccomp_filter_clear(&f);
	return r;
}

static void calls_invented_later_do_not_exist(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(machines); m++)
		for (uint32_t nr = last_number(&machines[m]) + 1; nr < machines[m].base + CALLS;
			nr++)
			assert_int_equal(ask(CAPS_DOCKER, machines[m].audit, nr, 0),
				SECCOMP_RET_ERRNO | ENOSYS);
}

static void a_foreign_architecture_is_killed(void **state)
{
	(void)state;
	assert_int_equal(ask(CAPS_DOCKER, AUDIT_ARCH_S390X, 1, 0), SECCOMP_RET_KILL_THREAD);
}

/* The kernel cuts these arguments to 32 bits; garbage above must not open the door. */
static void the_upper_half_of_an_argument_decides_nothing(void **state)
{
	const uint32_t socket_nr = (uint32_t)seccomp_syscall_resolve_name("socket");
	const uint32_t clone_nr = (uint32_t)seccomp_syscall_resolve_name("clone");

	(void)state;
	assert_int_equal(ask(0, machines[0].audit, socket_nr, UINT64_C(0x100000000) | AF_VSOCK),
		SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(ask(0, machines[0].audit, clone_nr, UINT64_C(0x100000000) | 0x10000000),
		SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(
		ask(0, machines[0].audit, clone_nr, 0x3d0f00), SECCOMP_RET_ALLOW); /* a thread */
}

static void new_calls_of_the_profile_are_allowed(void **state)
{
	(void)state;
	assert_int_equal(ask(0, machines[0].audit, 452, 0), SECCOMP_RET_ALLOW); /* fchmodat2 */
	assert_int_equal(ask(0, machines[0].audit, 454, 0), SECCOMP_RET_ALLOW); /* futex_wake */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_filter_decides_like_libseccomp),
		cmocka_unit_test(our_filter_decides_like_libseccomp_for_each_capability),
		cmocka_unit_test(calls_invented_later_do_not_exist),
		cmocka_unit_test(a_foreign_architecture_is_killed),
		cmocka_unit_test(the_upper_half_of_an_argument_decides_nothing),
		cmocka_unit_test(new_calls_of_the_profile_are_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
