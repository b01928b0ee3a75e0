#include "state/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

#define STATUS_MAX 4096

static const char *const state_names[RUN_STATE_COUNT] = {
	[RUN_CREATED] = "created",
	[RUN_RUNNING] = "running",
	[RUN_PAUSED] = "paused",
	[RUN_RESTARTING] = "restarting",
	[RUN_REMOVING] = "removing",
	[RUN_EXITED] = "exited",
	[RUN_DEAD] = "dead",
};

const char *run_state_name(enum run_state s)
{
	return state_names[s];
}

void status_print(struct buf *out, const struct status *st)
{
	buf_printf(out,
		"dayfly-status=1\nstate=%s\nrun=%u\npid=%d\npid-start=%llu\nmonitor=%d\n"
		"monitor-start=%llu\nstarted=%lld\nfinished=%lld\nexit-code=%d\nexit-known=%d\n"
		"oom-killed=%d\nrestart-count=%u\nboot-id=%s\nerror=",
		state_names[st->state], st->run, (int)st->pid, (unsigned long long)st->pid_start,
		(int)st->monitor, (unsigned long long)st->monitor_start, (long long)st->started,
		(long long)st->finished, st->exit_code, st->exit_known, st->oom_killed,
		st->restart_count, st->boot_id);
	for (const char *p = st->error; *p; p++) /* one record is one line */
		buf_addc(out, (char)(*p == '\n' ? ' ' : *p));
	buf_addc(out, '\n');
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

/* A number that does not fit stays 0: like a missing one, it says nothing. */
static void parse_number(const char *key, int64_t n, struct status *st)
{
	if (str_eq(key, "run"))
		take_count(n, &st->run);
	else if (str_eq(key, "pid"))
		take_int(n, &st->pid);
	else if (str_eq(key, "pid-start"))
		st->pid_start = (uint64_t)n;
	else if (str_eq(key, "monitor"))
		take_int(n, &st->monitor);
	else if (str_eq(key, "monitor-start"))
		st->monitor_start = (uint64_t)n;
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
	else if (str_eq(key, "restart-count"))
		take_count(n, &st->restart_count);
}

static int parse_line(const char *key, const char *value, struct status *st)
{
	int64_t n;

	if (str_eq(key, "state"))
		return parse_state(value, st);
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

int status_parse(const char *text, struct status *ret)
{
	struct status st = { 0 };
	char line[512];

	if (!str_starts(text, "dayfly-status=1\n"))
		return -EBADMSG;
	while (*text) {
		const char *end = strchrnul(text, '\n');
		char *eq;
		int r;

		if ((size_t)(end - text) >= sizeof(line))
			return -EBADMSG;
		memcpy(line, text, (size_t)(end - text));
		line[end - text] = '\0';
		eq = strchr(line, '=');
		if (!eq)
			return -EBADMSG;
		*eq = '\0';
		r = parse_line(line, eq + 1, &st);
		if (r < 0)
			return r;
		text = *end ? end + 1 : end;
	}
	*ret = st;
	return 0;
}

static int read_record(int dir, const char *name, struct status *ret)
{
	char text[STATUS_MAX + 1];
	auto_fd int fd = FD_NONE;
	ssize_t n;

	if (dir < 0)
		return -ENOENT;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = fd_read_upto(fd, text, STATUS_MAX);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return status_parse(text, ret);
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

static int write_record(int dir, const char *name, const struct status *st, int flags)
{
	auto_buf struct buf text = { 0 };

	status_print(&text, st);
	return file_replace_at(dir, name, text.data, text.len, 0600, flags);
}

int status_write(int run_dir, const struct status *st)
{
	return write_record(run_dir, "status", st, 0);
}

int status_write_durable(int data_dir, const struct status *st)
{
	return write_record(data_dir, "state", st, FILE_DURABLE);
}

static bool monitor_lives(const struct status *st, bool exact)
{
	if (st->monitor <= 0)
		return false;
	if (exact)
		return proc_alive(st->monitor, st->monitor_start);
	return kill(st->monitor, 0) == 0 || errno == EPERM;
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
	case RUN_DEAD:
	case RUN_STATE_COUNT: return false;
	}
	if (str_eq(st->boot_id, boot_id_read(boot)) && monitor_lives(st, exact))
		return false;
	st->state = st->state == RUN_REMOVING ? RUN_DEAD : RUN_EXITED;
	st->exit_code = EXIT_UNKNOWN;
	st->exit_known = false;
	st->pid = 0;
	if (!st->finished)
		st->finished = st->started;
	copy_text(st->error, sizeof(st->error),
		"exit status unknown: the container's monitor ended before the container did");
	return true;
}

const char *boot_id_read(char ret[40])
{
	auto_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : fd_read_upto(fd, ret, 36);

	ret[n > 0 ? n : 0] = '\0';
	return ret;
}
