#include "create.h"

static char *words_of(const struct plan *p, const char *keyword)
{
	auto_buf struct buf out = { 0 };

	plan_foreach (it, p, keyword) {
		for (size_t i = 0; i < ARRAY_SIZE(it->words) && it->words[i]; i++)
			buf_printf(&out, "%s%s", i ? " " : "", it->words[i]);
		buf_addc(&out, '\n');
	}
	return buf_steal(&out);
}

static void assert_words(const struct plan *p, const char *keyword, const char *want)
{
	auto_free char *have = words_of(p, keyword);

	assert_string_equal(have, want);
}

static struct plan plan_of_body(const char *body, const char *image)
{
	auto_container struct container *ct = container_of_body(body, image);
	auto_buf struct buf text = { 0 };

	return plan_of(ct, &text);
}

static void a_default_container_is_compiled_to_dockers_defaults(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'busybox','Cmd':['sh','-c','exit 3'],'Hostname':'box','Labels':{'k':'v'},"
		"'Env':['A=1']}",
		"{'Env':['PATH=/x','B=2']}");
	auto_free const char **mask = NULL;

	(void)unused;
	assert_words(
		&p, "id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
	assert_words(&p, "attrs", "\"k\":\"v\",\"image\":\"busybox\",\"name\":\"calm_merian\"\n");
	assert_words(&p, "lower", "/data/layers/a/diff\n");
	assert_words(&p, "upper", "/data/containers/x/upper\n");
	assert_words(&p, "mount",
		"proc proc /proc nosuid,nodev,noexec\n"
		"tmpfs tmpfs /dev nosuid,mode=755,size=65536k\n"
		"devpts devpts /dev/pts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5\n"
		"sysfs sysfs /sys ro,nosuid,nodev,noexec\n"
		"cgroup2 cgroup /sys/fs/cgroup ro,nosuid,nodev,noexec\n"
		"mqueue mqueue /dev/mqueue nosuid,nodev,noexec\n"
		"tmpfs shm /dev/shm nosuid,nodev,noexec,mode=1777,size=67108864\n"
		"bind /data/containers/x/resolv.conf /etc/resolv.conf bind,rprivate\n"
		"bind /data/containers/x/hostname /etc/hostname bind,rprivate\n"
		"bind /data/containers/x/hosts /etc/hosts bind,rprivate\n");
	assert_words(&p, "device",
		"/dev/null\n/dev/zero\n/dev/full\n/dev/tty\n/dev/random\n/dev/urandom\n");
	assert_words(&p, "symlink",
		"/proc/self/fd /dev/fd\n/proc/self/fd/0 /dev/stdin\n/proc/self/fd/1 /dev/stdout\n"
		"/proc/self/fd/2 /dev/stderr\n/proc/kcore /dev/core\npts/ptmx /dev/ptmx\n");
	assert_words(
		&p, "ns", "net private\npid private\nipc private\nuts private\ncgroup private\n");
	assert_words(&p, "hostname", "box\n");
	assert_words(&p, "caps", "00000000a80425fb\n");
	assert_words(&p, "seccomp", "default\n");
	assert_words(&p, "env", "PATH=/x\nHOSTNAME=box\nA=1\nB=2\n");
	assert_words(&p, "arg", "sh\n-c\nexit 3\n");
	assert_words(&p, "cwd", "/\n");
	assert_words(&p, "user", "\n");
	assert_words(&p, "stop-signal", "15\n");
	assert_words(&p, "stop-timeout", "10\n");
	assert_words(&p, "log", "json-file\n");
	assert_words(&p, "log-opt", "max-size 104857600\nmax-file 5\n");
	assert_words(&p, "sysctl", "net.ipv4.ip_unprivileged_port_start 0\n");
	mask = plan_words(&p, "mask");
	assert_int_equal(strv_len((char *const *)(uintptr_t)mask), 11);
	assert_false(plan_has(&p, "tty") || plan_has(&p, "init") || plan_has(&p, "auto-remove") ||
		plan_has(&p, "volatile") || plan_has(&p, "readonly-root") ||
		plan_has(&p, "no-new-privs"));
}

