#include "bodies.h"
#include "create.h"

static char *text_of(json_object *o)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);

	json_write(&w, NULL, o);
	return buf_steal(&out);
}

static void assert_json(json_object *o, const char *want)
{
	auto_free char *have = text_of(o), *q = quoted(want);

	assert_string_equal(have, q);
}

static void the_cli_and_docker_py_make_the_same_container(void **unused)
{
	auto_container struct container *cli = container_of_body(body_cli, NULL);
	auto_container struct container *py = container_of_body(body_py, NULL);
	auto_free char *a = text_of(cli->host_config), *b = text_of(py->host_config);

	(void)unused;
	/* the one difference that Docker shows too: an explicit [] or {} stays */
	assert_string_equal(a, b);
	assert_json(json_get(cli->config, "Cmd"), "['echo','hi']");
}

static void defaults_are_those_of_docker(void **unused)
{
	auto_container struct container *ct = container_of_body(body_py, NULL);
	json_object *h = ct->host_config;

	(void)unused;
	assert_json(json_get(h, "RestartPolicy"), "{'Name':'no','MaximumRetryCount':0}");
	assert_json(json_get(h, "LogConfig"), "{'Type':'json-file','Config':{}}");
	assert_string_equal(json_get_str(h, "NetworkMode", ""), "bridge");
	assert_string_equal(json_get_str(h, "IpcMode", ""), "private");
	assert_string_equal(json_get_str(h, "CgroupnsMode", ""), "private");
	assert_json(json_get(h, "ShmSize"), "67108864");
	assert_null(json_get(h, "PidsLimit"));
	assert_null(json_get(h, "MemorySwappiness"));
	assert_json(json_get(h, "PortBindings"), "{}");
	assert_int_equal(json_object_array_length(json_get(h, "MaskedPaths")), 11);
	assert_int_equal(json_object_array_length(json_get(h, "ReadonlyPaths")), 5);
	assert_json(json_get(ct->config, "Labels"), "{}");
}

static void everything_the_cli_can_say_is_kept(void **unused)
{
	auto_container struct container *ct = container_of_body(
		body_cli_full, "{'Entrypoint':['/e'],'Cmd':['c'],'Env':['B=0','C=2']}");
	json_object *h = ct->host_config, *c = ct->config;

	(void)unused;
	assert_json(json_get(c, "Env"), "['A','B=1','C=2']");
	assert_null(json_get(c, "Entrypoint"));
	assert_string_equal(json_get_str(ct->doc, "Path", ""), "sh");
	assert_json(json_get(c, "StopTimeout"), "3");
	assert_json(json_get(h, "CapAdd"), "['CAP_NET_ADMIN']");
	assert_json(json_get(h, "Tmpfs"), "{'/t':'size=3M'}");
	assert_json(json_get(h, "Annotations"), "{'a':'b'}");
	assert_json(json_get(h, "Ulimits"), "[{'Name':'nofile','Hard':20,'Soft':10}]");
	assert_json(json_get(h, "Init"), "true");
	assert_json(json_get(ct->doc, "Mounts"),
		"[{'Type':'bind','Source':'/tmp/q','Destination':'/y','Mode':'ro','RW':false,"
		"'Propagation':'rprivate'},"
		"{'Type':'bind','Source':'/tmp','Destination':'/z','Mode':'','RW':false,"
		"'Propagation':'rprivate'},"
		"{'Type':'tmpfs','Source':'','Destination':'/tt','Mode':'','RW':true,'Propagation':''}]");
	assert_json(json_get(ct->doc, "Warnings"), "[]");
}

static void a_volume_that_is_a_bind_mount_passes(void **unused)
{
	auto_container struct container *ct = container_of_body(body_py_bind, NULL);

	(void)unused;
	assert_int_equal(json_object_array_length(json_get(ct->doc, "Mounts")), 1);
}

