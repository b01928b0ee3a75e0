#include "monitor/log.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"

static const struct log_driver *const drivers[] = {
	&log_json_file,
	&log_local,
	&log_journald,
};

int64_t log_number(const struct plan *plan, const char *key, int64_t missing)
{
	const char *text = plan_log_opt(plan, key);
	int64_t n;

	return text && str_to_i64(text, &n) == 0 ? n : missing;
}

int log_open(const struct plan *plan, int dir, const char *id, struct log **ret, struct err *err)
{
	const char *name = plan_get(plan, "log", "json-file");
	struct log *l;
	int r;

	*ret = NULL;
	if (str_eq(name, "none"))
		return 0;
	l = xcalloc(1, sizeof(*l));
	l->writeable = FD_NONE;
	l->drops = log_number(plan, "most-kept", 0) > 0;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_eq(drivers[i]->name, name))
			l->driver = drivers[i];
	r = l->driver ? l->driver->open(l, plan, dir, id, err)
		      : err_set(err, ERR_SYSTEM, EINVAL,
				"logger: no log driver named '%s' is registered", name);
	if (r < 0) {
		free(l);
		return err_prefix(err, "failed to initialize logging driver");
	}
	*ret = l;
	return 0;
}

int log_write(struct log *l, enum stream_id stream, const void *data, size_t len)
{
	return l->driver->write(l, stream, data, len);
}

int log_flush(struct log *l)
{
	return l->driver->flush(l);
}

void log_tidy(struct log *l)
{
	if (l)
		l->driver->tidy(l);
}

void log_close(struct log *l)
{
	if (!l)
		return;
	l->driver->close(l);
	free(l);
}
