/* stream/waiter.h - sleeping until there may be more to say: files changed in a watched folder, a
 * process ended, the client left, the time is up. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

#define WAITER_FOLDERS 4

struct waiter {
	struct loop *loop;
	struct watch notify, client, process, timer, more;
	int folders[WAITER_FOLDERS]; /* watch descriptors */
	unsigned folder_count;
	bool polling; /* no inotify instance was left (the kernel allows 128 a user): look again often */
	/* what happened, for the user to read and to clear */
	unsigned changed; /* bit N: folder N */
	bool process_ended;
	bool client_gone;
	bool time_up;
};

/* until: ns since 1970, 0 for ever. */
int waiter_open(struct waiter *w, int client_fd, int64_t until, struct err *err);
void waiter_close(struct waiter *w);
#define auto_waiter __attribute__((cleanup(waiter_close)))
/* Files below dir being written, made, renamed or removed set the bit returned. */
int waiter_add_folder(struct waiter *w, int dir, unsigned *ret_bit, struct err *err);
/* A descriptor that becomes readable when there may be more; borrowed, and read by its owner. */
int waiter_add_fd(struct waiter *w, int fd, struct err *err);
/* One process; one that is gone already counts as ended. */
void waiter_add_process(struct waiter *w, pid_t pid, uint64_t start);
int waiter_wait(struct waiter *w, struct err *err);