static void every_way_to_ask_for_a_volume_is_understood(void **unused)
{
	auto_container struct container *ct = container_of_body(
		"{'Image':'i','Cmd':['c'],'Volumes':{'/an':{},'/b/':{}},'HostConfig':{'NetworkMode':'none',"
		"'Binds':['one:/a/x:ro,nocopy','/y','two:/b'],'Mounts':[{'Type':'volume','Source':'three',"
		"'Target':'/m','VolumeOptions':{'Subpath':'s/./t'}}]}}",
		NULL);
	auto_mount_points struct mount_points m = { 0 };

	(void)unused;
	assert_int_equal(mount_points_load(ct->doc, NULL, &m, NULL), 0);
	assert_int_equal(m.count, 5);
	for (size_t i = 0; i < m.count; i++)
		assert_true(mount_is(&m.items[i], "volume") && m.items[i].listed);
	assert_true(mount_points_at(&m, "/y")->anonymous && mount_points_at(&m, "/an")->anonymous);
	assert_string_equal(mount_points_at(&m, "/b")->name, "two");
	assert_true(mount_points_at(&m, "/a/x")->read_only && !mount_points_at(&m, "/a/x")->copy);
	assert_true(mount_points_at(&m, "/b")->copy);
	assert_string_equal(mount_points_at(&m, "/m")->subpath, "s/t");
	assert_string_equal(m.items[4].target, "/a/x"); /* the deepest is the last */
}

static void what_other_containers_have_comes_after_ones_own(void **unused)
{
	auto_container struct container *store =
		container_of_body("{'Image':'i','Cmd':['c'],'HostConfig':{'NetworkMode':'none',"
				  "'Binds':['one:/a','two:/b','/h:/c'],'Tmpfs':{'/t':''}}}",
			NULL);
	auto_mount_points struct mount_points theirs = { 0 };
	auto_create_request struct create_request q = { 0 };
	auto_free char *body = quoted(
		"{'Image':'i','Cmd':['c'],'Volumes':{'/a':{}},'HostConfig':{'Binds':['own:/b']}}");

	(void)unused;
	assert_int_equal(mount_points_inherit(&theirs, store->doc, true, NULL), 0);
	assert_int_equal(create_request_read(body, 47, &q, NULL), 0);
	assert_int_equal(create_request_settle(&q, NULL, &theirs, 47, NULL), 0);
	assert_int_equal(q.mounts.count, 3);
	assert_string_equal(mount_points_at(&q.mounts, "/a")->name, "one");
	assert_true(mount_points_at(&q.mounts, "/a")->read_only);
	assert_string_equal(mount_points_at(&q.mounts, "/b")->name, "own");
	assert_string_equal(mount_points_at(&q.mounts, "/c")->source, "/h");
}

/* clang-format off */
static const struct command_case {
	const char *request, *image, *entrypoint, *cmd; /* NULL: no command specified */
} command_cases[] = {
	{ "'Image':'i'", "{}", NULL, NULL },
	{ "'Image':'i'", "{'Cmd':['c']}", "null", "['c']" },
	{ "'Image':'i','Cmd':['x']", "{'Cmd':['c']}", "null", "['x']" },
	{ "'Image':'i','Cmd':'x y'", "{'Cmd':['c']}", "null", "['x y']" },
	{ "'Image':'i','Cmd':[]", "{'Cmd':['c']}", "null", "['c']" },
	{ "'Image':'i'", "{'Entrypoint':['e'],'Cmd':['c']}", "['e']", "['c']" },
	{ "'Image':'i','Cmd':['x']", "{'Entrypoint':['e'],'Cmd':['c']}", "['e']", "['x']" },
	{ "'Image':'i','Entrypoint':'n'", "{'Entrypoint':['e'],'Cmd':['c']}", "['n']", "null" },
	{ "'Image':'i','Entrypoint':['n'],'Cmd':['x']", "{'Entrypoint':['e'],'Cmd':['c']}", "['n']", "['x']" },
	{ "'Image':'i','Entrypoint':null", "{'Entrypoint':['e'],'Cmd':['c']}", "['e']", "['c']" },
	{ "'Image':'i','Entrypoint':[]", "{'Entrypoint':['e'],'Cmd':['c']}", "[]", "['c']" },
	{ "'Image':'i','Entrypoint':[''],'Cmd':['x']", "{'Entrypoint':['e'],'Cmd':['c']}", "null", "['x']" },
	{ "'Image':'i','Entrypoint':['']", "{'Entrypoint':['e'],'Cmd':['c']}", NULL, NULL },
};
/* clang-format on */

