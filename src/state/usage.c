#include "state/usage.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"

/* Empty lists that Docker has for cgroup v1 alone. */
static const char *const no_io[] = { "io_serviced_recursive", "io_queue_recursive",
	"io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
	"io_time_recursive", "sectors_recursive", NULL };

static const char *next_line(const char *at)
{
	at = strchrnul(at, '\n');
	return *at ? at + 1 : at;
}

/* ---- CPU */

static void cpu_print(struct jsonw *w, const char *key, const struct usage *u)
{
	jw_object(w, key);
	jw_object(w, "cpu_usage");
	jw_uint(w, "total_usage", u->cpu);
	jw_uint(w, "usage_in_kernelmode", u->cpu_kernel);
	jw_uint(w, "usage_in_usermode", u->cpu_user);
	jw_object_end(w);
	if (u->machine)
		jw_uint(w, "system_cpu_usage", u->machine);
	if (u->cpus)
		jw_uint(w, "online_cpus", u->cpus);
	jw_object(w, "throttling_data");
	jw_uint(w, "periods", u->periods);
	jw_uint(w, "throttled_periods", u->throttled);
	jw_uint(w, "throttled_time", u->throttled_ns);
	jw_object_end(w);
	jw_object_end(w);
}

/* ---- memory: every line of memory.stat, and "cache", under which older clients look for its "file" */

static void memory_stat_print(struct jsonw *w, const char *text)
{
	jw_object(w, "stats");
	for (const char *at = text; *at; at = next_line(at)) {
		char name[64];
		uint64_t n;

		if (sscanf(at, "%63s %" SCNu64, name, &n) != 2)
			continue;
		jw_uint(w, name, n);
		if (str_eq(name, "file"))
			jw_uint(w, "cache", n);
	}
	jw_object_end(w);
}

static void memory_print(struct jsonw *w, const struct usage *u)
{
	jw_object(w, "memory_stats");
	if (u->time) {
		jw_uint(w, "usage", u->memory);
		memory_stat_print(w, u->memory_stat ? u->memory_stat : "");
		jw_uint(w, "limit", u->memory_limit);
	}
	jw_object_end(w);
}

/* ---- IO: "8:0 rbytes=1 wbytes=2 rios=3 …" */

static void io_op_print(struct jsonw *w, unsigned major, unsigned minor, const char *op, uint64_t n)
{
	jw_object(w, NULL);
	jw_uint(w, "major", major);
	jw_uint(w, "minor", minor);
	jw_str(w, "op", op);
	jw_uint(w, "value", n);
	jw_object_end(w);
}

bool usage_io_line(const char *line, unsigned dev[2], uint64_t bytes[2])
{
	return sscanf(line, "%u:%u rbytes=%" SCNu64 " wbytes=%" SCNu64, &dev[0], &dev[1], &bytes[0],
		       &bytes[1]) == 4;
}

static void io_print(struct jsonw *w, const char *text)
{
	unsigned dev[2];
	uint64_t bytes[2];
	bool any = false;

	jw_object(w, "blkio_stats");
	for (const char *at = text; *at; at = next_line(at)) {
		if (!usage_io_line(at, dev, bytes))
			continue;
		if (!any)
			jw_array(w, "io_service_bytes_recursive");
		any = true;
		io_op_print(w, dev[0], dev[1], "read", bytes[0]);
		io_op_print(w, dev[0], dev[1], "write", bytes[1]);
	}
	if (any)
		jw_array_end(w);
	else
		jw_null(w, "io_service_bytes_recursive");
	for (const char *const *k = no_io; *k; k++)
		jw_null(w, *k);
	jw_object_end(w);
}

/* ---- networks: "  eth0: " and sixteen numbers, the first eight of which are received */

static void interface_print(struct jsonw *w, const char *name, const uint64_t n[16])
{
	static const char *const rx[] = { "rx_bytes", "rx_packets", "rx_errors", "rx_dropped" };
	static const char *const tx[] = { "tx_bytes", "tx_packets", "tx_errors", "tx_dropped" };

	jw_object(w, name);
	for (int i = 0; i < 4; i++)
		jw_uint(w, rx[i], n[i]);
	for (int i = 0; i < 4; i++)
		jw_uint(w, tx[i], n[8 + i]);
	jw_object_end(w);
}

static bool interface_line(const char *line, char name[32], uint64_t n[16])
{
	int len = 0;
	char *end;

	if (sscanf(line, " %31[^: \n]:%n", name, &len) != 1 || len == 0)
		return false;
	line += len;
	for (int i = 0; i < 16; i++, line = end) {
		n[i] = strtoull(line, &end, 10);
		if (end == line)
			return false;
	}
	return true;
}

/* The loopback is nobody's traffic. */
static void networks_print(struct jsonw *w, const char *text)
{
	bool any = false;
	uint64_t n[16];
	char name[32];

	for (const char *at = text; *at; at = next_line(at)) {
		if (!interface_line(at, name, n) || str_eq(name, "lo"))
			continue;
		if (!any)
			jw_object(w, "networks");
		any = true;
		interface_print(w, name, n);
	}
	if (any)
		jw_object_end(w);
}

static void pids_print(struct jsonw *w, const struct usage *u)
{
	jw_object(w, "pids_stats");
	if (u->time) {
		jw_uint(w, "current", u->pids);
		jw_uint(w, "limit", u->pids_limit);
	}
	jw_object_end(w);
}

void usage_print(struct buf *out, const char *id, const char *slash_name, const struct usage *now,
	const struct usage *before)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_time(&w, "read", now->time);
	jw_time(&w, "preread", before->time);
	pids_print(&w, now);
	io_print(&w, now->io_stat ? now->io_stat : "");
	jw_int(&w, "num_procs", 0); /* Windows only */
	jw_object(&w, "storage_stats");
	jw_object_end(&w);
	cpu_print(&w, "cpu_stats", now);
	cpu_print(&w, "precpu_stats", before);
	memory_print(&w, now);
	jw_str(&w, "name", slash_name);
	jw_str(&w, "id", id);
	networks_print(&w, now->net_dev ? now->net_dev : "");
	jw_object_end(&w);
}
