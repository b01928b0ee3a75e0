/* base/err.h - one failure told three ways: errno for the program, kind for the protocol, msg for
 * the person. A plain value without pointers, so a half-built container can write it down a pipe.
 *
 * Functions above base return a negative errno and fill the struct err given as their last
 * argument; base itself only returns the negative errno. Nothing but main and the HTTP edge logs. */
#pragma once

#include <errno.h>

enum err_kind {
	ERR_SYSTEM,       /* our side failed: 500 */
	ERR_INVALID,      /* the request is wrong: 400 */
	ERR_NOT_FOUND,    /* 404 */
	ERR_CONFLICT,     /* the object is in a state that forbids it: 409 */
	ERR_UNAUTHORIZED, /* a registry wants other credentials: 401 */
	ERR_DENIED,       /* 403 */
	ERR_UNSUPPORTED,  /* known, not offered: 501; the message names the field */
	ERR_UNAVAILABLE,  /* try again later: 503 */
	ERR_TOO_LARGE,    /* 413 */
	ERR_TOO_MANY,     /* a registry limits us: 429 */
};

struct err {
	int sys; /* positive errno */
	enum err_kind kind;
	char msg[512]; /* no trailing dot, no newline */
};

/* Both return -sys, so that a failure is one statement: return err_set(...).
 * A NULL err is allowed: only the return value counts then. */
int err_set(struct err *err, enum err_kind kind, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Puts "fmt: " before the message. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ERR_SYSTEM with ": strerror(sys)" after the text. sys may be positive or negative. */
int err_sys(struct err *err, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The HTTP status that tells this kind. */
int err_http_status(const struct err *err);
