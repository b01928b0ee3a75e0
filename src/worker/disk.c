#include "worker/disk.h"

#include <sys/statvfs.h>

#define RESERVE (INT64_C(64) << 20)
#define LOOK    (INT64_C(64) << 20)

int64_t disk_room(int fd)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return INT64_MAX;
	return (int64_t)st.f_bavail * (int64_t)st.f_frsize - RESERVE;
}

bool disk_takes(int fd, int64_t written, int64_t more)
{
	return written / LOOK == (written + more) / LOOK || disk_room(fd) >= 0;
}
