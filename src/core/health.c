#include "core/health.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/compile.h"
#include "core/security.h"
#include "json/text.h"

/* clang-format off */
static const struct jfield healthcheck_fields[] = {
	JSTRV("Test", struct healthcheck, test),
	JINT64("Interval", struct healthcheck, interval),
	JINT64("Timeout", struct healthcheck, timeout),
	JINT64("StartPeriod", struct healthcheck, start_period),
	JINT64("StartInterval", struct healthcheck, start_interval),
	JINT64("Retries", struct healthcheck, retries),
	JEND,
};
/* clang-format on */

void healthcheck_clear(struct healthcheck *h)
{
	jfields_clear(healthcheck_fields, h);
}

/* ---- reading */

static int check_duration(int64_t ns, const char *name, struct err *err)
{
	if (ns == 0 || ns >= HEALTH_SHORTEST)
		return 0;
	return err_set(err, ERR_INVALID, EINVAL, "%s in Healthcheck cannot be less than 1ms", name);
}

static int check_values(const struct healthcheck *h, struct err *err)
{
	int r;

	r = check_duration(h->interval, "Interval", err);
	if (r == 0)
		r = check_duration(h->timeout, "Timeout", err);
	if (r == 0 && h->retries < 0)
		r = err_set(err, ERR_INVALID, EINVAL, "Retries in Healthcheck cannot be negative");
	if (r == 0 && h->retries > INT32_MAX)
		r = err_set(err, ERR_INVALID, ERANGE, "Retries in Healthcheck is too large");
	if (r == 0)
		r = check_duration(h->start_period, "StartPeriod", err);
	if (r == 0)
		r = check_duration(h->start_interval, "StartInterval", err);
	if (r == 0 && healthcheck_runs(h, NULL) && !h->test[1])
		r = err_set(err, ERR_INVALID, EINVAL, "Test in Healthcheck has no command after %s",
			h->test[0]);
	return r;
}

int healthcheck_read(json_object *o, struct healthcheck *ret, struct err *err)
{
	auto_healthcheck struct healthcheck h = { 0 };
	int r = o ? jfields_read(healthcheck_fields, o, "Healthcheck.", &h, err) : 0;

	if (r == 0)
		r = check_values(&h, err);
	if (r < 0)
		return r;
	*ret = h;
	h = (struct healthcheck){ 0 };
	return 0;
}

/* As Docker merges: an empty Test, a zero and a missing member are the image's to fill. */
void healthcheck_merge(json_object **mine, json_object *image)
{
	if (!image)
		return;
	if (!*mine)
		*mine = json_object_new_object();
	json_object_object_foreach(image, key, value)
	{
		json_object *own = json_get(*mine, key);

		if (!own || json_is_neutral(own))
			(void)json_object_object_add(*mine, key, json_object_get(value));
	}
}

bool healthcheck_runs(const struct healthcheck *h, const char **unknown)
{
	if (unknown)
		*unknown = NULL;
	if (!h->test || str_eq(h->test[0], "NONE"))
		return false;
	if (str_eq(h->test[0], "CMD") || str_eq(h->test[0], "CMD-SHELL"))
		return true;
	if (unknown)
		*unknown = h->test[0];
	return false;
}

int label_bool(char *const *labels, const char *label, bool missing, bool *ret, struct err *err)
{
	const char *value = jmap_get(labels, label);

	if (value && !str_eq(value, "true") && !str_eq(value, "false"))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid label %s=%.64s: it can be true or false", label, value);
	*ret = value ? str_eq(value, "true") : missing;
	return 0;
}

/* ---- compiling */

static int64_t or_default(int64_t ns, int64_t missing)
{
	return ns ? ns : missing;
}

static void add_numbers(struct buf *plan, const struct healthcheck *h)
{
	const struct health_check check = {
		.interval = or_default(h->interval, HEALTH_INTERVAL),
		.timeout = or_default(h->timeout, HEALTH_TIMEOUT),
		.start_period = h->start_period,
		.start_interval = or_default(h->start_interval, HEALTH_START_INTERVAL),
		.retries = (unsigned)or_default(h->retries, HEALTH_RETRIES),
	};

	health_check_write(plan, &check);
}

static char **probe_command(const struct healthcheck *h, const struct container_config *c)
{
	static char shell[] = "/bin/sh", option[] = "-c";
	static char *const standard[] = { shell, option, NULL };
	char **cmd = NULL;

	if (str_eq(h->test[0], "CMD-SHELL"))
		cmd = strv_copy(c->shell.list ? c->shell.list : standard);
	for (char **t = h->test + 1; *t; t++)
		strv_add(&cmd, *t);
	return cmd;
}

int healthcheck_compile(const struct container *ct, const struct container_config *c,
	const struct host_config *h, const char *profile, struct buf *plan, struct err *err)
{
	auto_healthcheck struct healthcheck check = { 0 };
	auto_security struct security security = { 0 };
	auto_strv char **cmd = NULL;
	bool events;
	int r;

	r = healthcheck_read(c->healthcheck, &check, err);
	if (r < 0 || !healthcheck_runs(&check, NULL))
		return r;
	r = label_bool(c->labels, LABEL_HEALTH_EVENTS, true, &events, err);
	if (r == 0)
		r = security_read(h->security_opt, h->privileged, &security, err);
	if (r < 0)
		return r;
	cmd = probe_command(&check, c);
	compile_identity(plan, ct);
	add_numbers(plan, &check);
	if (!events)
		plan_add(plan, "health-silent");
	plan_add(plan, "subreaper");
	compile_process(plan, &(struct process_spec){ .cmd = cmd }, c, h, profile, &security);
	return 0;
}

/* ---- showing */

static void write_result(struct jsonw *w, const struct health_result *r)
{
	jw_object(w, NULL);
	jw_time(w, "Start", r->start);
	jw_time(w, "End", r->end);
	jw_int(w, "ExitCode", r->exit_code);
	jw_strn(w, "Output", r->output, r->len);
	jw_object_end(w);
}

void health_write(struct jsonw *w, const struct status *st, int run_dir)
{
	auto_health_log struct health_log log = { 0 };

	if (st->health == HEALTH_NONE)
		return;
	(void)health_log_read(run_dir, &log); /* a damaged one is as good as none */
	jw_object(w, "Health");
	jw_str(w, "Status", health_state_name(st->health));
	jw_int(w, "FailingStreak", st->failing_streak);
	jw_array(w, "Log");
	for (size_t i = 0; i < log.count; i++)
		write_result(w, &log.items[i]);
	jw_array_end(w);
	jw_object_end(w);
}