static void options_reach_the_plan(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'Tty':true,'OpenStdin':true,'StdinOnce':true,'User':'u:g',"
		"'WorkingDir':'/w','StopSignal':'HUP','StopTimeout':-1,'Domainname':'d','Env':['PATH'],"
		"'HostConfig':{'NetworkMode':'none','Init':true,'AutoRemove':true,'ReadonlyRootfs':true,"
		"'ConsoleSize':[24,80],'GroupAdd':['audio','7'],'CapDrop':['all'],'CapAdd':['chown'],"
		"'SecurityOpt':['no-new-privileges','seccomp=unconfined'],'OomScoreAdj':5,"
		"'Ulimits':[{'Name':'nofile','Soft':1,'Hard':-1}],'ShmSize':4096,"
		"'LogConfig':{'Type':'json-file','Config':{'max-size':'10m','max-file':'3'}},"
		"'Sysctls':{'net.core.somaxconn':'9'},'MaskedPaths':[],'ReadonlyPaths':[]}}",
		NULL);

	(void)unused;
	assert_true(plan_has(&p, "tty") && plan_has(&p, "open-stdin") &&
		plan_has(&p, "stdin-once") && plan_has(&p, "init") && plan_has(&p, "auto-remove") &&
		plan_has(&p, "volatile") && plan_has(&p, "readonly-root") &&
		plan_has(&p, "no-new-privs"));
	assert_words(&p, "console-size", "24 80\n");
	assert_words(&p, "user", "u:g\n");
	assert_words(&p, "group", "audio\n7\n");
	assert_words(&p, "cwd", "/w\n");
	assert_words(&p, "stop-signal", "1\n");
	assert_words(&p, "stop-timeout", "-1\n");
	assert_words(&p, "caps", "0000000000000001\n");
	assert_words(&p, "seccomp", "unconfined\n");
	assert_words(&p, "oom-score-adj", "5\n");
	assert_words(&p, "rlimit", "nofile 1 -1\n");
	assert_words(&p, "log-opt", "max-size 10000000\nmax-file 3\n");
	assert_words(&p, "env", "HOSTNAME=\nTERM=xterm\n"); /* PATH is unset on purpose */
	assert_words(&p, "mask", "");
	assert_words(&p, "readonly", "");
	assert_words(&p, "sysctl", "net.ipv4.ip_unprivileged_port_start 0\nnet.core.somaxconn 9\n");
}

static void of_variables_set_twice_the_last_counts_in_the_place_of_the_first(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'Hostname':'h','HostConfig':{'NetworkMode':'none'},"
		"'Env':['B=1','AB=2','A=3','B=4','C=5','A','D','A=','PATH=/p','C','HOSTNAME=x=y','EB=6']}",
		NULL);

	(void)unused;
	assert_words(&p, "env", "PATH=/p\nHOSTNAME=x=y\nB=4\nAB=2\nA=\nEB=6\n");
}

static void devices_groups_and_open_paths_reach_the_plan(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':'none','GroupAdd':['keep-groups'],"
		"'SecurityOpt':['systempaths=unconfined'],'IpcMode':'container:x',"
		"'Devices':[{'PathOnHost':'/dev/null'},"
		"{'PathOnHost':'/dev/zero','PathInContainer':'/dev/nought'}]}}",
		NULL);
	auto_free char *mounts = words_of(&p, "mount");

	(void)unused;
	assert_true(plan_has(&p, "keep-groups"));
	assert_false(plan_has(&p, "group") || plan_has(&p, "mask") || plan_has(&p, "readonly"));
	assert_non_null(strstr(mounts,
		"bind /dev/null /dev/null bind,rprivate\n"
		"bind /dev/zero /dev/nought bind,rprivate\n"));
	assert_non_null(strstr(mounts, "joined-shm shm /dev/shm \n"));
}