static void entrypoint_and_cmd_combine_as_in_docker(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(command_cases); i++) {
		const struct command_case *cc = &command_cases[i];
		auto_free char *body = xasprintf("{%s}", cc->request);
		auto_create_request struct create_request q = { 0 };
		auto_container struct container *ct = NULL;
		struct err err = { 0 };

		if (!cc->cmd) {
			assert_true(settle(body, cc->image, 47, &q, &err) < 0);
			assert_string_equal(err.msg, "no command specified");
			assert_int_equal(err.kind, ERR_INVALID);
			continue;
		}
		ct = container_of_body(body, cc->image);
		assert_json(json_get(ct->config, "Entrypoint"), cc->entrypoint);
		assert_json(json_get(ct->config, "Cmd"), cc->cmd);
	}
}

static void the_image_fills_only_what_is_left_open(void **unused)
{
	static const char image[] =
		"{'Cmd':['c'],'User':'u','WorkingDir':'/w','StopSignal':'SIGQUIT','Labels':{'a':'1','b':'2'},"
		"'ExposedPorts':{'80/tcp':{}},'Volumes':{'/v':{}},"
		"'Healthcheck':{'Test':['CMD','x']}}";
	auto_container struct container *ct =
		container_of_body("{'Image':'i','Labels':{'a':'9'},'WorkingDir':'/mine',"
				  "'HostConfig':{'NetworkMode':'none'}}",
			image);
	json_object *c = ct->config;

	(void)unused;
	assert_string_equal(json_get_str(c, "User", ""), "u");
	assert_string_equal(json_get_str(c, "WorkingDir", ""), "/mine");
	assert_string_equal(json_get_str(c, "StopSignal", ""), "SIGQUIT");
	assert_json(json_get(c, "Labels"), "{'a':'9','b':'2'}");
	assert_json(json_get(c, "ExposedPorts"), "{'80/tcp':{}}");
	assert_int_equal(json_object_array_length(json_get(ct->doc, "Mounts")), 1);
	assert_int_equal(json_object_array_length(json_get(ct->doc, "Warnings")), 0);
	assert_json(json_get(c, "Healthcheck"), "{'Test':['CMD','x']}");
}

