/* runtime/passwd.h - users and groups from the text of passwd(5) and group(5) files: the image's own,
 * and the host's for the login name. No NSS: the monitor is static, and an image's answers must come
 * from the image. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define GROUPS_MAX 1024
#define PASSWD_MAX (4 * 1024 * 1024)

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, gid first; owned */
	size_t group_count;
	char *home; /* owned; "/" for who is not in passwd */
};

void identity_clear(struct identity *id);

/* Who spec means: "", "uid", "name", each with ":gid" or ":group" (Docker's --user). passwd and group
 * are the files' texts, "" for a missing one. Without a group in spec the user's own groups are the
 * supplementary ones; extra (NULL-ended, names or numbers) are added to them. */
int identity_resolve(const char *spec, const char *const *extra, const char *passwd,
	const char *group, struct identity *ret, struct err *err);

/* The login name of uid in the text of a passwd file; owned, NULL if there is none. */
char *passwd_name(const char *passwd, uid_t uid);
