/* worker/disk.h - how much may be written: no layer is worth a full disk, so that the last 64 MiB are left
 * to the rest of the machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Bytes that the file system of fd takes before that; negative: none. INT64_MAX if it does not say. */
int64_t disk_room(int fd);
/* Whether more bytes may follow the written ones. The file system is asked once every 64 MiB. */
bool disk_takes(int fd, int64_t written, int64_t more);
