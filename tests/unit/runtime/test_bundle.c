#include "../../asserts.h"
#include "../unit.h"

#include <linux/capability.h>
#include <sys/mount.h>

#include "base/alloc.h"
#include "runtime/bundle.h"

#define BIT(n) (UINT64_C(1) << (n))

/* What a test changes before it asks for the text. */
struct made {
	struct buf plan;
	struct rt_io io;
	struct enter e;
	struct err err;
};

static void made_begin(struct made *m)
{
	*m = (struct made){ .e = { .propagation = MS_PRIVATE } };
	plan_add(&m->plan, "plan", "1");
	plan_add(&m->plan, "runtime", "crun", "/usr/bin/crun");
	plan_add(&m->plan, "rlimit", "nofile", "100", "-1");
	plan_add(&m->plan, "arg", "sh");
	plan_add(&m->plan, "arg", "say \"so\"");
}

/* Owned; NULL if it was refused. */
static char *text_of(struct made *m)
{
	auto_plan struct plan plan = { 0 };
	auto_buf struct buf out = { 0 };
	size_t len = m->plan.len;
	int r;

	assert_int_equal(plan_parse(buf_steal(&m->plan), len, &plan, &m->err), 0);
	m->e.plan = &plan;
	m->e.io = &m->io;
	r = bundle_config(&m->e, &out, &m->err);
	m->e.plan = NULL;
	return r < 0 ? NULL : buf_steal(&out);
}

static void a_plan_becomes_a_configuration(void **unused)
{
	auto_free char *text = NULL;
	auto_strv char **env = NULL;
	struct made m;

	(void)unused;
	made_begin(&m);
	strv_add(&env, "PATH=/bin");
	strv_add(&env, "HOME=/");
	plan_add(&m.plan, "seccomp", "unconfined");
	plan_add(&m.plan, "mount", "tmpfs", "tmpfs", "/tmp", "size=1k");
	plan_add(&m.plan, "mount", "proc", "proc", "/proc", "nosuid,nodev,noexec");
	plan_add(&m.plan, "mask", "/proc/keys");
	plan_add(&m.plan, "readonly", "/proc/sys");
	plan_add(&m.plan, "annotation", "a.key", "a value");
	plan_add(&m.plan, "cwd", "/here");
	m.e.env = env;
	m.e.caps = BIT(CAP_CHOWN) | BIT(CAP_BPF);
	text = text_of(&m);
	assert_string_equal(text,
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,"
		"\"user\":{\"uid\":0,\"gid\":0,\"umask\":18},\"args\":[\"sh\",\"say \\\"so\\\"\"],"
		"\"env\":[\"PATH=/bin\",\"HOME=/\"],\"cwd\":\"/here\",\"capabilities\":{"
		"\"bounding\":[\"CAP_CHOWN\",\"CAP_BPF\"],\"effective\":[\"CAP_CHOWN\",\"CAP_BPF\"],"
		"\"permitted\":[\"CAP_CHOWN\",\"CAP_BPF\"],\"inheritable\":[],\"ambient\":[]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,"
		"\"hard\":18446744073709551615}],\"noNewPrivileges\":false},"
		"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
		"\"options\":[\"nosuid\",\"nodev\",\"noexec\"]}],"
		"\"root\":{\"path\":\"rootfs\",\"readonly\":false},"
		"\"annotations\":{\"a.key\":\"a value\"},\"linux\":{"
		"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}],"
		"\"maskedPaths\":[\"/proc/keys\"],\"readonlyPaths\":[\"/proc/sys\"],"
		"\"rootfsPropagation\":\"rprivate\"}}");
}

