/* core/resources.h - how much a container may use: the part of HostConfig that dockerd calls Resources,
 * and its way to the files of cgroup v2. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/delegation.h"
#include "json/field.h"

/* An entry of BlkioWeightDevice (weight) or of BlkioDeviceReadBps and its like (rate). */
struct blkio_device {
	char *path;
	int64_t value;
};

/* 0 and "" mean: not limited; in an update: as before. */
struct resources {
	int64_t memory, memory_swap,
		memory_reservation; /* bytes; swap is memory and swap, -1 no limit */
	int64_t memory_swappiness;  /* JINT_NONE: not given */
	int64_t nano_cpus, cpu_shares, cpu_period,
		cpu_quota;               /* period and quota in us, quota -1: none */
	char *cpuset_cpus, *cpuset_mems; /* as in "0-3,5" */
	int64_t pids_limit;              /* JINT_NONE: not given; 0 and -1: none */
	int oom_kill_disable;
	int64_t blkio_weight; /* 10 to 1000 */
	struct jlist weight_device, read_bps, write_bps, read_iops,
		write_iops; /* struct blkio_device */
};

extern const struct jfield blkio_weight_fields[], blkio_rate_fields[];

/* Rows of a field table for S, whose member P (with a dot, or nothing) is a struct resources. */
/* clang-format off */
#define RESOURCE_FIELDS(S, P) \
	JINT64("CpuShares", S, P cpu_shares), \
	JINT64("Memory", S, P memory), \
	JINT64("NanoCpus", S, P nano_cpus), \
	JINT64("BlkioWeight", S, P blkio_weight), \
	JLIST("BlkioWeightDevice", S, P weight_device, struct blkio_device, blkio_weight_fields), \
	JLIST("BlkioDeviceReadBps", S, P read_bps, struct blkio_device, blkio_rate_fields), \
	JLIST("BlkioDeviceWriteBps", S, P write_bps, struct blkio_device, blkio_rate_fields), \
	JLIST("BlkioDeviceReadIOps", S, P read_iops, struct blkio_device, blkio_rate_fields), \
	JLIST("BlkioDeviceWriteIOps", S, P write_iops, struct blkio_device, blkio_rate_fields), \
	JINT64("CpuPeriod", S, P cpu_period), \
	JINT64("CpuQuota", S, P cpu_quota), \
	JSTR("CpusetCpus", S, P cpuset_cpus), \
	JSTR("CpusetMems", S, P cpuset_mems), \
	JINT64("MemoryReservation", S, P memory_reservation), \
	JINT64("MemorySwap", S, P memory_swap), \
	JINT64_OPT("MemorySwappiness", S, P memory_swappiness), \
	JBOOL_OPT("OomKillDisable", S, P oom_kill_disable), \
	JINT64_OPT("PidsLimit", S, P pids_limit)
/* clang-format on */

/* dockerd's checks, in its words, and its defaults; w takes what it says of fields that mean nothing on
 * cgroup v2. update: of a request that changes a container, where members that are missing are not
 * contradicted. */
int resources_settle(struct resources *r, bool update, char ***w, struct err *err);
/* Names every limit that will not be applied here, why, and what would help. */
void resources_warn(const struct resources *r, const struct delegation *d, char ***w);
/* Whether anything is asked for; the delegation need not be read otherwise. */
bool resources_any(const struct resources *r);
/* An update: checks that what change asks for goes with what r has, and takes it over. */
int resources_change(struct resources *r, struct resources *change, struct err *err);

/* "limit FILE VALUE" items of the plan. Fails if a device is none. */
int resources_compile(const struct resources *r, struct buf *plan, struct err *err);

/* ---- how numbers convert
 *
 * Shares, 2 to 262144 with 1024 the usual, to a weight from 1 to 10000 with 100 the usual: the formula of
 * runc 1.3.2 and crun 1.23, which keeps the usual where it was (the one before gave 39). */
uint64_t cpu_shares_to_weight(int64_t shares);
/* 10 to 1000, to 1 to 10000: linear, as both have it. */
uint64_t blkio_weight_to_io_weight(int64_t weight);
/* Docker's limit of memory and swap together to v2's of swap alone; -1: none, 0: leave it alone. */
int64_t memory_swap_alone(int64_t memory, int64_t memory_and_swap);
/* Whether every number of a list such as "0-3,5" is in another; -EINVAL if it is no list. */
int cpu_list_within(const char *list, const char *available);