static void keeping_ids_shifts_those_that_mounts_name(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'HostConfig':{'UsernsMode':'keep-id:uid=1000,gid=3'}}",
		NULL);
	auto_free char *mounts = words_of(&p, "mount");

	(void)unused;
	assert_words(&p, "keep-id", "1000 3\n");
	assert_words(&p, "storage", "fuse-overlayfs\n");
	assert_words(&p, "user", "1000:3\n");
	assert_non_null(strstr(mounts, "/dev nosuid,mode=755,size=65536k,uid=1,gid=1\n"));
	assert_non_null(strstr(mounts, "mode=0620,gid=5\n"));
}

static void log_attributes_reach_the_plan(void **unused)
{
	auto_plan struct plan file = plan_of_body(
		"{'Image':'i','Cmd':['c','d'],'Labels':{'b':'2','a':'1','xy':'3'},'Env':['E=5','F','G=7'],"
		"'HostConfig':{'LogConfig':{'Type':'json-file','Config':{'labels':'a,no','labels-regex':'^x',"
		"'env':'E,F','tag':'{{ .Name }}-{{.Command}}','mode':'non-blocking'}}}}",
		NULL);
	auto_plan struct plan journal = plan_of_body(
		"{'Image':'i','Cmd':['c'],'Labels':{'_9com.x-y':'1','9':'2'},"
		"'HostConfig':{'LogConfig':{'Type':'journald','Config':{'labels-regex':'.',"
		"'mode':'non-blocking','max-buffer-size':'2k'}}}}",
		NULL);

	(void)unused;
	assert_words(&file, "log-opt",
		"most-kept 1000000\nmax-size 104857600\nmax-file 5\n"
		"attrs {\"E\":\"5\",\"a\":\"1\",\"tag\":\"calm_merian-c d\",\"xy\":\"3\"}\n");
	assert_words(&file, "log-field", "");
	assert_words(&journal, "log", "journald\n");
	assert_words(&journal, "log-opt", "most-kept 2048\n");
	assert_words(&journal, "log-field",
		"CONTAINER_ID 0123456789ab\n"
		"CONTAINER_ID_FULL 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
		"CONTAINER_NAME calm_merian\nCONTAINER_TAG 0123456789ab\nIMAGE_NAME i\n"
		"SYSLOG_IDENTIFIER 0123456789ab\nCOM_X_Y 1\n");
}

static void users_mounts_replace_dockers_own(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':'none',"
		"'Binds':['/h/deep:/a/b:ro,rshared','/h:/a','/etc/hosts:/etc/hosts'],"
		"'Mounts':[{'Type':'bind','Source':'/n','Target':'/n',"
		"'BindOptions':{'NonRecursive':true}},"
		"{'Type':'tmpfs','Target':'/dev/shm','TmpfsOptions':{'SizeBytes':9,'Mode':1023}}],"
		"'Tmpfs':{'/t':'exec,size=3M'}}}",
		NULL);
	auto_free char *mounts = words_of(&p, "mount");

	(void)unused;
	assert_non_null(strstr(mounts, "bind /h /a rbind,rprivate\n"));
	assert_non_null(strstr(mounts, "bind /h/deep /a/b rbind,ro,rshared\n"));
	assert_true(strstr(mounts, " /a ") < strstr(mounts, " /a/b "));
	assert_non_null(strstr(mounts, "bind /n /n bind,rprivate\n"));
	assert_non_null(strstr(mounts, "tmpfs tmpfs /t nodev,nosuid,size=3M\n"));
	assert_non_null(
		strstr(mounts, "tmpfs tmpfs /dev/shm nodev,noexec,nosuid,size=9,mode=1777\n"));
	assert_null(strstr(mounts, "shm /dev/shm nosuid"));
	assert_non_null(strstr(mounts, "bind /etc/hosts /etc/hosts"));
	assert_null(strstr(mounts, "/data/containers/x/hosts"));
}

static void privileged_hides_nothing_and_filters_nothing(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':'none','Privileged':true}}",
		NULL);
	auto_free char *mounts = words_of(&p, "mount");

	(void)unused;
	assert_true(plan_has(&p, "privileged"));
	assert_words(&p, "seccomp", "unconfined\n");
	assert_false(plan_has(&p, "mask") || plan_has(&p, "readonly"));
	assert_non_null(strstr(mounts, "sysfs sysfs /sys nosuid"));
	assert_true(strtoull(plan_get(&p, "caps", "0"), NULL, 16) > UINT64_C(0xa80425fb));
}

