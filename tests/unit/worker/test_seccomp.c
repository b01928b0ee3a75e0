/* Custom seccomp profiles, from Docker's JSON to what the filter answers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../runtime/simulate.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "worker/seccomp.h"

#if defined(__x86_64__)
#define AUDIT      AUDIT_ARCH_X86_64
#define OUR_ARCH   "SCMP_ARCH_X86_64"
#define OTHER_ARCH "SCMP_ARCH_X86"
#elif defined(__aarch64__)
#define AUDIT      AUDIT_ARCH_AARCH64
#define OUR_ARCH   "SCMP_ARCH_AARCH64"
#define OTHER_ARCH "SCMP_ARCH_ARM"
#endif
#define DENIED(e) (SECCOMP_RET_ERRNO | (e))

static char folder[] = "/tmp/dayfly-seccomp.XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove_at(AT_FDCWD, folder, NULL);
}

struct compiled {
	struct sock_filter *code;
	size_t count;
};

static int compile(const char *json, const char *caps, struct compiled *ret, struct err *err)
{
	char *text;
	size_t len;
	int r;

	assert_int_equal(file_replace_at(AT_FDCWD, "in.json", json, strlen(json), 0600, 0), 0);
	r = worker_seccomp("in.json", "out.bpf", caps, err);
	if (r < 0)
		return r;
	assert_int_equal(file_read_at(AT_FDCWD, "out.bpf", 1 << 20, &text, &len), 0);
	assert_int_equal(len % sizeof(struct sock_filter), 0);
	ret->code = (struct sock_filter *)(void *)text;
	ret->count = len / sizeof(struct sock_filter);
	return 0;
}

static void compile_fine(const char *json, const char *caps, struct compiled *ret)
{
	struct err err = { 0 };

	if (compile(json, caps, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static uint32_t ask(const struct compiled *f, long nr, uint64_t arg0, uint64_t arg1)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = AUDIT, .args = { arg0, arg1 } };

	return simulate(f->code, f->count, &d);
}

static void what_is_named_is_decided_by_its_rule(void **state)
{
	struct compiled f;

	(void)state;
	compile_fine(
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		"{\"names\":[\"mkdir\",\"mkdirat\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\"},"
		"{\"name\":\"chdir\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13},"
		"{\"names\":[\"fchdir\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		"0", &f);
	assert_int_equal(ask(&f, SYS_mkdirat, 0, 0), DENIED(EPERM));
	assert_int_equal(ask(&f, SYS_chdir, 0, 0), DENIED(EACCES));
	assert_int_equal(ask(&f, SYS_fchdir, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, 1000, 0, 0), SECCOMP_RET_ALLOW);
	free(f.code);
}

static void what_applies_is_written_down_for_others(void **state)
{
	auto_free char *rules = NULL;
	struct compiled f;

	(void)state;
	compile_fine(
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
		"\"syscalls\":[{\"name\":\"chdir\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":1,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_NE\"}]},"
		"{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":9},"
		"{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":"
		"[\"CAP_SYS_ADMIN\"]}}]}",
		"0", &f);
	assert_int_equal(file_read_at(AT_FDCWD, "out.json", 1 << 20, &rules, NULL), 0);
	assert_string_equal(rules,
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
		"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":["
		"{\"names\":[\"chdir\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,"
		"\"value\":18446744073709551615,\"valueTwo\":0,\"op\":\"SCMP_CMP_NE\"}]},"
		"{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":9,"
		"\"args\":[]}]}");
	free(f.code);
}

static void arguments_are_compared(void **state)
{
	struct compiled f;

	(void)state;
	compile_fine("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		     "{\"names\":[\"dup3\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		     "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_EQ\"},"
		     "{\"index\":1,\"value\":12,\"valueTwo\":8,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
		     "{\"names\":[\"fsync\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		     "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		     "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"0", &f);
	assert_int_equal(ask(&f, SYS_dup3, 5, 8), DENIED(EPERM));
	assert_int_equal(ask(&f, SYS_dup3, 5, 12), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_dup3, 4, 8), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_fsync, 1, 0), DENIED(EPERM)); /* one argument twice: either */
	assert_int_equal(ask(&f, SYS_fsync, 2, 0), DENIED(EPERM));
	assert_int_equal(ask(&f, SYS_fsync, 3, 0), SECCOMP_RET_ALLOW);
	free(f.code);
}

static const char conditional[] =
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"" OUR_ARCH
	"\",\"subArchitectures\":[\"" OTHER_ARCH "\"]}],\"syscalls\":["
	"{\"names\":[\"read\",\"statx\"],\"action\":\"SCMP_ACT_ALLOW\"},"
	"{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
	"{\"names\":[\"fsync\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
	"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},"
	"{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.1\"}},"
	"{\"names\":[\"dup\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390x\"]}}]}";

static void conditions_are_the_containers_and_the_machines(void **state)
{
	struct compiled f;

	(void)state;
	compile_fine(conditional, "a80425fb", &f);
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_sync, 0, 0), DENIED(EPERM));
	assert_int_equal(ask(&f, SYS_fsync, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_write, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_close, 0, 0), DENIED(EPERM));
	assert_int_equal(ask(&f, SYS_dup, 0, 0), DENIED(EPERM));
	free(f.code);
	compile_fine(conditional, "1ffffffffff", &f);
	assert_int_equal(ask(&f, SYS_sync, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_fsync, 0, 0), DENIED(EPERM));
	free(f.code);
}

static void a_strict_profile_does_not_know_later_calls(void **state)
{
	struct compiled f;

	(void)state;
	compile_fine(conditional, "0", &f);
	assert_int_equal(ask(&f, SYS_statx + 1, 0, 0), DENIED(ENOSYS));
	assert_int_equal(ask(&f, SYS_statx - 1, 0, 0), DENIED(EPERM));
	free(f.code);
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_DANCE\"}",
		"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_PDP11\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"read\",\"names\":[\"write\"],"
		"\"action\":\"SCMP_ACT_LOG\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"read\","
		"\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"read\","
		"\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":1,\"op\":\"SCMP_CMP_IN\"}]}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct compiled f;
		struct err err = { 0 };

		if (compile(bad[i], "0", &f, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_true(err.msg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_named_is_decided_by_its_rule),
		cmocka_unit_test(what_applies_is_written_down_for_others),
		cmocka_unit_test(arguments_are_compared),
		cmocka_unit_test(conditions_are_the_containers_and_the_machines),
		cmocka_unit_test(a_strict_profile_does_not_know_later_calls),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
