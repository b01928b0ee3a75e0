#include "state/status.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

static const char *const state_names[RUN_STATE_COUNT] = {
	[RUN_CREATED] = "created",
	[RUN_RUNNING] = "running",
	[RUN_PAUSED] = "paused",
	[RUN_RESTARTING] = "restarting",
	[RUN_REMOVING] = "removing",
	[RUN_EXITED] = "exited",
	[RUN_DEAD] = "dead",
};

static const char *const health_names[HEALTH_STATE_COUNT] = {
	[HEALTH_NONE] = "none",
	[HEALTH_STARTING] = "starting",
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_UNHEALTHY] = "unhealthy",
};

const char *health_state_name(enum health_state s)
{
	return health_names[s];
}

const char *run_state_name(enum run_state s)
{
	return state_names[s];
}

/* FNV-1a: tells a half-written record, not a forged one. */
uint64_t status_checksum(const char *data, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
	return h;
}

void status_print(struct buf *out, const struct status *st, uint64_t sequence)
{
	size_t start = out->len;

	buf_printf(out,
		"dayfly-status=1\nstate=%s\nrun=%u\npid=%d\npid-start=%llu\nmonitor=%d\n"
		"monitor-start=%llu\nstarted=%lld\nfinished=%lld\nexit-code=%d\nexit-known=%d\n"
		"oom-killed=%d\nunfinished=%d\nstopped=%d\nrestart-count=%u\nhealth=%s\n"
		"failing-streak=%u\nboot-id=%s\nerror=",
		state_names[st->state], st->run, (int)st->pid, (unsigned long long)st->pid_start,
		(int)st->monitor, (unsigned long long)st->monitor_start, (long long)st->started,
		(long long)st->finished, st->exit_code, st->exit_known, st->oom_killed,
		st->unfinished, st->stopped, st->restart_count, health_names[st->health],
		st->failing_streak, st->boot_id);
	for (const char *p = st->error; *p; p++) /* one record is one line */
		buf_addc(out, (char)(*p == '\n' ? ' ' : *p));
	buf_addc(out, '\n');
	totals_print(out, &st->totals);
	buf_printf(out, "sequence=%llu\n", (unsigned long long)sequence);
	buf_printf(out, "sum=%016llx\n",
		(unsigned long long)status_checksum(out->data + start, out->len - start));
}

static int parse_state(const char *value, struct status *st)
{
	for (int s = 0; s < RUN_STATE_COUNT; s++)
		if (str_eq(value, state_names[s])) {
			st->state = (enum run_state)s;
			return 0;
		}
	return -EBADMSG;
}

static void parse_health(const char *value, struct status *st)
{
	for (int h = 0; h < HEALTH_STATE_COUNT; h++)
		if (str_eq(value, health_names[h]))
			st->health = (enum health_state)h;
}

static void copy_text(char *to, size_t room, const char *from)
{
	(void)snprintf(to, room, "%s", from);
}

static void take_int(int64_t n, int *ret)
{
	if (n >= INT_MIN && n <= INT_MAX)
		*ret = (int)n;
}

static void take_count(int64_t n, unsigned *ret)
{
	if (n >= 0 && n <= UINT_MAX)
		*ret = (unsigned)n;
}

static void take_time(int64_t n, uint64_t *ret) /* of a process's start, in clock ticks */
{
	if (n >= 0)
		*ret = (uint64_t)n;
}

