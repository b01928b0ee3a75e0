/* monitor/states.h - what a container's monitor does about what happens, as one table.
 *
 *   CREATED   no program runs: never started, or ended; early clients and waiters may be held
 *   AWAITING  the same, but a start is held until systemd has made the scope
 *   RUNNING   the program runs
 *   PAUSED    it would run, but its cgroup is frozen
 *   STOPPING  asked to end by its stop signal; the timer will kill it
 *   KILLED    SIGKILL was sent; its end is certain
 *   DRAINING  the program is gone, the rest of its output is being read
 *   BACKOFF   the program has ended and will be started again by the timer
 *   REMOVED   the container is off the disk; some client may still have to read its last bytes */
#pragma once

#include "state/wire.h"

struct monitor;

enum mon_state {
	ST_CREATED,
	ST_AWAITING,
	ST_RUNNING,
	ST_PAUSED,
	ST_STOPPING,
	ST_KILLED,
	ST_DRAINING,
	ST_BACKOFF,
	ST_REMOVED,
	ST_COUNT
};

enum mon_event {
	EV_START,
	EV_STOP,
	EV_RESTART,
	EV_KILL,
	EV_REMOVE,
	EV_PAUSE,
	EV_UNPAUSE,
	EV_TERM,    /* the monitor itself is asked to end */
	EV_TIMEOUT, /* of the state's timer */
	EV_EXITED,  /* the program has ended */
	EV_DRAINED, /* its output is complete */
	EV_COUNT,
};

/* msg is NULL for what did not come over the control socket. Its descriptor is the action's to take. */
typedef void mon_action(struct monitor *m, struct wire_msg *msg);

/* The table, for everybody to read; never NULL. */
mon_action *mon_action_for(enum mon_state state, enum mon_event event);
void mon_event(struct monitor *m, enum mon_event event, struct wire_msg *msg);

/* ---- actions, by file */
/* start.c */
mon_action start_now, start_running, start_again;
/* scope.c */
mon_action await_look, await_stop, await_kill, await_remove, await_term;
/* stop.c */
mon_action stop_soft, stop_join, stop_not_running, stop_hard, restart_soft, restart_join, kill_send,
	kill_join, kill_not_running, term_soft, term_idle;
/* finish.c */
mon_action finish_collect, finish_run, finish_idle;
/* pause.c */
mon_action pause_now, pause_paused, pause_not_running, unpause_now, unpause_not_paused,
	start_paused;
/* restart.c */
mon_action backoff_over, backoff_stop, backoff_restart, backoff_kill, backoff_remove, backoff_term,
	backoff_pause, restart_again;
/* removal.c */
mon_action remove_now, remove_running;
/* answer.c */
mon_action answer_gone;
/* control.c */
mon_action control_hold;