static void health_checks_merge_field_by_field(void **unused)
{
	static const char image[] =
		"{'Cmd':['c'],'Healthcheck':{'Test':['CMD','x'],'Interval':5000000,"
		"'Timeout':6000000,'StartPeriod':7000000,'Retries':8}}";
	static const struct {
		const char *request, *merged;
	} cases[] = {
		{ "{}",
			"{'Test':['CMD','x'],'Interval':5000000,'Timeout':6000000,"
			"'StartPeriod':7000000,'Retries':8}" },
		{ "{'Test':[],'Interval':0,'Retries':2}",
			"{'Test':['CMD','x'],'Interval':5000000,'Retries':2,'Timeout':6000000,"
			"'StartPeriod':7000000}" },
		{ "{'Test':['NONE']}",
			"{'Test':['NONE'],'Interval':5000000,'Timeout':6000000,"
			"'StartPeriod':7000000,'Retries':8}" },
		{ "{'Test':['CMD-SHELL','y'],'Timeout':9000000}",
			"{'Test':['CMD-SHELL','y'],'Timeout':9000000,'Interval':5000000,"
			"'StartPeriod':7000000,'Retries':8}" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *body =
			xasprintf("{'Image':'i','Healthcheck':%s}", cases[i].request);
		auto_container struct container *ct = container_of_body(body, image);
		auto_json json_object *want = json_of(cases[i].merged);

		assert_true(json_object_equal(json_get(ct->config, "Healthcheck"), want));
	}
}

static void a_health_check_that_says_nothing_is_warned_of(void **unused)
{
	auto_container struct container *ct =
		container_of_body("{'Image':'i','Cmd':['c'],'Healthcheck':{'Test':['curl x']},"
				  "'HostConfig':{'NetworkMode':'none'}}",
			NULL);

	(void)unused;
	assert_string_equal(
		json_object_get_string(json_object_array_get_idx(json_get(ct->doc, "Warnings"), 0)),
		"Unknown healthcheck type 'curl x' (expected 'CMD'): no health check will run.");
}

static void old_clients_have_no_start_interval(void **unused)
{
	static const char body[] =
		"{'Image':'i','Cmd':['c'],'Healthcheck':{'StartInterval':5000000}}";

	(void)unused;
	for (unsigned minor = 43; minor <= 44; minor++) {
		auto_create_request struct create_request q = { 0 };

		assert_int_equal(settle(body, NULL, minor, &q, NULL), 0);
		assert_int_equal(
			json_get(q.config.healthcheck, "StartInterval") != NULL, minor == 44);
	}
}

/* clang-format off */
static const struct refusal {
	const char *member, *names;
	enum err_kind kind;
} refusals[] = {
	{ "'HostConfig':{'CgroupParent':'/x'}", "HostConfig.CgroupParent", ERR_UNSUPPORTED },
	{ "'HostConfig':{'Devices':[{'PathOnHost':'fuse'}]}", "HostConfig.Devices: invalid PathOnHost", ERR_INVALID },
	{ "'HostConfig':{'Devices':[{'PathOnHost':'/dev/fuse','PathInContainer':'fuse'}]}", "invalid PathInContainer", ERR_INVALID },
	{ "'HostConfig':{'Devices':[{'PathOnHost':'/dev/fuse','CgroupPermissions':'rwx'}]}", "invalid CgroupPermissions", ERR_INVALID },
	{ "'HostConfig':{'Devices':[{'PathOnHost':'/dev/fuse','CgroupPermissions':'r'}]}", "less than rw", ERR_INVALID },
	{ "'HostConfig':{'DeviceCgroupRules':['c 1:3 r']}", "HostConfig.DeviceCgroupRules", ERR_UNSUPPORTED },
	{ "'HostConfig':{'GroupAdd':['keep-groups','7']}", "GroupAdd", ERR_INVALID },
	{ "'HostConfig':{'CpuRealtimePeriod':1}", "HostConfig.CpuRealtimePeriod is not supported: kernel does not", ERR_UNSUPPORTED },
	{ "'HostConfig':{'Isolation':'hyperv'}", "isolation", ERR_INVALID },
	{ "'HostConfig':{'DeviceRequests':[{}]}", "HostConfig.DeviceRequests", ERR_UNSUPPORTED },
	{ "'HostConfig':{'PortBindings':{'80/tcp':[{'HostPort':'1'}]}}", "HostConfig.PortBindings", ERR_UNSUPPORTED },
	{ "'HostConfig':{'PublishAllPorts':true}", "HostConfig.PublishAllPorts", ERR_UNSUPPORTED },
	{ "'HostConfig':{'Links':['a:b']}", "HostConfig.Links", ERR_UNSUPPORTED },
	{ "'HostConfig':{'VolumeDriver':'nfs','Binds':['vol:/x']}", "plugin \"nfs\" not found", ERR_INVALID },
	{ "'HostConfig':{'RestartPolicy':{'Name':'always'},'AutoRemove':true}", "can't create 'AutoRemove' container with restart policy", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'container:'}", "container:<name|id>", ERR_INVALID },
	{ "'Hostname':'h','HostConfig':{'NetworkMode':'container:x'}", "hostname and the network mode", ERR_INVALID },
	{ "'ExposedPorts':{'80/tcp':{}},'HostConfig':{'NetworkMode':'container:x'}", "port exposing", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'container:x','PublishAllPorts':true}", "port publishing", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'container:x','Dns':['1.1.1.1']}", "dns and the network mode", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'container:x','ExtraHosts':['a:1.1.1.1']}", "custom host-to-IP", ERR_INVALID },
	{ "'HostConfig':{'PortBindings':{'80/tcp':null}}", "HostConfig.PortBindings", ERR_UNSUPPORTED },
	{ "'HostConfig':{'RestartPolicy':{'Name':'sometimes'}}", "invalid restart policy: unknown policy 'sometimes'", ERR_INVALID },
	{ "'HostConfig':{'RestartPolicy':{'Name':'always','MaximumRetryCount':1}}", "can only be used with 'on-failure'", ERR_INVALID },
	{ "'HostConfig':{'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':-1}}", "maximum retry count cannot be negative", ERR_INVALID },
	{ "'HostConfig':{'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':4294967296}}", "too large", ERR_INVALID },
	{ "'Labels':{'dayfly.restart.unhealthy':'yes'}", "dayfly.restart.unhealthy=yes", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'mine'}", "HostConfig.NetworkMode", ERR_UNSUPPORTED },
	{ "'HostConfig':{'PidMode':'container:'}", "invalid PID mode", ERR_INVALID },
	{ "'HostConfig':{'UTSMode':'container:x'}", "invalid UTS mode", ERR_INVALID },
	{ "'HostConfig':{'PidMode':'x'}", "invalid PID mode", ERR_INVALID },
	{ "'HostConfig':{'IpcMode':'container:'}", "invalid IPC mode", ERR_INVALID },
	{ "'HostConfig':{'UsernsMode':'host'}", "HostConfig.UsernsMode", ERR_UNSUPPORTED },
	{ "'HostConfig':{'UsernsMode':'keep-id:uid=x'}", "invalid userns mode", ERR_INVALID },
	{ "'HostConfig':{'UsernsMode':'keep-idle'}", "invalid userns mode", ERR_INVALID },
	{ "'Labels':{'dayfly.userns':'x'}", "invalid userns mode: x", ERR_INVALID },
	{ "'HostConfig':{'UsernsMode':'x'}", "invalid userns mode", ERR_INVALID },
	{ "'HostConfig':{'Runtime':'runsc'}", "unknown or invalid runtime name: runsc", ERR_INVALID },
	{ "'HostConfig':{'Runtime':'/bin/crun'}", "unknown or invalid runtime name: /bin/crun", ERR_INVALID },
	{ "'HostConfig':{'StorageOpt':{'size':'1G'}}", "HostConfig.StorageOpt is not supported: size takes project quotas", ERR_UNSUPPORTED },
	{ "'HostConfig':{'LogConfig':{'Type':'syslog'}}", "HostConfig.LogConfig.Type", ERR_UNSUPPORTED },
	{ "'HostConfig':{'LogConfig':{'Type':'x'}}", "no log driver named 'x'", ERR_INVALID },
	{ "'HostConfig':{'LogConfig':{'Type':'','Config':{'x':'1'}}}", "unknown log opt 'x'", ERR_INVALID },
	{ "'HostConfig':{'LogConfig':{'Type':'','Config':{'max-size':'big'}}}", "invalid size", ERR_INVALID },
	{ "'HostConfig':{'LogConfig':{'Type':'','Config':{'max-file':'0'}}}", "max-file", ERR_INVALID },
	{ "'HostConfig':{'LogConfig':{'Type':'','Config':{'compress':'true'}}}", "compress", ERR_UNSUPPORTED },
	{ "'HostConfig':{'CapAdd':['NET_ADMINN']}", "CapAdd", ERR_INVALID },
	{ "'HostConfig':{'CapDrop':['7']}", "CapDrop", ERR_INVALID },
	{ "'HostConfig':{'SecurityOpt':['apparmor=mine']}", "apparmor", ERR_UNSUPPORTED },
	{ "'HostConfig':{'SecurityOpt':['label=type:x']}", "label", ERR_UNSUPPORTED },
	{ "'HostConfig':{'SecurityOpt':['seccomp={']}", "seccomp", ERR_INVALID },
	{ "'HostConfig':{'SecurityOpt':['what=x']}", "--security-opt", ERR_INVALID },
	{ "'HostConfig':{'Ulimits':[{'Name':'x','Soft':1,'Hard':1}]}", "invalid ulimit type: x", ERR_INVALID },
	{ "'HostConfig':{'Ulimits':[{'Name':'nofile','Soft':2,'Hard':1}]}", "2 > 1", ERR_INVALID },
	{ "'HostConfig':{'Sysctls':{'kernel.panic':'1'}}", "kernel.panic", ERR_INVALID },
	{ "'HostConfig':{'NetworkMode':'host','Sysctls':{'net.a':'1'}}", "sysctl \"net.a\" not allowed in host network namespace", ERR_INVALID },
	{ "'HostConfig':{'IpcMode':'host','Sysctls':{'kernel.sem':'1'}}", "not allowed in the hosts ipc namespace", ERR_INVALID },
	{ "'HostConfig':{'Sysctls':{'kernel.hostname':'x'}}", "conflicts with the OCI", ERR_INVALID },
	{ "'HostConfig':{'Sysctls':{'net/../kernel.panic':'1'}}", "not in a separate kernel namespace", ERR_INVALID },
	{ "'HostConfig':{'Dns':['x']}", "invalid IP address: x", ERR_INVALID },
	{ "'HostConfig':{'ExtraHosts':['x']}", "add-host", ERR_INVALID },
	{ "'HostConfig':{'ShmSize':-1}", "SHM size", ERR_INVALID },
	{ "'HostConfig':{'OomScoreAdj':1001}", "OomScoreAdj", ERR_INVALID },
	{ "'HostConfig':{'ConsoleSize':[1]}", "ConsoleSize", ERR_INVALID },
	{ "'HostConfig':{'Binds':['n:/x']}", "volume name is too short", ERR_INVALID },
	{ "'HostConfig':{'Binds':['name:/x:rslave']}", "field BindOptions", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:/x:nocopy']}", "field VolumeOptions", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:/x:ro,rw']}", "invalid mode: ro,rw", ERR_INVALID },
	{ "'HostConfig':{'Binds':['a/b:/x']}", "includes invalid characters", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:x']}", "must be absolute", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:/../']}", "can't be '/'", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:/b:zz']}", "invalid mode: zz", ERR_INVALID },
	{ "'HostConfig':{'Binds':['/a:/b','/c:/b/']}", "Duplicate mount point: /b", ERR_INVALID },
	{ "'HostConfig':{'Mounts':[{'Type':'volume','Target':'/x','TmpfsOptions':{}}]}", "field TmpfsOptions", ERR_INVALID },
	{ "'HostConfig':{'Mounts':[{'Type':'image','Target':'/x'}]}", "type \"image\"", ERR_UNSUPPORTED },
	{ "'HostConfig':{'Mounts':[{'Type':'bind','Target':'/x'}]}", "field Source must not be empty", ERR_INVALID },
	{ "'HostConfig':{'Mounts':[{'Type':'bind','Source':'/x'}]}", "field Target must not be empty", ERR_INVALID },
	{ "'HostConfig':{'Mounts':[{'Type':'x','Source':'/x','Target':'/y'}]}", "mount type unknown", ERR_INVALID },
	{ "'HostConfig':{'Tmpfs':{'/x':'bogus'}}", "invalid tmpfs option", ERR_INVALID },
	{ "'Volumes':{'x':{}}", "must be absolute", ERR_INVALID },
	{ "'Healthcheck':{'Test':'x'}", "Healthcheck.Test must be a list of strings", ERR_INVALID },
	{ "'Healthcheck':{'Test':['CMD']}", "no command after CMD", ERR_INVALID },
	{ "'Healthcheck':{'Interval':999999}", "Interval in Healthcheck cannot be less than 1ms", ERR_INVALID },
	{ "'Healthcheck':{'Timeout':-1}", "Timeout in Healthcheck cannot be less than 1ms", ERR_INVALID },
	{ "'Healthcheck':{'StartPeriod':1}", "StartPeriod in Healthcheck cannot be less than 1ms", ERR_INVALID },
	{ "'Healthcheck':{'StartInterval':1}", "StartInterval in Healthcheck cannot be less than 1ms", ERR_INVALID },
	{ "'Healthcheck':{'Retries':-1}", "Retries in Healthcheck cannot be negative", ERR_INVALID },
	{ "'Healthcheck':{'Retries':4294967296}", "Retries in Healthcheck is too large", ERR_INVALID },
	{ "'Labels':{'dayfly.health.events':'no'}", "dayfly.health.events=no", ERR_INVALID },
	{ "'MacAddress':'02:42:ac:11:00:02'", "MacAddress", ERR_UNSUPPORTED },
	{ "'StopSignal':'SIGWHAT'", "invalid signal: SIGWHAT", ERR_INVALID },
	{ "'WorkingDir':'rel'", "working directory 'rel'", ERR_INVALID },
	{ "'Env':['=x']", "invalid environment variable", ERR_INVALID },
	{ "'NetworkingConfig':{'EndpointsConfig':{'mine':{}}}", "mine", ERR_UNSUPPORTED },
	{ "'NetworkingConfig':{'EndpointsConfig':{'bridge':{'Aliases':['x']}}}", "bridge.Aliases", ERR_UNSUPPORTED },
	{ "'Tty':'yes'", "Tty", ERR_INVALID },
	{ "'HostConfig':[]", "HostConfig must be an object", ERR_INVALID },
};
/* clang-format on */

