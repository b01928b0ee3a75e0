/* oci/lease.h - blobs that came into the store before an image refers to them, and those on their way.
 *
 * data/leases/HEX, an empty file for each:
 *   locked (LOCK_EX)   the holder is fetching the blob; others wait, and find it in the store then
 *   locked (LOCK_SH)   it is in the store, and a pull that needs it goes on
 *   not locked         the pull broke off; the blob is kept for LEASE_KEPT, so that the next try has
 *                      less to do. The file's time is when it came
 *
 * The collection of garbage leaves leased blobs alone. Locks end with their process, so a holder that
 * dies lets go. Nobody waits for a second blob while it holds the lock of one it fetches: pulls cannot
 * block each other for good, in whatever order their layers come. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "state/dirs.h"

#define LEASES     "leases"
#define LEASE_KEPT (24 * 3600 * NSEC_PER_SEC)

/* The lease of a blob that this process is going to fetch unless it is in the store by now, which is the
 * next question: a locked descriptor. -EWOULDBLOCK: another one is fetching it. */
int lease_take(const struct dirs *d, const char *digest);
/* The blob is in the store: whoever waits for it may go on. */
void lease_share(int fd);
/* An image refers to the blob now, or there is none: the file goes unless somebody else holds it. */
void lease_end(const struct dirs *d, const char *digest, int take_fd);

/* Digests with a lease, and of those whose time is over (owned, may be NULL). 0 or -errno. */
int lease_list(const struct dirs *d, char ***ret_held, char ***ret_over);
/* Removes a lease that nobody holds. */
void lease_drop(const struct dirs *d, const char *digest);
/* The time of all that nobody holds is over. */
void lease_end_all(const struct dirs *d);
