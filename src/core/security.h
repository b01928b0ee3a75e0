/* core/security.h - Docker's SecurityOpt. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct security {
	bool no_new_privs;
	bool unconfined; /* no seccomp filter */
	bool open_paths; /* nothing of /proc and /sys is masked or read-only */
	char *profile;   /* a seccomp profile in Docker's JSON form, or NULL */
};

/* What cannot be honoured is refused: a profile that silently does nothing would be worse. */
int security_read(char *const *options, bool privileged, struct security *ret, struct err *err);
void security_clear(struct security *s);
#define auto_security __attribute__((cleanup(security_clear)))