static void what_is_not_honoured_is_refused_by_name(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *f = &refusals[i];
		auto_free char *body = xasprintf("{'Image':'i','Cmd':['c'],%s}", f->member);
		auto_create_request struct create_request q = { 0 };
		struct err err = { 0 };

		if (settle(body, NULL, 47, &q, &err) == 0)
			fail_msg("taken: %s", f->member);
		if (err.kind != f->kind || !strstr(err.msg, f->names))
			fail_msg("%s: %d %s", f->member, err.kind, err.msg);
	}
}

static void neutral_values_of_refused_fields_pass(void **unused)
{
	static const char *const members[] = { "'Healthcheck':{}",
		"'Healthcheck':{'Test':['NONE']}", "'HostConfig':{'MemorySwap':-1}",
		"'HostConfig':{'PidsLimit':-1}", "'HostConfig':{'PortBindings':null}",
		"'HostConfig':{'Runtime':'dayfly'}", "'HostConfig':{'Runtime':'runc'}",
		"'HostConfig':{'NetworkMode':'container:x'}",
		"'HostConfig':{'PidMode':'container:x'}", "'HostConfig':{'IpcMode':'container:x'}",
		"'HostConfig':{'OomKillDisable':true}", "'HostConfig':{'KernelMemory':9}",
		"'HostConfig':{'CpuCount':2}",
		"'HostConfig':{'NetworkMode':'host','PublishAllPorts':true}",
		"'HostConfig':{'SecurityOpt':['systempaths=unconfined']}",
		("'HostConfig':{'SecurityOpt':['label=disable','apparmor=unconfined',"
		 "'seccomp=unconfined','no-new-privileges:false']}"),
		"'NetworkingConfig':{'EndpointsConfig':{'default':null}}", "'Unknown':{'a':1}" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		auto_free char *body = xasprintf("{'Image':'i','Cmd':['c'],%s}", members[i]);
		auto_create_request struct create_request q = { 0 };
		struct err err = { 0 };

		if (settle(body, NULL, 47, &q, &err) < 0)
			fail_msg("%s: %s", members[i], err.msg);
	}
}

