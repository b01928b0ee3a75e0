/* core/spawn.h - the only place that starts a monitor, a stream or a worker.
 *
 * All are started with posix_spawn in a session of their own and outlive the caller. Programs are
 * looked for beside the running executable, then in the installation's libexec folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/core.h"

/* Sends op to the container's monitor (state/wire.h), starting one if none lives. The monitor owns the
 * client's connection from then on; fd itself stays the caller's (close it). ERR_UNAVAILABLE and
 * -ETIMEDOUT when a live monitor takes no messages: after 100 ms, or, in a copy of the process, ten
 * seconds. */
int monitor_send(struct core *c, const char *id, const char *op, const char *const *words, int fd,
	struct err *err);
/* ERR_NOT_FOUND if the container has been removed, and no folder of it stays among those of the run tree:
 * to be asked after something was put there, since the removal may have come before. */
int run_folder_check(struct core *c, const char *id, struct err *err);
/* The same, with a client's connection or FD_NONE, only if a monitor listens: 1 sent, 0 none does. */
int monitor_send_if_live(struct core *c, const char *id, const char *op, const char *const *words,
	int fd, struct err *err);
/* "early" of a connection it was sent with this hold= word, if it still lives. */
int monitor_send_early(struct core *c, const char *id, const char *hold, const void *data,
	size_t len, struct err *err);
/* Starts `dayfly-monitor --recover ID`, which settles a container whose monitor died: kills what is
 * left of it, writes the exit record and the event, removes it if it was auto-remove. Detached. */
int monitor_recover(struct core *c, const char *id, struct err *err);

/* dayfly-stream with argv (argv[0] is the kind: "logs", "events"), the client's connection as
 * descriptor 3. fd stays the caller's. */
int stream_spawn(struct core *c, const char *const *argv, int fd, struct err *err);
/* The same with dayfly-journald, which knows logs only. */
int journald_spawn(struct core *c, const char *const *argv, int fd, struct err *err);

/* dayfly-worker with argv (argv[0] is the job), reading its input from a pipe whose write end comes
 * back (non-blocking), and with a control socket (SOCK_SEQPACKET) over which the client's connection
 * is passed once the input is complete: worker_hand_over(). want_input false: stdin is /dev/null and
 * ret->input FD_NONE. */
struct worker {
	pid_t pid;
	int input;
	int control;
};
int worker_spawn(struct core *c, const char *const *argv, bool want_input, struct worker *ret,
	struct err *err);
int worker_hand_over(const struct worker *w, int client_fd);
void worker_clear(struct worker *w); /* closes descriptors */
/* Joins the containers' user namespace, in which every file of theirs can be read. Only for a copy
 * (core.h): what it starts afterwards is inside, too, so that must not be a container. Best effort. */
void core_join_userns(struct core *c);
/* Detached `dayfly-worker fill`: takes up what the creation of this container had begun. */
void worker_fill(struct core *c, const char *id);
/* Detached `dayfly-worker sweep`: frees what lies in trash/. */
void worker_sweep(struct core *c);
