#include "core/container_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/spawn.h"
#include "oci/layer.h"
#include "state/events.h"
#include "json/text.h"

#define STATUS_MAX 4096

/* By path from the open trees: a list reads hundreds of these. */
static int read_status(int tree, const char *id, const char *file, struct status *ret)
{
	char path[96], text[STATUS_MAX + 1];
	auto_fd int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "containers/%.64s/%s", id, file);
	fd = openat(tree, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = fd_read_upto(fd, text, STATUS_MAX);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return status_parse(text, ret);
}

int container_status(struct core *c, const char *id, struct status *ret)
{
	int r = read_status(c->dirs.run, id, "status", ret);

	if (r == -ENOENT)
		r = read_status(c->dirs.data, id, "state", ret);
	if (r == -ENOENT) {
		*ret = (struct status){ .state = RUN_CREATED };
		r = 0;
	}
	return r;
}

int container_monitor_lock(struct core *c, const char *id)
{
	auto_fd int run = dirs_container_run(&c->dirs, id, true);
	auto_fd int lock = FD_NONE;

	if (run < 0)
		return run;
	lock = openat(run, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return take_fd(&lock);
}

bool container_monitor_lives(struct core *c, const char *id)
{
	auto_fd int run = dirs_container_run(&c->dirs, id, false);
	auto_fd int lock = run < 0 ? FD_NONE : openat(run, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* ---- events */

void container_attrs(struct buf *out, const struct container *ct)
{
	struct jsonw w = JSONW(out);
	json_object *labels = json_get(ct->config, "Labels");

	if (json_object_is_type(labels, json_type_object)) {
		json_object_object_foreach(labels, key, value) if (!str_eq(key, "image") &&
			!str_eq(key, "name")) json_write(&w, key, value);
	}
	jw_str(&w, "image", ct->image);
	jw_str(&w, "name", ct->name);
}

void container_words(char ***argv, const struct container *ct)
{
	auto_buf struct buf attrs = { 0 };

	container_attrs(&attrs, ct);
	strv_add_take(argv, xasprintf("id=%s", ct->id));
	strv_add_take(argv, xasprintf("attrs=%s", attrs.data));
	strv_add_take(argv, xasprintf("from=%s", ct->image));
}

void container_event(
	struct core *c, const struct container *ct, const char *action, const char *more)
{
	auto_buf struct buf attrs = { 0 };

	container_attrs(&attrs, ct);
	if (more)
		buf_printf(&attrs, ",%s", more);
	(void)event_append(&c->dirs,
		&(struct event){ .type = "container",
			.action = action,
			.id = ct->id,
			.from = ct->image,
			.attrs = attrs.data });
}

/* ---- the Status column */

void duration_text(struct buf *out, int64_t s)
{
	int64_t minutes = s / 60, hours = s / 3600 + (s % 3600 >= 1800);

	if (s < 1)
		buf_adds(out, "Less than a second");
	else if (s == 1)
		buf_adds(out, "1 second");
	else if (s < 60)
		buf_printf(out, "%d seconds", (int)s);
	else if (minutes == 1)
		buf_adds(out, "About a minute");
	else if (minutes < 60)
		buf_printf(out, "%d minutes", (int)minutes);
	else if (hours == 1)
		buf_adds(out, "About an hour");
	else if (hours < 48)
		buf_printf(out, "%d hours", (int)hours);
	else if (hours < 24 * 7 * 2)
		buf_printf(out, "%d days", (int)(hours / 24));
	else if (hours < 24 * 30 * 2)
		buf_printf(out, "%d weeks", (int)(hours / 24 / 7));
	else if (hours < 24 * 365 * 2)
		buf_printf(out, "%d months", (int)(hours / 24 / 30));
	else
		buf_printf(out, "%lld years", (long long)(s / 3600 / 24 / 365));
}

static int64_t seconds_since(int64_t then, int64_t now)
{
	return now > then ? (now - then) / NSEC_PER_SEC : 0;
}

void status_text(struct buf *out, const struct status *st, int64_t now)
{
	switch (st->state) {
	case RUN_CREATED: buf_adds(out, "Created"); break;
	case RUN_RUNNING:
	case RUN_PAUSED:
		buf_adds(out, "Up ");
		duration_text(out, seconds_since(st->started, now));
		if (st->state == RUN_PAUSED)
			buf_adds(out, " (Paused)");
		else if (st->health != HEALTH_NONE)
			buf_printf(out, " (%s%s)", st->health == HEALTH_STARTING ? "health: " : "",
				health_state_name(st->health));
		break;
	case RUN_RESTARTING:
		buf_printf(out, "Restarting (%d) ", st->exit_code);
		duration_text(out, seconds_since(st->finished, now));
		buf_adds(out, " ago");
		break;
	case RUN_REMOVING: buf_adds(out, "Removal In Progress"); break;
	case RUN_EXITED:
		buf_printf(out, "Exited (%d) ", st->exit_code);
		duration_text(out, seconds_since(st->finished, now));
		buf_adds(out, " ago");
		break;
	case RUN_DEAD:
	case RUN_STATE_COUNT: buf_adds(out, "Dead"); break;
	}
}

const char *container_log_driver(const struct container *ct)
{
	return json_get_str(json_get(ct->host_config, "LogConfig"), "Type", "json-file");
}

/* ---- sizes */

int64_t container_size_rw(struct core *c, const char *id)
{
	char path[96];

	if (c->copy && c->userns < 0)
		core_join_userns(c);
	(void)snprintf(path, sizeof(path), "containers/%.64s/upper", id);
	return tree_size_at(c->dirs.data, path);
}

int64_t container_size_root(struct core *c, const struct container *ct, int64_t rw)
{
	for (char **d = ct->diff_ids; d && *d; d++)
		rw += layer_size(&c->dirs, *d);
	return rw;
}
