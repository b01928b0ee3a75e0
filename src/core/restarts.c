#include "core/restarts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "core/container_state.h"
#include "core/containers.h"
#include "core/health.h"
#include "core/spawn.h"
#include "json/text.h"

#define DONE_NAME    "restarted"
#define BOOT_ID_SIZE 40

/* ---- the rule */

int restart_policy_check(struct restart_policy *p, struct err *err)
{
	enum restart_kind kind;

	if (str_empty(p->name)) {
		free(p->name);
		p->name = xstrdup(restart_kind_name(RESTART_NO));
	}
	if (restart_kind_parse(p->name, &kind) < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid restart policy: unknown policy '%.64s'; use one of 'no', 'always', "
			"'on-failure', or 'unless-stopped'",
			p->name);
	if (kind != RESTART_ON_FAILURE && p->max_retries != 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid restart policy: maximum retry count can only be used with "
			"'on-failure'%s",
			p->max_retries < 0 ? " and cannot be negative" : "");
	if (p->max_retries < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid restart policy: maximum retry count cannot be negative");
	if (p->max_retries > INT32_MAX)
		return err_set(err, ERR_INVALID, ERANGE,
			"invalid restart policy: maximum retry count is too large");
	return 0;
}

int restart_label_check(
	const struct container_config *c, const struct host_config *h, char ***w, struct err *err)
{
	auto_healthcheck struct healthcheck check = { 0 };
	bool wanted;
	int r = label_bool(c->labels, LABEL_RESTART_UNHEALTHY, false, &wanted, err);

	if (r == 0)
		r = healthcheck_read(c->healthcheck, &check, err);
	if (r < 0 || !wanted)
		return r;
	if (!healthcheck_runs(&check, NULL))
		strv_add(w,
			"Label " LABEL_RESTART_UNHEALTHY
			" has no effect: there is no health check.");
	else if (str_eq(h->restart.name, restart_kind_name(RESTART_NO)))
		strv_add(w,
			"Label " LABEL_RESTART_UNHEALTHY
			" has no effect: there is no restart policy.");
	return 0;
}

struct restart_rule container_restart_rule(const struct container *ct)
{
	json_object *policy = json_get(ct->host_config, "RestartPolicy");
	json_object *max = json_get(policy, "MaximumRetryCount");
	json_object *labels = json_get(ct->config, "Labels");
	struct restart_rule rule = {
		.unwell = str_eq(json_get_str(labels, LABEL_RESTART_UNHEALTHY, ""), "true"),
	};
	int64_t n = json_object_is_type(max, json_type_int) ? json_object_get_int64(max) : 0;

	(void)restart_kind_parse(json_get_str(policy, "Name", ""), &rule.kind);
	rule.max = n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
	return rule;
}

/* ---- following it */

/* The file's text is the boot it was done in, for run trees that survive one. */
static bool is_done(struct core *c)
{
	auto_free char *text = NULL;
	char boot_id[BOOT_ID_SIZE];

	return file_read_at(c->dirs.run, DONE_NAME, BOOT_ID_SIZE, &text, NULL) == 0 &&
		str_eq(text, boot_id_read(boot_id));
}

/* A configuration that cannot be compiled is the new monitor's to tell, as with any start. */
static bool send_again(struct core *c, const struct container *ct, bool boot)
{
	struct err err = { 0 };
	int r = container_compile(c, ct, &err);

	if (r >= 0)
		r = monitor_send(c, ct->id, "again",
			(const char *const[]){ boot ? "boot=1" : "boot=0", NULL }, FD_NONE, &err);
	if (r < 0)
		log_warning("%.12s: restart: %s", ct->id, err.msg);
	return r >= 0;
}

bool container_comes_again(struct core *c, const struct container *ct)
{
	struct restart_rule rule = container_restart_rule(ct);
	bool boot = !is_done(c); /* it ended with an earlier boot or login */
	struct status st;

	if (rule.kind == RESTART_NO || container_status(c, ct->id, &st) < 0 ||
		!status_settle(&st, true) || st.state != RUN_EXITED)
		return false;
	if (boot ? !restart_after_boot(&rule, &st) : !restart_after_end(&rule, &st, false))
		return false;
	return send_again(c, ct, boot);
}

/* One whose run ended with its boot is found to be stale, and seen to by container_find(). */
static void restart_one(struct core *c, const char *id)
{
	auto_container struct container *ct = NULL;
	struct restart_rule rule;
	struct err err = { 0 };
	int r = container_find(c, id, &ct, &err);

	if (r < 0 && r != -ENOENT)
		log_warning("%.12s: restart: %s", id, err.msg);
	if (r < 0 || ct->stale || ct->status.state != RUN_EXITED)
		return;
	rule = container_restart_rule(ct);
	if (restart_after_boot(&rule, &ct->status))
		(void)send_again(c, ct, true);
}

/* ---- once */

bool restarts_are_due(struct core *c)
{
	return !is_done(c);
}

/* Two at once would do no harm, but one is enough. */
int restarts_run(struct core *c, struct err *err)
{
	auto_fd int lock = openat(c->dirs.run, "restart.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	auto_strv char **ids = NULL;
	char boot_id[BOOT_ID_SIZE];
	int r;

	if (lock < 0)
		return err_sys(err, errno, "open restart.lock");
	if (flock(lock, LOCK_EX | LOCK_NB) < 0 || is_done(c))
		return 0;
	ids = container_ids(c);
	for (char **id = ids; id && *id; id++)
		restart_one(c, *id);
	(void)boot_id_read(boot_id);
	r = file_replace_at(c->dirs.run, DONE_NAME, boot_id, strlen(boot_id), 0600, 0);
	return r < 0 ? err_sys(err, r, "write %s", DONE_NAME) : 0;
}

/* Killed between the two, it is the next request's to do. */
int restarts_anew(struct core *c, struct err *err)
{
	if (unlinkat(c->dirs.run, DONE_NAME, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove %s", DONE_NAME);
	return restarts_run(c, err);
}
