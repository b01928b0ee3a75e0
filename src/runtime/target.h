/* runtime/target.h - places inside a container's root, where symbolic links are the image's and may
 * point anywhere: everything is resolved as if the root were "/", and handed out as a descriptor. */
#pragma once

#include <stdbool.h>

enum target_kind {
	TARGET_EXISTING, /* -ENOENT if it is missing */
	TARGET_FOLDER,   /* made if missing, with its parents */
	TARGET_FILE,     /* likewise, an empty one */
};

/* An O_PATH descriptor for path below root, or -errno. A dangling symbolic link counts as missing and
 * what it points to is made (images of distributions have /etc/resolv.conf like that). */
int target_open(int root, const char *path, enum target_kind kind);
/* The folder path lies in, made if missing; *ret_name is its last component. */
int target_parent(int root, const char *path, char **ret_name);
