/* Limits: what is refused, what is warned of, and what the kernel is told. */
#include "create.h"

#include "core/resources.h"

static void shares_become_weights_as_runc_and_crun_have_it(void **unused)
{
	/* clang-format off */
	static const struct { int64_t shares; uint64_t weight; } table[] = {
		{ 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 102, 17 }, { 512, 59 }, { 1023, 100 }, { 1024, 100 },
		{ 1025, 101 }, { 2048, 174 }, { 262143, 10000 }, { 262144, 10000 }, { INT64_MAX, 10000 },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(cpu_shares_to_weight(table[i].shares), table[i].weight);
}

static void more_shares_never_weigh_less(void **unused)
{
	uint64_t before = 0;

	(void)unused;
	for (int64_t shares = 2; shares < 300000; shares += 997) {
		uint64_t weight = cpu_shares_to_weight(shares);

		assert_in_range(weight, before, 10000);
		before = weight;
	}
}

static void weights_of_io_fill_the_new_scale(void **unused)
{
	(void)unused;
	assert_int_equal(blkio_weight_to_io_weight(10), 1);
	assert_int_equal(blkio_weight_to_io_weight(500), 4950);
	assert_int_equal(blkio_weight_to_io_weight(1000), 10000);
}

static void swap_is_counted_alone(void **unused)
{
	(void)unused;
	assert_int_equal(memory_swap_alone(100, 300), 200);
	assert_int_equal(memory_swap_alone(100, 100), 0);
	assert_int_equal(memory_swap_alone(100, -1), -1);
	assert_int_equal(memory_swap_alone(0, 0), 0);
}

static void sets_of_cpus_are_compared_number_by_number(void **unused)
{
	/* clang-format off */
	static const struct { const char *list, *available; int want; } table[] = {
		{ "0", "0-3", 1 }, { "0-3", "0-3", 1 }, { "1,3", "0-1,3", 1 }, { "4", "0-3", 0 }, { "0-4", "0-3", 0 },
		{ "", "0-3", -EINVAL }, { "x", "0-3", -EINVAL }, { "1-", "0-3", -EINVAL }, { "3-1", "0-3", -EINVAL },
		{ "1,", "0-3", -EINVAL }, { ",1", "0-3", -EINVAL }, { "-1", "0-3", -EINVAL }, { "0 1", "0-3", -EINVAL },
		{ "99999999999999999999", "0-3", -EINVAL }, { "0-99999999", "0-3", -EINVAL },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (cpu_list_within(table[i].list, table[i].available) != table[i].want)
			fail_msg("%s in %s", table[i].list, table[i].available);
}

/* clang-format off */
static const struct { const char *host_config, *says; } refusals[] = {
	{ "'Memory':1048576", "Minimum memory limit allowed is 6MB" },
	{ "'Memory':-1", "Minimum memory limit allowed is 6MB" },
	{ "'Memory':8388608,'MemorySwap':8388607", "Minimum memoryswap limit should be larger than memory limit, see usage" },
	{ "'MemorySwap':8388608", "You should always set the Memory limit when using Memoryswap limit, see usage" },
	{ "'MemorySwap':-2", "invalid MemorySwap -2" },
	{ "'MemoryReservation':1", "Minimum memory reservation allowed is 6MB" },
	{ "'Memory':8388608,'MemoryReservation':8388609", "Minimum memory limit can not be less than memory reservation limit, see usage" },
	{ "'MemorySwappiness':101", "Invalid value: 101, valid memory swappiness range is 0-100" },
	{ "'MemorySwappiness':-2", "Invalid value: -2, valid memory swappiness range is 0-100" },
	{ "'NanoCpus':1", "range of CPUs is from 0.01 to" },
	{ "'NanoCpus':-1", "range of CPUs is from 0.01 to" },
	{ "'NanoCpus':99999000000000", "CPUs available" },
	{ "'NanoCpus':10000000,'CpuPeriod':100000", "Conflicting options: Nano CPUs and CPU Period cannot both be set." },
	{ "'NanoCpus':10000000,'CpuQuota':100000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set." },
	{ "'CpuShares':-1", "invalid CPU shares (-1): value must be a positive integer" },
	{ "'CpuPeriod':999", "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)" },
	{ "'CpuPeriod':1000001", "CPU cfs period can not be less than 1ms" },
	{ "'CpuQuota':999", "CPU cfs quota can not be less than 1ms (i.e. 1000)" },
	{ "'CpuQuota':-2", "CPU cfs quota can not be less than 1ms (i.e. 1000)" },
	{ "'CpusetCpus':'a'", "Invalid value a for cpuset cpus" },
	{ "'CpusetCpus':'8000'", "Requested CPUs are not available - requested 8000, available: 0" },
	{ "'CpusetMems':'8000'", "Requested memory nodes are not available - requested 8000, available: 0" },
	{ "'BlkioWeight':9", "Range of blkio weight is from 10 to 1000" },
	{ "'BlkioWeight':1001", "Range of blkio weight is from 10 to 1000" },
	{ "'BlkioWeightDevice':[{'Path':'/dev/x','Weight':5}]", "Range of blkio weight is from 10 to 1000" },
	{ "'BlkioWeightDevice':[{'Weight':50}]", "HostConfig.BlkioWeightDevice: \"\" is no absolute path" },
	{ "'BlkioDeviceReadBps':[{'Path':'sda','Rate':5}]", "HostConfig.BlkioDeviceReadBps: \"sda\"" },
	{ "'BlkioDeviceWriteIOps':[{'Path':'/dev/x','Rate':-5}]", "HostConfig.BlkioDeviceWriteIOps: the rate -5" },
	{ "'BlkioDeviceReadBps':[5]", "HostConfig.BlkioDeviceReadBps[0] must be an object" },
	{ "'BlkioDeviceReadBps':{}", "HostConfig.BlkioDeviceReadBps must be a list" },
	{ "'Memory':'64m'", "HostConfig.Memory must be a whole number" },
	{ "'Memory':6.5", "HostConfig.Memory must be a whole number" },
	{ "'PidsLimit':true", "HostConfig.PidsLimit must be a whole number" },
	{ "'CpusetCpus':0", "HostConfig.CpusetCpus must be a string" },
	{ "'OomKillDisable':'no'", "HostConfig.OomKillDisable must be true or false" },
};
/* clang-format on */

static void what_is_senseless_is_refused_in_dockers_words(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		auto_free char *body = xasprintf(
			"{'Image':'i','Cmd':['c'],'HostConfig':{%s}}", refusals[i].host_config);
		auto_create_request struct create_request q = { 0 };
		struct err err = { 0 };

		if (settle(body, NULL, 47, &q, &err) == 0)
			fail_msg("taken: %s", refusals[i].host_config);
		if (err.kind != ERR_INVALID || !strstr(err.msg, refusals[i].says))
			fail_msg("%s: %s", refusals[i].host_config, err.msg);
	}
}

static struct resources resources_of(const char *host_config, struct host_config *h)
{
	auto_json json_object *o = json_of(host_config);
	auto_strv char **w = NULL;
	struct err err = { 0 };

	if (jfields_read(host_config_fields, o, "HostConfig.", h, &err) < 0 ||
		resources_settle(&h->resources, false, &w, &err) < 0)
		fail_msg("%s: %s", host_config, err.msg);
	return h->resources;
}

/* The limits of a plan, as "FILE=VALUE" and a blank each. */
static char *limits_of(const char *host_config)
{
	auto_host_config struct host_config h = { 0 };
	struct resources r = resources_of(host_config, &h);
	auto_buf struct buf plan = { 0 }, out = { 0 };
	struct err err = { 0 };
	const char *p;

	buf_adds(&out, "");
	if (resources_compile(&r, &plan, &err) < 0)
		return xstrdup(err.msg);
	for (p = plan.data; p && p < plan.data + plan.len;) {
		const char *file = p + strlen(p) + 1, *value = file + strlen(file) + 1;

		buf_printf(&out, "%s=%s;", file, value);
		p = value + strlen(value) + 1;
	}
	return buf_steal(&out);
}

static void limits_become_the_files_of_cgroup_v2(void **unused)
{
	/* clang-format off */
	static const struct { const char *host_config, *limits; } table[] = {
		{ "{}", "" },
		{ "{'PidsLimit':0,'CpuQuota':-1,'MemorySwap':0}", "" },
		{ "{'Memory':67108864}", "memory.max=67108864;memory.swap.max=67108864;" },
		{ "{'Memory':67108864,'MemorySwap':67108864}", "memory.max=67108864;memory.swap.max=0;" },
		{ "{'Memory':67108864,'MemorySwap':-1}", "memory.max=67108864;memory.swap.max=max;" },
		{ "{'Memory':67108864,'MemorySwap':100000000}", "memory.max=67108864;memory.swap.max=32891136;" },
		{ "{'MemoryReservation':67108864}", "memory.low=67108864;" },
		{ "{'Memory':9223372036854775807}", "memory.max=9223372036854775807;memory.swap.max=max;" },
		{ "{'NanoCpus':10000000}", "cpu.max=1000 100000;" },
		{ "{'NanoCpus':500000000}", "cpu.max=50000 100000;" },
		{ "{'CpuPeriod':50000,'CpuQuota':25000}", "cpu.max=25000 50000;" },
		{ "{'CpuPeriod':50000}", "cpu.max=max 50000;" },
		{ "{'CpuQuota':150000}", "cpu.max=150000 100000;" },
		{ "{'CpuShares':1024,'CpusetCpus':'0','CpusetMems':'0'}", "cpu.weight=100;cpuset.cpus=0;cpuset.mems=0;" },
		{ "{'PidsLimit':10}", "pids.max=10;" },
		{ "{'BlkioWeight':1000}", "io.weight=default 10000;io.bfq.weight=default 1000;" },
		{ "{'BlkioDeviceReadBps':[{'Path':'/dev/null','Rate':1}]}", "/dev/null, whose IO is to be limited, is no block device" },
		{ "{'BlkioDeviceReadBps':[{'Path':'/no/such','Rate':1}]}", "/no/such, whose IO is to be limited, is no block device" },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		auto_free char *have = limits_of(table[i].host_config);

		assert_string_equal(have, table[i].limits);
	}
}

static const struct delegation nothing = { .maker = CGROUP_BY_NOBODY };
static const struct delegation usual = { .maker = CGROUP_BY_SYSTEMD,
	.has = { [CTL_CPU] = true, [CTL_MEMORY] = true, [CTL_PIDS] = true },
	.swap = true };

static char **warnings_of(const char *host_config, const struct delegation *d)
{
	auto_host_config struct host_config h = { 0 };
	struct resources r = resources_of(host_config, &h);
	char **w = NULL;

	resources_warn(&r, d, &w);
	return w;
}

static void a_limit_that_is_not_applied_is_named(void **unused)
{
	auto_strv char **none = warnings_of("{'Memory':67108864,'PidsLimit':5}", &nothing);
	auto_strv char **some = warnings_of(
		"{'Memory':67108864,'PidsLimit':5,'CpusetCpus':'0','BlkioWeight':10}", &usual);
	auto_strv char **all =
		warnings_of("{'Memory':67108864,'PidsLimit':5,'CpuShares':2}", &usual);

	(void)unused;
	assert_int_equal(strv_len(none), 1);
	assert_true(str_starts(none[0],
		"Memory, MemorySwap, PidsLimit are recorded, but not applied: limits need cgroup v2"));
	assert_int_equal(strv_len(some), 2);
	assert_true(str_starts(some[0],
		"CpusetCpus is recorded, but not applied: the cpuset controller is not delegated"));
	assert_non_null(strstr(some[0], "user@.service.d"));
	assert_true(
		str_starts(some[1], "BlkioWeight is recorded, but not applied: the io controller"));
	assert_int_equal(strv_len(all), 0);
}

static void nobody_asking_is_nothing_to_warn_of(void **unused)
{
	auto_host_config struct host_config h = { 0 };
	struct resources r = resources_of("{'CpuQuota':-1,'PidsLimit':-1,'MemorySwap':-1}", &h);

	(void)unused;
	assert_false(resources_any(&r));
}

/* clang-format off */
static const struct { const char *has, *change, *says, *limits; } updates[] = {
	{ "{}", "{'Memory':67108864}", NULL, "memory.max=67108864;memory.swap.max=67108864;" },
	{ "{'Memory':67108864,'PidsLimit':5}", "{'PidsLimit':-1}", NULL, "memory.max=67108864;memory.swap.max=67108864;" },
	{ "{'PidsLimit':5}", "{'CpuShares':1024}", NULL, "cpu.weight=100;pids.max=5;" },
	{ "{'CpuQuota':50000}", "{'CpuQuota':-1}", NULL, "" },
	{ "{'Memory':67108864}", "{'Memory':134217728,'MemorySwap':-1}", NULL, "memory.max=134217728;memory.swap.max=max;" },
	{ "{'Memory':67108864}", "{'Memory':268435456}", "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time", NULL },
	{ "{'Memory':67108864}", "{'MemorySwap':6291456}", "Minimum memoryswap limit should be larger than memory limit", NULL },
	{ "{}", "{'MemorySwap':67108864}", "You should always set the Memory limit", NULL },
	{ "{'CpuPeriod':50000}", "{'NanoCpus':500000000}", "Nano CPUs cannot be updated as CPU Period has already been set", NULL },
	{ "{'CpuQuota':50000}", "{'NanoCpus':500000000}", "Nano CPUs cannot be updated as CPU Quota has already been set", NULL },
	{ "{'NanoCpus':500000000}", "{'CpuQuota':5000}", "CPU Quota cannot be updated as NanoCPUs has already been set", NULL },
	{ "{'NanoCpus':500000000}", "{'CpuPeriod':5000}", "CPU Period cannot be updated as NanoCPUs has already been set", NULL },
	{ "{}", "{'BlkioDeviceReadBps':[{'Path':'/dev/x','Rate':1}]}", "when a container is created only", NULL },
};
/* clang-format on */

static void an_update_changes_what_it_names(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
		auto_host_config struct host_config h = { 0 }, change = { 0 };
		auto_json json_object *o = json_of(updates[i].change);
		auto_strv char **w = NULL;
		struct err err = { 0 };
		int r;

		(void)resources_of(updates[i].has, &h);
		assert_int_equal(jfields_read(host_config_fields, o, "", &change, &err), 0);
		r = resources_settle(&change.resources, true, &w, &err);
		if (r == 0)
			r = resources_change(&h.resources, &change.resources, &err);
		if (updates[i].says) {
			assert_true(r < 0);
			if (!strstr(err.msg, updates[i].says))
				fail_msg("%s: %s", updates[i].change, err.msg);
		} else {
			auto_buf struct buf text = { 0 };
			struct jsonw jw = JSONW(&text);
			auto_free char *have = NULL;

			assert_int_equal(r, 0);
			jw_object(&jw, NULL);
			jfields_write(&jw, host_config_fields, &h);
			jw_object_end(&jw);
			have = limits_of(text.data);
			assert_string_equal(have, updates[i].limits);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_become_weights_as_runc_and_crun_have_it),
		cmocka_unit_test(more_shares_never_weigh_less),
		cmocka_unit_test(weights_of_io_fill_the_new_scale),
		cmocka_unit_test(swap_is_counted_alone),
		cmocka_unit_test(sets_of_cpus_are_compared_number_by_number),
		cmocka_unit_test(what_is_senseless_is_refused_in_dockers_words),
		cmocka_unit_test(limits_become_the_files_of_cgroup_v2),
		cmocka_unit_test(a_limit_that_is_not_applied_is_named),
		cmocka_unit_test(nobody_asking_is_nothing_to_warn_of),
		cmocka_unit_test(an_update_changes_what_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