static void the_hosts_namespaces_bring_the_hosts_mounts(void **unused)
{
	auto_plan struct plan p = plan_of_body(
		"{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':'host','PidMode':'host',"
		"'IpcMode':'host','UTSMode':'host','CgroupnsMode':'host'}}",
		NULL);
	auto_free char *mounts = words_of(&p, "mount");

	(void)unused;
	assert_words(&p, "ns", "net host\npid host\nipc host\nuts host\ncgroup host\n");
	assert_non_null(strstr(mounts, "bind /proc /proc rbind"));
	assert_non_null(strstr(mounts, "bind /sys /sys rbind,ro"));
	assert_non_null(strstr(mounts, "bind /dev/shm /dev/shm rbind"));
	assert_false(plan_has(&p, "hostname") || plan_has(&p, "sysctl"));
}

/* ---- etc/ */

static void settled(const char *body, struct create_request *q)
{
	struct err err = { 0 };

	if (settle(body, NULL, 47, q, &err) < 0)
		fail_msg("%s", err.msg);
}

static void hosts_knows_the_container_and_what_was_added(void **unused)
{
	auto_create_request struct create_request q = { 0 };
	auto_buf struct buf out = { 0 };

	(void)unused;
	settled("{'Image':'i','Cmd':['c'],'Hostname':'h','Domainname':'d','HostConfig':{'NetworkMode':'none',"
		"'ExtraHosts':['a:1.2.3.4','b:[::2]','c:::3','d:host-gateway']}}",
		&q);
	etc_hosts_write(&out, &q.config, &q.host, "9.9.9.9 hostonly\n");
	assert_non_null(strstr(out.data, "127.0.0.1\tlocalhost\n"));
	assert_non_null(strstr(out.data, "::1\tlocalhost"));
	assert_non_null(strstr(out.data, "1.2.3.4\ta\n::2\tb\n::3\tc\n"));
	assert_null(strstr(out.data, "\td\n"));
	assert_non_null(strstr(out.data, "127.0.0.1\th.d h\n"));
	assert_null(strstr(out.data, "hostonly"));
}

static void resolvers_on_the_hosts_loopback_are_left_out(void **unused)
{
	static const char host[] =
		"# c\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch lan\noptions edns0\n";
	static const struct {
		const char *mode, *more, *want;
	} cases[] = {
		{ "host", "", host },
		{ "none", "", "nameserver 10.0.0.1\nsearch lan\noptions edns0\n" },
		{ "none",
			",'Dns':['1.1.1.1','::1'],'DnsSearch':['x','y'],'DnsOptions':['ndots:1','rotate']",
			"nameserver 1.1.1.1\nnameserver ::1\nsearch x y\noptions ndots:1 rotate\n" },
		{ "none", ",'DnsSearch':['.'],'Dns':[]", "nameserver 10.0.0.1\noptions edns0\n" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_create_request struct create_request q = { 0 };
		auto_buf struct buf out = { 0 };
		auto_free char *body =
			xasprintf("{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':"
				  "'%s'%s}}",
				cases[i].mode, cases[i].more);

		settled(body, &q);
		etc_resolv_write(&out, &q.host, host);
		assert_string_equal(out.data, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_default_container_is_compiled_to_dockers_defaults),
		cmocka_unit_test(options_reach_the_plan),
		cmocka_unit_test(of_variables_set_twice_the_last_counts_in_the_place_of_the_first),
		cmocka_unit_test(devices_groups_and_open_paths_reach_the_plan),
		cmocka_unit_test(keeping_ids_shifts_those_that_mounts_name),
		cmocka_unit_test(log_attributes_reach_the_plan),
		cmocka_unit_test(users_mounts_replace_dockers_own),
		cmocka_unit_test(privileged_hides_nothing_and_filters_nothing),
		cmocka_unit_test(the_hosts_namespaces_bring_the_hosts_mounts),
		cmocka_unit_test(hosts_knows_the_container_and_what_was_added),
		cmocka_unit_test(resolvers_on_the_hosts_loopback_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
