/* runtime/userns_map.h - reading and writing the id maps of user namespaces. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* How many ids the rows of our own map give. file: "uid_map" or "gid_map". 0 or -errno. */
int userns_map_count(const char *file, uint64_t *ret);
/* Writes a file of /proc/PID: a map, which the kernel takes once, or "setgroups". 0 or -errno. */
int userns_map_write(pid_t pid, const char *file, const char *text);
