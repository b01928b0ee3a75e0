/* The default profile, as our generator makes it, against Docker's, built with libseccomp. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <seccomp.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "docker_27_2.h"
#include "runtime/seccomp.h"
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

/* Names of Docker's list that older versions of libseccomp do not know. */
static const struct {
	const char *name;
	uint32_t number;
} young[] = {
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
};

/* ---- the reference: Docker's list, made a filter by libseccomp */

static bool in_group(const struct docker_group *g, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = g->names; (at = strstr(at, name)); at += len)
		if ((at == g->names || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static bool allowed_outright(const char *name, uint64_t caps)
{
	for (size_t i = 0; i < ARRAY_SIZE(docker_27_2); i++) {
		const struct docker_group *g = &docker_27_2[i];

		if ((g->cap < 0 || caps >> g->cap & 1) && in_group(g, name))
			return true;
	}
	return false;
}

static void allow_group(scmp_filter_ctx f, const struct docker_group *g)
{
	auto_strv char **names = strv_split(g->names, ' ');

	for (char **n = names; n && *n; n++) {
		int nr = seccomp_syscall_resolve_name(*n);

		if (nr != __NR_SCMP_ERROR)
			(void)seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	}
}

static void allow_if(scmp_filter_ctx f, const char *name, struct scmp_arg_cmp condition)
{
	int nr = seccomp_syscall_resolve_name(name);

	assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1, condition), 0);
}

static void reference(uint64_t caps, struct seccomp_filter *ret)
{
	static const uint32_t personalities[] = DOCKER_PERSONALITIES;
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	auto_fd int fd = memfd_create("reference", MFD_CLOEXEC);
	size_t len;
	char *text;

	for (size_t i = 1; i < ARRAY_SIZE(machines); i++)
		assert_int_equal(seccomp_arch_add(f, machines[i].token), 0);
	for (size_t i = 0; i < ARRAY_SIZE(docker_27_2); i++)
		if (docker_27_2[i].cap < 0 || caps >> docker_27_2[i].cap & 1)
			allow_group(f, &docker_27_2[i]);
	allow_if(f, "socket", SCMP_A0(SCMP_CMP_NE, DOCKER_SOCKET_NOT, 0));
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		allow_if(f, "personality", SCMP_A0(SCMP_CMP_EQ, personalities[i], 0));
	if (!(caps >> CAP_SYS_ADMIN & 1)) {
		allow_if(f, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, DOCKER_CLONE_NOT, 0));
		assert_int_equal(seccomp_rule_add(f, SCMP_ACT_ERRNO(DOCKER_CLONE3_ERRNO),
					 seccomp_syscall_resolve_name("clone3"), 0),
			0);
	}
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
	for (size_t i = 0; i < ARRAY_SIZE(young); i++)
		if (m->base + young[i].number > last)
			last = m->base + young[i].number;
	return last;
}

/* Calls this libseccomp has no name for are not in the reference. */
static bool too_new(const struct machine *m, uint32_t nr)
{
	char *name = seccomp_syscall_resolve_num_arch(m->token, (int)nr);
	bool unknown = !name;

	free(name);
	for (size_t i = 0; unknown && i < ARRAY_SIZE(young); i++)
		if (m->base + young[i].number == nr)
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

static void every_call_is_decided_as_by_docker(void **state)
{
	(void)state;
	compare(CAPS_DOCKER);
	compare(0);
	compare(~UINT64_C(0));
}

static void every_call_is_decided_as_by_docker_for_each_capability(void **state)
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

static void calls_too_new_for_libseccomp_are_decided_as_by_docker(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(young); i++) {
		assert_true(allowed_outright(young[i].name, 0));
		assert_int_equal(ask(0, machines[0].audit, young[i].number, 0), SECCOMP_RET_ALLOW);
	}
}

static void every_name_of_docker_is_known_somewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(docker_27_2); i++) {
		auto_strv char **names = strv_split(docker_27_2[i].names, ' ');

		for (char **n = names; *n; n++) {
			bool known = seccomp_syscall_resolve_name(*n) != __NR_SCMP_ERROR;

			for (size_t y = 0; y < ARRAY_SIZE(young); y++)
				known = known || str_eq(young[y].name, *n);
			if (!known)
				fail_msg("nobody knows %s", *n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_is_decided_as_by_docker),
		cmocka_unit_test(every_call_is_decided_as_by_docker_for_each_capability),
		cmocka_unit_test(calls_invented_later_do_not_exist),
		cmocka_unit_test(a_foreign_architecture_is_killed),
		cmocka_unit_test(the_upper_half_of_an_argument_decides_nothing),
		cmocka_unit_test(calls_too_new_for_libseccomp_are_decided_as_by_docker),
		cmocka_unit_test(every_name_of_docker_is_known_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
