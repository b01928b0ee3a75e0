/* worker/mounted.h - whether something is mounted where a file is about to be removed. */
#pragma once

/* dir/name, or (for a folder) anything below it, is a mount point in the mount namespace that dir was opened
 * in: -EBUSY. 0: nothing is. The kernel only looks at the caller's own namespace: elsewhere an unlinkat()
 * succeeds, and takes the mount away from those who use it. */
int mounted_within(int dir, const char *name);
