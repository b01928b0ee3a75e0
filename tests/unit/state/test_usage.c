/* The JSON of `docker stats`. */
#include "../unit.h"

#include "base/alloc.h"
#include "state/usage.h"

static char *print(const struct usage *now, const struct usage *before)
{
	struct buf out = { 0 };

	usage_print(&out, "abc", "/web", now, before);
	return buf_steal(&out);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s has no %s", text, part);
}

static const struct usage sample = {
	.time = INT64_C(1700000000000000000),
	.cpu = 30,
	.cpu_user = 20,
	.cpu_kernel = 10,
	.machine = 5000,
	.cpus = 2,
	.periods = 7,
	.throttled = 3,
	.throttled_ns = 9000,
	.memory = 4096,
	.memory_limit = 8192,
	.pids = 2,
	.pids_limit = USAGE_UNLIMITED,
	.memory_stat = "anon 1000\nfile 300\ninactive_file 200\nodd\n",
	.io_stat = "8:0 rbytes=11 wbytes=22 rios=1 wios=2 dbytes=0 dios=0\n7:1 \n",
	.net_dev = "Inter-|   Receive\n face |bytes\n    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n"
		   "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
};

static void a_sample_has_every_member_of_dockers(void **unused)
{
	const struct usage before = {
		.time = INT64_C(1699999999000000000), .cpu = 10, .machine = 4000
	};
	auto_free char *text = print(&sample, &before);

	(void)unused;
	assert_has(text, "{\"read\":\"2023-11-14T22:13:20Z\",\"preread\":\"2023-11-14T22:13:19Z\"");
	assert_has(text, "\"pids_stats\":{\"current\":2,\"limit\":18446744073709551615}");
	assert_has(text,
		"\"io_service_bytes_recursive\":[{\"major\":8,\"minor\":0,\"op\":\"read\",\"value\":11},"
		"{\"major\":8,\"minor\":0,\"op\":\"write\",\"value\":22}],\"io_serviced_recursive\":null");
	assert_has(text,
		"\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":30,\"usage_in_kernelmode\":10,"
		"\"usage_in_usermode\":20},\"system_cpu_usage\":5000,\"online_cpus\":2,"
		"\"throttling_data\":{\"periods\":7,\"throttled_periods\":3,\"throttled_time\":9000}}");
	assert_has(text, "\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":10,");
	assert_has(text,
		"\"memory_stats\":{\"usage\":4096,\"stats\":{\"anon\":1000,\"file\":300,\"cache\":300,"
		"\"inactive_file\":200},\"limit\":8192}");
	assert_has(text, "\"name\":\"/web\",\"id\":\"abc\"");
	assert_has(text,
		"\"networks\":{\"eth0\":{\"rx_bytes\":1,\"rx_packets\":2,\"rx_errors\":3,\"rx_dropped\":4,"
		"\"tx_bytes\":5,\"tx_packets\":6,\"tx_errors\":7,\"tx_dropped\":8}}}");
}

static void what_does_not_run_uses_nothing(void **unused)
{
	const struct usage none = { 0 };
	auto_free char *text = print(&none, &none);

	(void)unused;
	assert_has(text, "\"read\":\"0001-01-01T00:00:00Z\"");
	assert_has(text, "\"pids_stats\":{}");
	assert_has(text, "\"io_service_bytes_recursive\":null");
	assert_has(text, "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0,");
	assert_has(text, "\"memory_stats\":{}");
	assert_null(strstr(text, "networks"));
	assert_null(strstr(text, "system_cpu_usage"));
}

static void a_loopback_alone_is_no_network(void **unused)
{
	struct usage u = sample;
	auto_free char *text = NULL;

	(void)unused;
	u.net_dev = "    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n  bad: 1 2\n";
	text = print(&u, &u);
	assert_null(strstr(text, "networks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_has_every_member_of_dockers),
		cmocka_unit_test(what_does_not_run_uses_nothing),
		cmocka_unit_test(a_loopback_alone_is_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
