#include "core/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"

#define MEMORY_MIN     (INT64_C(6) << 20)
#define NANO           INT64_C(1000000000)
#define NANO_CPUS_MIN  (NANO / 100)
#define CPU_NUMBER_MAX 8191 /* the kernel's NR_CPUS is never above */
#define TEXT_MAX       4096

/* clang-format off */
const struct jfield blkio_weight_fields[] = {
	JSTR("Path", struct blkio_device, path),
	JINT64("Weight", struct blkio_device, value),
	JEND,
};

const struct jfield blkio_rate_fields[] = {
	JSTR("Path", struct blkio_device, path),
	JINT64("Rate", struct blkio_device, value),
	JEND,
};
/* clang-format on */

static int invalid(struct err *err, const char *text)
{
	return err_set(err, ERR_INVALID, EINVAL, "%s", text);
}

/* ---- memory */

static int check_memory(const struct resources *r, bool update, struct err *err)
{
	if (r->memory != 0 && r->memory < MEMORY_MIN)
		return invalid(err, "Minimum memory limit allowed is 6MB");
	if (r->memory_swap < -1)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid MemorySwap %lld: it is a number of bytes, or -1 for no limit",
			(long long)r->memory_swap);
	if (r->memory > 0 && r->memory_swap > 0 && r->memory_swap < r->memory)
		return invalid(err,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (r->memory == 0 && r->memory_swap > 0 && !update)
		return invalid(err,
			"You should always set the Memory limit when using Memoryswap limit, see usage");
	if (r->memory_reservation != 0 && r->memory_reservation < MEMORY_MIN)
		return invalid(err, "Minimum memory reservation allowed is 6MB");
	if (r->memory > 0 && r->memory < r->memory_reservation)
		return invalid(err,
			"Minimum memory limit can not be less than memory reservation limit, see usage");
	return 0;
}

/* There is no swappiness per group in v2, and the OOM killer cannot be switched off. Both are then as if
 * not given, as dockerd has it. */
static int settle_v1_only(struct resources *r, char ***w, struct err *err)
{
	if (r->memory_swappiness != JINT_NONE && r->memory_swappiness != -1) {
		if (r->memory_swappiness < 0 || r->memory_swappiness > 100)
			return err_set(err, ERR_INVALID, EINVAL,
				"Invalid value: %lld, valid memory swappiness range is 0-100",
				(long long)r->memory_swappiness);
		strv_add(w,
			"Your kernel does not support memory swappiness capabilities or the cgroup is not "
			"mounted. Memory swappiness discarded.");
	}
	r->memory_swappiness = JINT_NONE;
	if (r->oom_kill_disable == 1)
		strv_add(w,
			"Your kernel does not support OomKillDisable. OomKillDisable discarded.");
	r->oom_kill_disable = -1;
	return 0;
}

/* ---- CPU */

static int check_nano_cpus(int64_t nano, struct err *err)
{
	int64_t cpus = proc_cpus();

	if (nano == 0 || (nano >= NANO_CPUS_MIN && nano <= cpus * NANO))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL,
		"range of CPUs is from 0.01 to %lld.00, as there are only %lld CPUs available",
		(long long)cpus, (long long)cpus);
}

