/* core/resources_compile.c - limits as the files of cgroup v2 have them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "core/resources.h"
#include "state/plan.h"

#define CPU_PERIOD_US INT64_C(100000)
#define WEIGHT_MAX    10000
#define PIDS_MAX      4194304 /* the kernel takes no more */
#define VALUE_SIZE    64
#define FRACTION_BITS 40 /* of logarithms */

/* ---- numbers */

/* Without the library of mathematics, which every start of the engine would load for this. */
static double log2_of(uint64_t n)
{
	int whole = 63 - __builtin_clzll(n);
	double x = (double)n / (double)(UINT64_C(1) << whole), r = whole, bit = 1;

	for (int i = 0; i < FRACTION_BITS; i++) {
		bit /= 2;
		x *= x;
		if (x >= 2) {
			x /= 2;
			r += bit;
		}
	}
	return r;
}

/* The smallest whole number not below 10^((l² + 125 l) / 612 - 7 / 34), where l = log2(shares). */
uint64_t cpu_shares_to_weight(int64_t shares)
{
	uint64_t low = 1, high = WEIGHT_MAX;
	double l, wanted;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return WEIGHT_MAX;
	l = log2_of((uint64_t)shares);
	wanted = ((l * l + 125 * l) / 612 - 7.0 / 34) * log2_of(10) - 1e-9;
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (log2_of(middle) >= wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint64_t blkio_weight_to_io_weight(int64_t weight)
{
	return 1 + ((uint64_t)weight - 10) * 9999 / 990;
}

int64_t memory_swap_alone(int64_t memory, int64_t memory_and_swap)
{
	if (memory_and_swap <= 0)
		return memory_and_swap;
	return memory_and_swap - memory;
}

/* ---- files */

static void add_limit(struct buf *plan, const char *file, const char *value)
{
	plan_add(plan, "limit", file, value);
}

static void add_number(struct buf *plan, const char *file, int64_t n)
{
	char value[VALUE_SIZE];

	(void)snprintf(value, sizeof(value), "%" PRId64, n);
	add_limit(plan, file, n < 0 ? "max" : value);
}

static void add_memory(struct buf *plan, const struct resources *r)
{
	int64_t swap = memory_swap_alone(r->memory, r->memory_swap);

	if (r->memory > 0)
		add_number(plan, "memory.max", r->memory);
	if (swap != 0 || (r->memory > 0 && r->memory_swap == r->memory))
		add_number(plan, "memory.swap.max", swap);
	if (r->memory_reservation > 0)
		add_number(plan, "memory.low", r->memory_reservation);
}

/* "quota period", in microseconds. */
static void add_cpu_max(struct buf *plan, const struct resources *r)
{
	int64_t period = r->cpu_period ? r->cpu_period : CPU_PERIOD_US;
	int64_t quota = r->nano_cpus ? r->nano_cpus / (1000000000 / period) : r->cpu_quota;
	char value[VALUE_SIZE];

	if (quota > 0)
		(void)snprintf(value, sizeof(value), "%" PRId64 " %" PRId64, quota, period);
	else
		(void)snprintf(value, sizeof(value), "max %" PRId64, period);
	if (quota > 0 || r->cpu_period)
		add_limit(plan, "cpu.max", value);
}

static void add_cpu(struct buf *plan, const struct resources *r)
{
	if (r->cpu_shares > 0)
		add_number(plan, "cpu.weight", (int64_t)cpu_shares_to_weight(r->cpu_shares));
	add_cpu_max(plan, r);
	if (!str_empty(r->cpuset_cpus))
		add_limit(plan, "cpuset.cpus", r->cpuset_cpus);
	if (!str_empty(r->cpuset_mems))
		add_limit(plan, "cpuset.mems", r->cpuset_mems);
}

/* Of the two schedulers that know weights, each has a file and a scale of its own. */
static void add_weight(struct buf *plan, const char *whose, int64_t weight)
{
	char value[VALUE_SIZE];

	(void)snprintf(
		value, sizeof(value), "%s %" PRIu64, whose, blkio_weight_to_io_weight(weight));
	add_limit(plan, "io.weight", value);
	(void)snprintf(value, sizeof(value), "%s %" PRId64, whose, weight);
	add_limit(plan, "io.bfq.weight", value);
}

static int device_number(const char *path, char ret[VALUE_SIZE], struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(err, ERR_INVALID, ENOTBLK,
			"%s, whose IO is to be limited, is no block device", path);
	(void)snprintf(ret, VALUE_SIZE, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

static int add_device_weights(struct buf *plan, const struct jlist *list, struct err *err)
{
	const struct blkio_device *d = list->items;
	char device[VALUE_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		int r = device_number(d[i].path, device, err);

		if (r < 0)
			return r;
		add_weight(plan, device, d[i].value);
	}
	return 0;
}

/* key: rbps, wbps, riops, wiops. A rate of 0 is none. */
static int add_rates(struct buf *plan, const struct jlist *list, const char *key, struct err *err)
{
	const struct blkio_device *d = list->items;
	char device[VALUE_SIZE], value[2 * VALUE_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		int r = device_number(d[i].path, device, err);

		if (r < 0)
			return r;
		if (d[i].value)
			(void)snprintf(
				value, sizeof(value), "%s %s=%" PRId64, device, key, d[i].value);
		else
			(void)snprintf(value, sizeof(value), "%s %s=max", device, key);
		add_limit(plan, "io.max", value);
	}
	return 0;
}

static int add_io(struct buf *plan, const struct resources *r, struct err *err)
{
	int e;

	if (r->blkio_weight > 0)
		add_weight(plan, "default", r->blkio_weight);
	e = add_device_weights(plan, &r->weight_device, err);
	if (e == 0)
		e = add_rates(plan, &r->read_bps, "rbps", err);
	if (e == 0)
		e = add_rates(plan, &r->write_bps, "wbps", err);
	if (e == 0)
		e = add_rates(plan, &r->read_iops, "riops", err);
	if (e == 0)
		e = add_rates(plan, &r->write_iops, "wiops", err);
	return e;
}

int resources_compile(const struct resources *r, struct buf *plan, struct err *err)
{
	add_memory(plan, r);
	add_cpu(plan, r);
	if (r->pids_limit > 0)
		add_number(plan, "pids.max", r->pids_limit > PIDS_MAX ? -1 : r->pids_limit);
	return add_io(plan, r, err);
}