static void users_other_than_root_have_no_capabilities_but_a_bound(void **unused)
{
	gid_t groups[] = { 5, 7 };
	auto_free char *text = NULL;
	struct made m;

	(void)unused;
	made_begin(&m);
	plan_add(&m.plan, "no-new-privs");
	plan_add(&m.plan, "readonly-root");
	plan_add(&m.plan, "group", "5");
	m.e.caps = BIT(CAP_KILL);
	m.e.who = (struct identity){ .uid = 10, .gid = 11, .groups = groups, .group_count = 2 };
	text = text_of(&m);
	assert_has(text, "\"uid\":10,\"gid\":11,\"umask\":18,\"additionalGids\":[5,7]");
	assert_has(text, "\"bounding\":[\"CAP_KILL\"],\"effective\":[],\"permitted\":[]");
	assert_has(text, "\"noNewPrivileges\":true");
	assert_has(text, "\"readonly\":true");
	assert_has(
		text, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,");
}

static void a_terminal_has_the_clients_size(void **unused)
{
	auto_free char *text = NULL, *first = NULL;
	struct made m;

	(void)unused;
	made_begin(&m);
	m.io = (struct rt_io){ .tty = true, .height = 20, .width = 70 };
	text = text_of(&m);
	assert_has(text, "\"terminal\":true,\"consoleSize\":{\"height\":20,\"width\":70}");
	made_begin(&m);
	plan_add(&m.plan, "console-size", "5", "6");
	m.io.tty = true;
	first = text_of(&m);
	assert_has(first, "\"consoleSize\":{\"height\":5,\"width\":6}");
}

static void init_is_told_where_the_program_is(void **unused)
{
	char program[] = "/bin/sh";
	auto_free char *text = NULL;
	struct made m;

	(void)unused;
	made_begin(&m);
	plan_add(&m.plan, "init");
	m.e.program = program;
	text = text_of(&m);
	assert_has(text, "\"args\":[\"/dev/init\",\"/bin/sh\",\"--\",\"sh\",\"say ");
}

static void what_lies_on_proc_is_mounted_by_the_runtime(void **unused)
{
	auto_free char *text = NULL, *none = NULL;
	struct made m;

	(void)unused;
	made_begin(&m);
	m.e.propagation = MS_SLAVE;
	plan_add(&m.plan, "mount", "bind", "/a", "/proc/uptime", "rbind,ro-top,rprivate");
	plan_add(&m.plan, "mount", "bind", "/b", "/process", "rbind,rslave");
	text = text_of(&m);
	assert_has(text,
		"\"mounts\":[{\"destination\":\"/proc/uptime\",\"type\":\"bind\",\"source\":\"/a\","
		"\"options\":[\"rbind\",\"ro\",\"rprivate\"]}]");
	assert_has(text, "\"rootfsPropagation\":\"rslave\"");
	made_begin(&m);
	plan_add(&m.plan, "mount", "part", "/v//x", "/proc/x", "rbind");
	none = text_of(&m);
	assert_null(none);
	assert_has(m.err.msg, "/proc/x");
}

/* Each rule's own test is that of the filter (test_seccomp.c); here they are chosen. */
static void the_default_profile_depends_on_capabilities(void **unused)
{
	auto_buf struct buf plain = { 0 }, admin = { 0 };

	(void)unused;
	bundle_seccomp(0, &plain);
	bundle_seccomp(BIT(CAP_SYS_ADMIN), &admin);
	assert_has(plain.data, "\"openat\"");
	assert_lacks(plain.data, "\"unshare\"");
	assert_has(plain.data,
		"{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		"\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}");
	assert_has(plain.data,
		"{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}");
	assert_has(plain.data, "\"value\":40,\"valueTwo\":0,\"op\":\"SCMP_CMP_NE\"");
	assert_has(plain.data, "\"value\":4294967295,\"valueTwo\":0,\"op\":\"SCMP_CMP_EQ\"");
	assert_has(admin.data, "\"unshare\"");
	assert_lacks(admin.data, "SCMP_CMP_MASKED_EQ");
	assert_lacks(admin.data, "\"errnoRet\":38");
}

static void the_last_complaint_is_taken_from_the_log(void **unused)
{
	static const struct {
		const char *log, *said;
	} cases[] = {
		{ "", "" },
		{ "no JSON at all", "" },
		{ "{\"msg\":", "" },
		{ "{\"msg\":17}", "" },
		{ "{\"msg\":\"cut", "cut" },
		{ "{\"msg\":\"cut\\", "cut\\" },
		{ "{\"msg\":\"cut\\u00", "cut?" },
		{ "{\"level\":\"warning\",\"msg\":\"a\"}\n{ \"msg\": \"b\", \"level\" : \"error\" }\n",
			"b" },
		{ "{\"msg\":\"exec: \\\"x\\\": no\\\\such\\n\\tfile\\u0041\\u00e9 \"}",
			"exec: \"x\": no\\such  fileA?" },
		{ "{\"msg\":\"0123456789012345678901234567890123456789\"}",
			"0123456789012345678901234567890" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char said[32];

		bundle_complaint(cases[i].log, said, sizeof(said));
		assert_string_equal(said, cases[i].said);
	}
}

static void exit_codes_are_dockers_for_what_was_said(void **unused)
{
	static const struct {
		const char *said, *program;
		int code;
	} cases[] = {
		{ "exec: \"xyz\": executable file not found in $PATH", "xyz", 127 },
		{ "executable file `xyz` not found in $PATH: No such file or directory", "xyz",
			127 },
		{ "error mounting \"/xyz\": no such file or directory", "sh -c", 128 },
		{ "exec: \"/etc/passwd\": permission denied", "/etc/passwd", 126 },
		{ "open executable: Operation not permitted", "/tmp", 126 },
		{ "mount `/a` to `/b`: Not a directory", "sh", 127 },
		{ "something else", "sh", 128 },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(bundle_exit_code(cases[i].said, cases[i].program), cases[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_becomes_a_configuration),
		cmocka_unit_test(users_other_than_root_have_no_capabilities_but_a_bound),
		cmocka_unit_test(a_terminal_has_the_clients_size),
		cmocka_unit_test(init_is_told_where_the_program_is),
		cmocka_unit_test(what_lies_on_proc_is_mounted_by_the_runtime),
		cmocka_unit_test(the_default_profile_depends_on_capabilities),
		cmocka_unit_test(the_last_complaint_is_taken_from_the_log),
		cmocka_unit_test(exit_codes_are_dockers_for_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
