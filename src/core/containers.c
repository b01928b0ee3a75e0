#include "core/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "core/container_state.h"
#include "core/names.h"
#include "core/records.h"
#include "core/restarts.h"
#include "core/scan.h"
#include "core/spawn.h"
#include "state/events.h"
#include "state/remove.h"
#include "json/text.h"

char **container_ids(struct core *c)
{
	return names_at(c->dirs.data, "containers", id_valid);
}

void container_sweep(struct core *c, const char *id)
{
	auto_fd int lock = openat(c->dirs.data, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return; /* perhaps it is just being made */
	/* no power cut takes a part of what is in use */
	if (dirs_container_unmade(&c->dirs, id) && !container_monitor_lives(c, id))
		(void)container_take_away(&c->dirs, id, "", true, NULL);
}

void container_recover(struct core *c, const char *id)
{
	auto_container struct container *ct = NULL;
	json_object *doc;
	int r = record_read(c, id, &doc, NULL);

	if (r == -ENOENT) {
		container_sweep(c, id);
		return;
	}
	if (r == 0 && container_decode(doc, &ct, NULL) == 0) {
		if (container_comes_again(c, ct)) /* that monitor settles it as well */
			return;
		(void)container_identify(c, ct, NULL);
	}
	(void)monitor_recover(c, id, NULL);
}

bool container_is_going(struct core *c, const char *id)
{
	struct status st;

	if (container_status(c, id, &st) < 0)
		return false;
	if (!status_lost(&st, true) && !status_settle(&st, true))
		return false;
	container_recover(c, id);
	return true;
}

/* ---- finding */

static int resolve_prefix(struct core *c, const char *what, char ret[ID_SIZE], struct err *err)
{
	auto_strv char **ids = container_ids(c);
	const char *found = NULL;

	for (char **id = ids; id && *id; id++) {
		if (!str_starts(*id, what) || !record_exists(c, *id))
			continue;
		if (found)
			return err_set(err, ERR_INVALID, ENOTUNIQ,
				"multiple IDs found with provided prefix: %s", what);
		found = *id;
	}
	if (!found)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", what);
	memcpy(ret, found, ID_SIZE);
	return 0;
}

int container_resolve(struct core *c, const char *what, char ret[ID_SIZE], struct err *err)
{
	char id[ID_SIZE];

	if (id_valid(what) && record_exists(c, what)) {
		memcpy(ret, what, ID_SIZE);
		return 0;
	}
	if (name_owner(c, *what == '/' ? what + 1 : what, id) == 0 && record_exists(c, id)) {
		memcpy(ret, id, ID_SIZE);
		return 0;
	}
	if (id_prefix_valid(what))
		return resolve_prefix(c, what, ret, err);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", what);
}

/* By its full id. -ENOENT leaves err alone. */
static int container_load(struct core *c, const char *id, struct container **ret, struct err *err)
{
	auto_container struct container *ct = NULL;
	json_object *doc;
	int r;

	r = record_read(c, id, &doc, err);
	if (r == 0)
		r = container_decode(doc, &ct, err);
	if (r < 0)
		return r;
	r = container_status(c, id, &ct->status);
	if (r < 0)
		return err_sys(err, r, "read status of %.12s", id);
	ct->stale = status_settle(&ct->status, true);
	/* It may have ended, and its monitor with it, since the record was read: what stands there
	 * now that the monitor is gone is its last word. */
	if (ct->stale && container_status(c, id, &ct->status) == 0)
		ct->stale = status_settle(&ct->status, true);
	if (status_lost(&ct->status, json_get_bool(ct->host_config, "AutoRemove"))) {
		container_recover(c, id);
		return -ENOENT;
	}
	*ret = take_ptr(&ct);
	return 0;
}

int container_find(struct core *c, const char *what, struct container **ret, struct err *err)
{
	char id[ID_SIZE];
	int r;

	r = container_resolve(c, what, id, err);
	if (r < 0)
		return r;
	r = container_load(c, id, ret, err);
	if (r == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", what);
	if (r == 0 && (*ret)->stale)
		container_recover(c, id);
	return r;
}

int container_foreach(struct core *c, container_fn *fn, void *arg, struct err *err)
{
	auto_strv char **ids = container_ids(c);
	int r;

	for (char **id = ids; id && *id; id++) {
		auto_container struct container *ct = NULL;

		r = container_load(c, *id, &ct, err);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		r = fn(arg, ct);
		if (r != 0)
			return r;
	}
	return 0;
}

int container_count(struct core *c, struct container_counts *ret, struct err *err)
{
	auto_scan struct scan scan = { .data = FD_NONE, .run = FD_NONE };
	struct container_counts n = { 0 };
	const struct known *known;
	struct status st;
	int r = scan_open(c, &scan, err);

	if (r < 0)
		return r;
	while (scan_next(&scan, &known, &st)) {
		n.total++;
		if (st.state == RUN_RUNNING || st.state == RUN_RESTARTING)
			n.running++;
		else if (st.state == RUN_PAUSED)
			n.paused++;
		else
			n.stopped++;
	}
	*ret = n;
	return 0;
}

/* ---- changing */

#define NO_NEW_NAME "Error when allocating new name"

static int rename_locked(struct core *c, struct container *ct, const char *name, struct err *err)
{
	auto_fd int dir = dirs_container_data(&c->dirs, ct->id);
	int r;

	if (dir < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", ct->id);
	r = name_claim(c, name, ct->id, err);
	if (r < 0)
		return err_prefix(err, NO_NEW_NAME);
	(void)json_object_object_add(ct->doc, "Name", json_object_new_string(name));
	r = record_replace(c, dir, ct->doc, err);
	if (r < 0) {
		name_release(c, name, ct->id);
		return r;
	}
	name_release(c, ct->name, ct->id);
	return 0;
}

/* A live monitor stamps its events with the name: it is told, with the new plan beside it. */
static void tell_monitor(struct core *c, struct container *ct)
{
	if (container_monitor_lives(c, ct->id) && container_compile(c, ct, NULL) == 0)
		(void)monitor_send_if_live(c, ct->id, "reload", NULL, FD_NONE, NULL);
}

int container_rename(struct core *c, const char *what, const char *name, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_free char *old = NULL;
	auto_fd int lock = FD_NONE;
	auto_buf struct buf more = { 0 };
	struct jsonw w = JSONW(&more);
	int r;

	if (str_empty(name) || str_eq(name, "/"))
		return err_set(err, ERR_INVALID, EINVAL, "Neither old nor new names may be empty");
	if (*name == '/')
		name++;
	if (!name_valid(name))
		return err_set(err, ERR_INVALID, EINVAL,
			NO_NEW_NAME
			": Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			name);
	lock = dirs_lock(&c->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	r = container_find(c, what, &ct, err);
	if (r < 0)
		return r;
	if (str_eq(ct->name, name))
		return err_set(err, ERR_INVALID, EINVAL,
			"Renaming a container with the same name as its current name");
	r = rename_locked(c, ct, name, err);
	if (r < 0)
		return r;
	lock = fd_close(lock);
	old = ct->name;
	ct->name = xstrdup(name);
	tell_monitor(c, ct);
	jw_str(&w, "oldName", old);
	container_event(c, ct, "rename", more.data);
	return 0;
}