static int check_cpu(const struct resources *r, struct err *err)
{
	if (r->nano_cpus > 0 && r->cpu_period > 0)
		return invalid(
			err, "Conflicting options: Nano CPUs and CPU Period cannot both be set.");
	if (r->nano_cpus > 0 && r->cpu_quota > 0)
		return invalid(
			err, "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
	if (r->cpu_shares < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid CPU shares (%lld): value must be a positive integer",
			(long long)r->cpu_shares);
	if (r->cpu_period != 0 && (r->cpu_period < 1000 || r->cpu_period > 1000000))
		return invalid(err,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. "
			"1000000)");
	if (r->cpu_quota < -1 || (r->cpu_quota > 0 && r->cpu_quota < 1000))
		return invalid(err, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	return check_nano_cpus(r->nano_cpus, err);
}

/* "7" or "3-5"; *end is behind it. */
static bool read_range(const char *s, unsigned long *from, unsigned long *to, const char **end)
{
	char *at;

	if (*s < '0' || *s > '9')
		return false;
	*from = *to = strtoul(s, &at, 10);
	if (*at == '-') {
		if (at[1] < '0' || at[1] > '9')
			return false;
		*to = strtoul(at + 1, &at, 10);
	}
	*end = at;
	return *from <= *to && *to <= CPU_NUMBER_MAX;
}

/* Marks a list's numbers. */
static int read_list(const char *list, bool ret[CPU_NUMBER_MAX + 1])
{
	unsigned long from, to;

	for (;;) {
		if (!read_range(list, &from, &to, &list))
			return -EINVAL;
		for (; from <= to; from++)
			ret[from] = true;
		if (!*list)
			return 0;
		if (*list++ != ',')
			return -EINVAL;
	}
}

int cpu_list_within(const char *list, const char *available)
{
	bool wanted[CPU_NUMBER_MAX + 1] = { false }, there[CPU_NUMBER_MAX + 1] = { false };

	if (read_list(list, wanted) < 0 || read_list(available, there) < 0)
		return -EINVAL;
	for (int i = 0; i <= CPU_NUMBER_MAX; i++)
		if (wanted[i] && !there[i])
			return 0;
	return 1;
}

/* what: "cpus" or "mems"; name as dockerd's messages have it; file: which of them are online. */
static int check_set(
	const char *list, const char *what, const char *name, const char *file, struct err *err)
{
	auto_free char *online = NULL;
	int r;

	if (str_empty(list))
		return 0;
	if (file_read_at(AT_FDCWD, file, TEXT_MAX, &online, NULL) < 0)
		online = xstrdup("0");
	online[strcspn(online, "\n")] = '\0';
	r = cpu_list_within(list, online);
	if (r < 0)
		return err_set(
			err, ERR_INVALID, EINVAL, "Invalid value %.64s for cpuset %s", list, what);
	if (r == 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"Requested %s are not available - requested %.64s, available: %.64s", name,
			list, online);
	return 0;
}

/* ---- IO */

static int check_weight(int64_t weight, struct err *err)
{
	if (weight == 0 || (weight >= 10 && weight <= 1000))
		return 0;
	return invalid(err, "Range of blkio weight is from 10 to 1000");
}

static int check_devices(const struct jlist *list, const char *field, struct err *err)
{
	const struct blkio_device *d = list->items;

	for (size_t i = 0; i < list->count; i++, d++) {
		if (str_empty(d->path) || *d->path != '/')
			return err_set(err, ERR_INVALID, EINVAL,
				"HostConfig.%s: \"%s\" is no absolute path of a device", field,
				d->path ? d->path : "");
		if (d->value < 0)
			return err_set(err, ERR_INVALID, EINVAL,
				"HostConfig.%s: the rate %lld of %s is negative", field,
				(long long)d->value, d->path);
	}
	return 0;
}

static int check_io(const struct resources *r, struct err *err)
{
	const struct blkio_device *d = r->weight_device.items;
	int e = check_weight(r->blkio_weight, err);

	if (e == 0)
		e = check_devices(&r->weight_device, "BlkioWeightDevice", err);
	for (size_t i = 0; e == 0 && i < r->weight_device.count; i++)
		e = check_weight(d[i].value ? d[i].value : -1, err);
	if (e == 0)
		e = check_devices(&r->read_bps, "BlkioDeviceReadBps", err);
	if (e == 0)
		e = check_devices(&r->write_bps, "BlkioDeviceWriteBps", err);
	if (e == 0)
		e = check_devices(&r->read_iops, "BlkioDeviceReadIOps", err);
	if (e == 0)
		e = check_devices(&r->write_iops, "BlkioDeviceWriteIOps", err);
	return e;
}

/* ---- all of it */

static void settle_defaults(struct resources *r)
{
	/* a limit of memory means as much swap again */
	if (r->memory > 0 && r->memory_swap == 0)
		r->memory_swap = r->memory > INT64_MAX / 2 ? -1 : 2 * r->memory;
	if (r->pids_limit != JINT_NONE && r->pids_limit <= 0)
		r->pids_limit = JINT_NONE;
}

int resources_settle(struct resources *r, bool update, char ***w, struct err *err)
{
	int e = check_memory(r, update, err);

	if (e == 0)
		e = check_cpu(r, err);
	if (e == 0)
		e = check_set(
			r->cpuset_cpus, "cpus", "CPUs", "/sys/devices/system/cpu/online", err);
	if (e == 0)
		e = check_set(r->cpuset_mems, "mems", "memory nodes",
			"/sys/devices/system/node/online", err);
	if (e == 0)
		e = check_io(r, err);
	if (e == 0)
		e = settle_v1_only(r, w, err);
	if (e == 0 && !update)
		settle_defaults(r);
	return e;
}

/* ---- what is not applied */

struct asked {
	const char *field;
	enum controller controller;
	bool given;
};

#define ASKED_COUNT 14

static void list_asked(const struct resources *r, struct asked ret[ASKED_COUNT])
{
	const struct asked all[ASKED_COUNT] = {
		{ "Memory", CTL_MEMORY, r->memory > 0 },
		{ "MemorySwap", CTL_MEMORY, r->memory_swap > 0 },
		{ "MemoryReservation", CTL_MEMORY, r->memory_reservation > 0 },
		{ "NanoCpus", CTL_CPU, r->nano_cpus > 0 },
		{ "CpuShares", CTL_CPU, r->cpu_shares > 0 },
		{ "CpuPeriod", CTL_CPU, r->cpu_period > 0 },
		{ "CpuQuota", CTL_CPU, r->cpu_quota > 0 },
		{ "CpusetCpus", CTL_CPUSET, !str_empty(r->cpuset_cpus) },
		{ "CpusetMems", CTL_CPUSET, !str_empty(r->cpuset_mems) },
		{ "PidsLimit", CTL_PIDS, r->pids_limit > 0 },
		{ "BlkioWeight", CTL_IO, r->blkio_weight > 0 },
		{ "BlkioWeightDevice", CTL_IO, r->weight_device.count > 0 },
		{ "BlkioDeviceReadBps and WriteBps", CTL_IO,
			r->read_bps.count + r->write_bps.count > 0 },
		{ "BlkioDeviceReadIOps and WriteIOps", CTL_IO,
			r->read_iops.count + r->write_iops.count > 0 },
	};

	memcpy(ret, all, sizeof(all));
}

bool resources_any(const struct resources *r)
{
	struct asked asked[ASKED_COUNT];

	list_asked(r, asked);
	for (int i = 0; i < ASKED_COUNT; i++)
		if (asked[i].given)
			return true;
	return false;
}

/* One warning for each controller that is missing, or a single one if there is no cgroup at all. */
static void warn_controller(
	const struct asked *asked, const struct delegation *d, int controller, char ***w)
{
	bool none = d->maker != CGROUP_BY_SYSTEMD;
	auto_buf struct buf fields = { 0 };
	int n = 0;

	for (int i = 0; i < ASKED_COUNT; i++)
		if (asked[i].given && (none || (int)asked[i].controller == controller)) {
			buf_printf(&fields, "%s%s", n ? ", " : "", asked[i].field);
			n++;
		}
	if (n == 0)
		return;
	strv_add_take(w,
		xasprintf("%s %s recorded, but not applied: %s%s%s.", fields.data,
			n > 1 ? "are" : "is", delegation_lack(d, (enum controller)controller),
			none ? "" : ". To delegate it: ", none ? "" : delegation_remedy));
}

void resources_warn(const struct resources *r, const struct delegation *d, char ***w)
{
	struct asked asked[ASKED_COUNT];

	list_asked(r, asked);
	if (d->maker != CGROUP_BY_SYSTEMD) {
		warn_controller(asked, d, CTL_MEMORY, w);
		return;
	}
	for (int c = 0; c < CTL_COUNT; c++)
		if (!d->has[c])
			warn_controller(asked, d, c, w);
	if (d->has[CTL_MEMORY] && !d->swap && r->memory > 0 && r->memory_swap >= 0)
		strv_add(w,
			"Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
			"Memory limited without swap.");
	if (d->has[CTL_IO] && !d->weight && (r->blkio_weight > 0 || r->weight_device.count > 0))
		strv_add(w,
			"Your kernel does not support Block I/O weight or the cgroup is not mounted. "
			"Weight discarded.");
}

/* ---- update */

static int conflict(struct err *err, const char *text)
{
	return err_set(err, ERR_CONFLICT, EINVAL, "%s", text);
}

static int check_change(const struct resources *r, const struct resources *change, struct err *err)
{
	if (change->weight_device.count || change->read_bps.count || change->write_bps.count ||
		change->read_iops.count || change->write_iops.count)
		return invalid(err,
			"limits for single devices (BlkioWeightDevice, BlkioDeviceReadBps and its "
			"like) can be given when a container is created only");
	if (change->nano_cpus > 0 && r->cpu_period > 0)
		return conflict(err,
			"Conflicting options: Nano CPUs cannot be updated as CPU Period has "
			"already been set");
	if (change->nano_cpus > 0 && r->cpu_quota > 0)
		return conflict(err,
			"Conflicting options: Nano CPUs cannot be updated as CPU Quota has "
			"already been set");
	if (change->cpu_period > 0 && r->nano_cpus > 0)
		return conflict(err,
			"Conflicting options: CPU Period cannot be updated as NanoCPUs has "
			"already been set");
	if (change->cpu_quota > 0 && r->nano_cpus > 0)
		return conflict(err,
			"Conflicting options: CPU Quota cannot be updated as NanoCPUs has "
			"already been set");
	if (r->memory_swap > 0 && change->memory > r->memory_swap && change->memory_swap == 0)
		return conflict(err,
			"Memory limit should be smaller than already set memoryswap limit, "
			"update the memoryswap at the same time");
	return 0;
}

static void take_number(int64_t *to, int64_t from)
{
	if (from)
		*to = from;
}

static void take_text(char **to, char **from)
{
	if (str_empty(*from))
		return;
	free(*to);
	*to = take_ptr(from);
}

int resources_change(struct resources *r, struct resources *change, struct err *err)
{
	int e = check_change(r, change, err);

	if (e < 0)
		return e;
	take_number(&r->memory, change->memory);
	take_number(&r->memory_swap, change->memory_swap);
	take_number(&r->memory_reservation, change->memory_reservation);
	take_number(&r->nano_cpus, change->nano_cpus);
	take_number(&r->cpu_shares, change->cpu_shares);
	take_number(&r->cpu_period, change->cpu_period);
	take_number(&r->cpu_quota, change->cpu_quota);
	take_number(&r->blkio_weight, change->blkio_weight);
	take_text(&r->cpuset_cpus, &change->cpuset_cpus);
	take_text(&r->cpuset_mems, &change->cpuset_mems);
	if (change->pids_limit != JINT_NONE)
		r->pids_limit = change->pids_limit;
	/* together they may contradict what each by itself did not */
	e = check_memory(r, false, err);
	settle_defaults(r);
	return e;
}