static void keeping_ids_is_asked_for_by_the_mode_or_a_label(void **unused)
{
	static const struct {
		const char *members, *image, *user;
	} cases[] = {
		{ "'Labels':{'dayfly.userns':'keep-id:uid=7,gid=8'}", "{}", "7:8" },
		{ "'HostConfig':{'UsernsMode':'keep-id:uid=7,gid=8'}", "{}", "7:8" },
		{ "'HostConfig':{'UsernsMode':'keep-id:uid=7'}", "{'User':'bob'}", "bob" },
		{ "'User':'0','Labels':{'dayfly.userns':'keep-id'}", "{'User':'bob'}", "0" },
		{ "'Tty':false", "{'Labels':{'dayfly.userns':'keep-id'}}", "" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *body = xasprintf("{'Image':'i','Cmd':['c'],%s}", cases[i].members);
		auto_container struct container *ct = container_of_body(body, cases[i].image);

		assert_string_equal(json_get_str(ct->config, "User", ""), cases[i].user);
	}
}

static void an_empty_request_is_told_so(void **unused)
{
	static const char *const bodies[] = { "", "null", "{}" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct create_request q;
		struct err err = { 0 };

		assert_true(create_request_read(bodies[i], 47, &q, &err) < 0);
		assert_string_equal(
			err.msg, "config cannot be empty in order to create a container");
	}
}

static void old_clients_share_their_ipc_namespace(void **unused)
{
	auto_create_request struct create_request q = { 0 };

	(void)unused;
	assert_int_equal(settle("{'Image':'i','Cmd':['c']}", NULL, 39, &q, NULL), 0);
	assert_string_equal(q.host.ipc_mode, "shareable");
}

static void a_summary_tells_what_the_container_tells(void **unused)
{
	auto_container struct container *ct =
		container_of_body("{'Image':'busybox','Cmd':['sh','-c','a b'],'Labels':{'k':'v'},"
				  "'HostConfig':{'NetworkMode':'none','Binds':['/tmp:/t']}}",
			NULL);
	auto_summary struct summary s = { 0 };
	auto_buf struct buf text = { 0 };
	auto_free char *copy = NULL;
	auto_json json_object *members = NULL;
	auto_free char *object = NULL;
	size_t len;

	(void)unused;
	summary_print(&text, ct);
	len = text.len;
	copy = xmemdup(text.data, len);
	assert_int_equal(summary_parse(buf_steal(&text), len, &s), 0);
	assert_true(s.created == INT64_C(1700000000123000000));
	assert_string_equal(s.name, "calm_merian");
	assert_string_equal(s.slash_name, "/calm_merian");
	assert_string_equal(s.network, "none");
	assert_string_equal(summary_label(&s, "k"), "v");
	assert_null(summary_label(&s, "v"));
	assert_string_equal(s.image, "busybox");
	assert_string_equal(s.image_id, ct->image_id);
	object = xasprintf("{%s}", s.members);
	assert_int_equal(json_parse(object, strlen(object), &members, NULL), 0);
	assert_string_equal(json_get_str(members, "Command", ""), "sh -c 'a b'");
	assert_json(json_get(members, "Created"), "1700000000");
	assert_json(json_get(members, "Labels"), "{'k':'v'}");
	assert_json(json_get(members, "Ports"), "[]");
	assert_json(json_get(members, "HostConfig"), "{'NetworkMode':'none'}");

	/* any damage is noticed */
	for (size_t i = 0; i < len; i++) {
		char *damaged = xmemdup(copy, len);
		struct summary d;

		damaged[i] ^= 1;
		assert_int_equal(summary_parse(damaged, len, &d), -EBADMSG);
	}
	for (size_t cut = 0; cut < len; cut++) {
		struct summary d;

		assert_int_equal(summary_parse(xmemdup(copy, cut ? cut : 1), cut, &d), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cli_and_docker_py_make_the_same_container),
		cmocka_unit_test(defaults_are_those_of_docker),
		cmocka_unit_test(everything_the_cli_can_say_is_kept),
		cmocka_unit_test(a_volume_that_is_a_bind_mount_passes),
		cmocka_unit_test(every_way_to_ask_for_a_volume_is_understood),
		cmocka_unit_test(what_other_containers_have_comes_after_ones_own),
		cmocka_unit_test(entrypoint_and_cmd_combine_as_in_docker),
		cmocka_unit_test(the_image_fills_only_what_is_left_open),
		cmocka_unit_test(health_checks_merge_field_by_field),
		cmocka_unit_test(a_health_check_that_says_nothing_is_warned_of),
		cmocka_unit_test(old_clients_have_no_start_interval),
		cmocka_unit_test(what_is_not_honoured_is_refused_by_name),
		cmocka_unit_test(neutral_values_of_refused_fields_pass),
		cmocka_unit_test(keeping_ids_is_asked_for_by_the_mode_or_a_label),
		cmocka_unit_test(an_empty_request_is_told_so),
		cmocka_unit_test(old_clients_share_their_ipc_namespace),
		cmocka_unit_test(a_summary_tells_what_the_container_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