/* A number that does not fit stays 0: like a missing one, it says nothing. */
static void parse_number(const char *key, int64_t n, struct status *st)
{
	if (str_eq(key, "run"))
		take_count(n, &st->run);
	else if (str_eq(key, "pid"))
		take_int(n, &st->pid);
	else if (str_eq(key, "pid-start"))
		take_time(n, &st->pid_start);
	else if (str_eq(key, "monitor"))
		take_int(n, &st->monitor);
	else if (str_eq(key, "monitor-start"))
		take_time(n, &st->monitor_start);
	else if (str_eq(key, "started"))
		st->started = n;
	else if (str_eq(key, "finished"))
		st->finished = n;
	else if (str_eq(key, "exit-code"))
		take_int(n, &st->exit_code);
	else if (str_eq(key, "exit-known"))
		st->exit_known = n != 0;
	else if (str_eq(key, "oom-killed"))
		st->oom_killed = n != 0;
	else if (str_eq(key, "unfinished"))
		st->unfinished = n != 0;
	else if (str_eq(key, "stopped"))
		st->stopped = n != 0;
	else if (str_eq(key, "restart-count"))
		take_count(n, &st->restart_count);
	else if (str_eq(key, "failing-streak"))
		take_count(n, &st->failing_streak);
	else
		totals_take(&st->totals, key, n);
}

static int parse_line(const char *key, const char *value, struct status *st)
{
	int64_t n;

	if (str_eq(key, "state"))
		return parse_state(value, st);
	if (str_eq(key, "health")) {
		parse_health(value, st);
		return 0;
	}
	if (str_eq(key, "error")) {
		copy_text(st->error, sizeof(st->error), value);
		return 0;
	}
	if (str_eq(key, "boot-id")) {
		copy_text(st->boot_id, sizeof(st->boot_id), value);
		return 0;
	}
	if (str_to_i64(value, &n) == 0)
		parse_number(key, n, st);
	return 0;
}

/* The lines of a record whose sum was right. */
static int parse_lines(const char *text, const char *end, struct status *ret)
{
	struct status st = { 0 };
	char line[512];

	if (!str_starts(text, "dayfly-status=1\n"))
		return -EBADMSG;
	while (text < end) {
		const char *line_end = strchrnul(text, '\n');
		char *eq;
		int r;

		if ((size_t)(line_end - text) >= sizeof(line))
			return -EBADMSG;
		memcpy(line, text, (size_t)(line_end - text));
		line[line_end - text] = '\0';
		eq = strchr(line, '=');
		if (!eq)
			return -EBADMSG;
		*eq = '\0';
		r = parse_line(line, eq + 1, &st);
		if (r < 0)
			return r;
		text = line_end + 1;
	}
	*ret = st;
	return 0;
}

/* The end of the record in a slot (where its sum begins) and its sequence number; NULL if the slot is
 * empty or half-written. */
static const char *record_end(const char *slot, size_t len, uint64_t *sequence)
{
	const char *sum = memmem(slot, len, "\nsum=", 5), *seq;

	if (!sum)
		return NULL;
	sum++;
	if (strtoull(sum + 4, NULL, 16) != status_checksum(slot, (size_t)(sum - slot)))
		return NULL;
	seq = memmem(slot, (size_t)(sum - slot), "\nsequence=", 10);
	*sequence = seq ? strtoull(seq + 10, NULL, 10) : 0;
	return sum;
}

/* Which slot of a file's content holds the latest record; -ENOENT: none. */
static int latest_slot(const char *text, uint64_t *ret_sequence, const char **ret_end)
{
	size_t len = strnlen(text, STATUS_FILE);
	int latest = -ENOENT;

	for (int i = 0; i < 2 && len > (size_t)i * STATUS_SLOT; i++) {
		const char *slot = text + (size_t)i * STATUS_SLOT;
		size_t room = len - (size_t)i * STATUS_SLOT;
		uint64_t sequence;
		const char *end =
			record_end(slot, room < STATUS_SLOT ? room : STATUS_SLOT, &sequence);

		if (!end || (latest >= 0 && sequence < *ret_sequence))
			continue;
		latest = i;
		*ret_sequence = sequence;
		*ret_end = end;
	}
	return latest;
}

int status_parse(const char *text, struct status *ret)
{
	uint64_t sequence;
	const char *end;
	int slot = latest_slot(text, &sequence, &end);

	return slot < 0 ? slot : parse_lines(text + slot * STATUS_SLOT, end, ret);
}

static int read_file(int dir, const char *name, int flags, char ret[STATUS_FILE + 1])
{
	int fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_upto(fd, ret, STATUS_FILE);
	if (n < 0) {
		(void)fd_close(fd);
		return (int)n;
	}
	ret[n] = '\0';
	return fd;
}

