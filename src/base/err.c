#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *err, enum err_kind kind, int sys, const char *fmt, ...)
{
	va_list ap;

	sys = abs(sys);
	if (err) {
		err->sys = sys;
		err->kind = kind;
		va_start(ap, fmt);
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return sys ? -sys : -EINVAL;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;
	int n;

	if (!err)
		return -EINVAL;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n + 2 < sizeof(err->msg)) {
		size_t room = sizeof(err->msg) - (size_t)n - 2, len = strnlen(old, room - 1);

		memcpy(err->msg + n, ": ", 2);
		memcpy(err->msg + n + 2, old, len);
		err->msg[(size_t)n + 2 + len] = '\0';
	}
	return err->sys ? -err->sys : -EINVAL;
}

int err_sys(struct err *err, int sys, const char *fmt, ...)
{
	va_list ap;
	int n;

	sys = abs(sys);
	if (err) {
		err->sys = sys;
		err->kind = ERR_SYSTEM;
		va_start(ap, fmt);
		n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof(err->msg))
			(void)snprintf(
				err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", strerror(sys));
	}
	return sys ? -sys : -EIO;
}

int err_http_status(const struct err *err)
{
	switch (err->kind) {
	case ERR_SYSTEM: return 500;
	case ERR_INVALID: return 400;
	case ERR_NOT_FOUND: return 404;
	case ERR_CONFLICT: return 409;
	case ERR_UNAUTHORIZED: return 401;
	case ERR_DENIED: return 403;
	case ERR_UNSUPPORTED: return 501;
	case ERR_UNAVAILABLE: return 503;
	case ERR_TOO_LARGE: return 413;
	case ERR_TOO_MANY: return 429;
	}
	return 500;
}
