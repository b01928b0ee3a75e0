/* The log driver's options. */
#include "core/config.h"
#include "core/words.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "state/logfile.h"

/* "10m", "1.5g" is not taken; "100kb", "1GiB": units are powers of 1024, as in Docker's options. */
static int parse_size(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgt";
	size_t digits = strspn(text, "0123456789");
	auto_free char *number = xstrndup(text, digits);
	const char *unit = text + digits;
	int64_t n;

	if (str_to_i64(number, &n) < 0)
		return -EINVAL;
	if (*unit && strcasecmp(unit, "b") != 0) {
		const char *u = strchr(units, *unit | 0x20);

		if (!u ||
			(unit[1] && strcasecmp(unit + 1, "b") != 0 &&
				strcasecmp(unit + 1, "ib") != 0))
			return -EINVAL;
		for (; u > units; u--)
			if (__builtin_mul_overflow(n, (int64_t)1024, &n))
				return -ERANGE;
	}
	*ret = n;
	return 0;
}

static int check_option(const char *key, const char *value, struct err *err)
{
	static const char *const later[] = { "labels", "labels-regex", "env", "env-regex", "tag",
		NULL };

	if (str_eq(key, "max-size") || str_eq(key, "max-file"))
		return 0;
	if (str_eq(key, "mode")) {
		if (str_eq(value, "blocking"))
			return 0;
		if (!str_eq(value, "non-blocking"))
			return err_set(err, ERR_INVALID, EINVAL, "logger: invalid mode: %s", value);
	} else if (str_eq(key, "compress")) {
		if (str_eq(value, "false"))
			return 0;
	} else if (!word_among(later, key)) {
		return err_set(err, ERR_INVALID, EINVAL,
			"unknown log opt '%s' for json-file log driver", key);
	}
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"HostConfig.LogConfig.Config: %s=%s is not supported yet", key, value);
}

static int read_limits(char *const *options, int64_t *max_size, int64_t *max_files, struct err *err)
{
	const char *size = jmap_get(options, "max-size"), *files = jmap_get(options, "max-file");

	*max_size = LOG_SIZE_DEFAULT;
	*max_files = LOG_FILES_DEFAULT;
	if (size) {
		*max_files = 1; /* Docker's: only the newest part is kept */
		if (str_eq(size, "-1"))
			*max_size = -1;
		else if (parse_size(size, max_size) < 0 || *max_size <= 0)
			return err_set(err, ERR_INVALID, EINVAL, "invalid size: '%s'", size);
	}
	if (!files)
		return 0;
	if (str_to_i64(files, max_files) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid max-file: '%s'", files);
	if (*max_files < 1)
		return err_set(err, ERR_INVALID, EINVAL, "max-file cannot be less than 1");
	if (*max_files > 1000)
		return err_set(err, ERR_INVALID, ERANGE, "max-file cannot be more than 1000");
	return 0;
}

int log_config_limits(
	const struct log_config *l, int64_t *max_size, int64_t *max_files, struct err *err)
{
	static const char *const later[] = { "journald", "local", "syslog", "gelf", "fluentd",
		"awslogs", "splunk", "gcplogs", "logentries", "etwlogs", NULL };

	if (str_eq(l->type, "none")) {
		*max_size = -1;
		*max_files = 1;
		return 0;
	}
	if (word_among(later, l->type))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.LogConfig.Type: \"%s\" is not supported yet", l->type);
	if (!str_eq(l->type, "json-file"))
		return err_set(err, ERR_INVALID, EINVAL,
			"logger: no log driver named '%s' is registered", l->type);
	for (char **o = l->options; o && *o; o += 2) {
		int r = check_option(o[0], o[1], err);

		if (r < 0)
			return r;
	}
	return read_limits(l->options, max_size, max_files, err);
}