static int read_record(int dir, const char *name, struct status *ret)
{
	char text[STATUS_FILE + 1];
	auto_fd int fd = dir < 0 ? -ENOENT : read_file(dir, name, O_RDONLY, text);

	return fd < 0 ? fd : status_parse(text, ret);
}

int status_read(int run_dir, int data_dir, struct status *ret)
{
	int r = read_record(run_dir, "status", ret);

	if (r == -ENOENT)
		r = read_record(data_dir, "state", ret);
	if (r == -ENOENT) {
		*ret = (struct status){ .state = RUN_CREATED };
		r = 0;
	}
	return r;
}

static int sync_record(int dir, int fd, bool fresh)
{
	if (!fresh)
		return fdatasync(fd) < 0 ? -errno : 0;
	return sync_new_file(fd, &dir, 1);
}

/* A fresh file is written whole, so that later writes change no metadata. */
static int write_record(int dir, const char *name, const struct status *st, bool durable)
{
	char text[STATUS_FILE + 1];
	auto_fd int fd = read_file(dir, name, O_RDWR | O_CREAT, text);
	char room[STATUS_FILE]; /* never outgrown; on the stack, which a monitor gives back */
	struct buf record = { .data = room, .room = sizeof(room) };
	uint64_t sequence = 0;
	const char *end;
	int latest, slot;
	size_t len;
	ssize_t n;

	if (fd < 0)
		return fd;
	latest = latest_slot(text, &sequence, &end);
	slot = latest == 0 ? 1 : 0;
	len = latest < 0 ? STATUS_FILE : STATUS_SLOT;
	status_print(&record, st, sequence + 1);
	assert(record.len <= STATUS_SLOT);
	memset(text, '\n', sizeof(text));
	memcpy(text, record.data, record.len);
	n = pwrite(fd, text, len, (off_t)slot * STATUS_SLOT);
	if (n < 0)
		return -errno;
	if ((size_t)n < len)
		return -ENOSPC;
	return durable ? sync_record(dir, fd, latest < 0) : 0;
}

int status_write(int run_dir, const struct status *st)
{
	return write_record(run_dir, "status", st, false);
}

int status_write_durable(int data_dir, const struct status *st)
{
	return write_record(data_dir, "state", st, true);
}

static bool monitor_lives(const struct status *st, bool exact)
{
	if (st->monitor <= 0)
		return false;
	if (exact)
		return proc_alive(st->monitor, st->monitor_start);
	return kill(st->monitor, 0) == 0 || errno == EPERM;
}

static void settle_end(struct status *st)
{
	bool ended = st->state == RUN_RESTARTING;

	st->state = st->state == RUN_REMOVING ? RUN_DEAD : RUN_EXITED;
	if (ended)
		return;
	if (st->health != HEALTH_NONE)
		st->health = HEALTH_UNHEALTHY;
	st->exit_code = EXIT_UNKNOWN;
	st->exit_known = false;
	st->pid = 0;
	if (!st->finished)
		st->finished = st->started;
	copy_text(st->error, sizeof(st->error),
		"exit status unknown: the container's monitor ended before the container did");
}

bool status_settle(struct status *st, bool exact)
{
	char boot[40];

	switch (st->state) {
	case RUN_RUNNING:
	case RUN_PAUSED:
	case RUN_RESTARTING:
	case RUN_REMOVING: break;
	case RUN_CREATED:
	case RUN_EXITED:
		if (!st->unfinished)
			return false;
		break;
	case RUN_DEAD:
	case RUN_STATE_COUNT: return false;
	}
	if (str_eq(st->boot_id, boot_id_read(boot)) && monitor_lives(st, exact))
		return false;
	if (st->state == RUN_CREATED || st->state == RUN_EXITED)
		return true; /* what it says is right */
	settle_end(st);
	return true;
}

const char *boot_id_read(char ret[40])
{
	auto_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : fd_read_upto(fd, ret, 36);

	ret[n > 0 ? n : 0] = '\0';
	return ret;
}
