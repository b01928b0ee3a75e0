#include "monitor/states.h"

#include "monitor/monitor.h"

static void nothing(struct monitor *m, struct wire_msg *msg)
{
	(void)m;
	(void)msg;
}

/* clang-format off */
static mon_action *const actions[ST_COUNT][EV_COUNT] = {
	[ST_CREATED] = {
		[EV_START] = start_now,     [EV_STOP] = stop_not_running, [EV_RESTART] = start_again,
		[EV_KILL] = kill_not_running, [EV_REMOVE] = remove_now,   [EV_TERM] = term_idle,
		[EV_TIMEOUT] = finish_idle, [EV_EXITED] = nothing,        [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_not_running, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_AWAITING] = {
		[EV_START] = control_hold,  [EV_STOP] = await_stop,       [EV_RESTART] = control_hold,
		[EV_KILL] = await_kill,     [EV_REMOVE] = await_remove,   [EV_TERM] = await_term,
		[EV_TIMEOUT] = await_look,  [EV_EXITED] = nothing,        [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_not_running, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_RUNNING] = {
		[EV_START] = start_running, [EV_STOP] = stop_soft,        [EV_RESTART] = restart_soft,
		[EV_KILL] = kill_send,      [EV_REMOVE] = remove_running, [EV_TERM] = term_soft,
		[EV_TIMEOUT] = nothing,     [EV_EXITED] = finish_collect, [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_now,     [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_PAUSED] = {
		[EV_START] = start_paused,  [EV_STOP] = stop_soft,        [EV_RESTART] = restart_soft,
		[EV_KILL] = kill_send,      [EV_REMOVE] = remove_running, [EV_TERM] = term_soft,
		[EV_TIMEOUT] = nothing,     [EV_EXITED] = finish_collect, [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_paused,  [EV_UNPAUSE] = unpause_now,
	},
	[ST_STOPPING] = {
		[EV_START] = start_running, [EV_STOP] = stop_join,        [EV_RESTART] = restart_join,
		[EV_KILL] = kill_send,      [EV_REMOVE] = remove_running, [EV_TERM] = stop_join,
		[EV_TIMEOUT] = stop_hard,   [EV_EXITED] = finish_collect, [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_not_running, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_KILLED] = {
		[EV_START] = start_running, [EV_STOP] = stop_join,        [EV_RESTART] = restart_join,
		[EV_KILL] = kill_join,      [EV_REMOVE] = remove_running, [EV_TERM] = stop_join,
		[EV_TIMEOUT] = nothing,     [EV_EXITED] = finish_collect, [EV_DRAINED] = nothing,
		[EV_PAUSE] = pause_not_running, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_DRAINING] = {
		[EV_START] = control_hold,  [EV_STOP] = stop_join,        [EV_RESTART] = restart_join,
		[EV_KILL] = kill_join,      [EV_REMOVE] = control_hold,   [EV_TERM] = stop_join,
		[EV_TIMEOUT] = nothing,     [EV_EXITED] = nothing,        [EV_DRAINED] = finish_run,
		[EV_PAUSE] = pause_not_running, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_BACKOFF] = {
		[EV_START] = start_running, [EV_STOP] = backoff_stop,     [EV_RESTART] = backoff_restart,
		[EV_KILL] = backoff_kill,   [EV_REMOVE] = backoff_remove, [EV_TERM] = backoff_term,
		[EV_TIMEOUT] = backoff_over, [EV_EXITED] = nothing,       [EV_DRAINED] = nothing,
		[EV_PAUSE] = backoff_pause, [EV_UNPAUSE] = unpause_not_paused,
	},
	[ST_REMOVED] = {
		[EV_START] = answer_gone,   [EV_STOP] = answer_gone,      [EV_RESTART] = answer_gone,
		[EV_KILL] = answer_gone,    [EV_REMOVE] = answer_gone,    [EV_TERM] = term_idle,
		[EV_TIMEOUT] = finish_idle, [EV_EXITED] = nothing,        [EV_DRAINED] = nothing,
		[EV_PAUSE] = answer_gone,   [EV_UNPAUSE] = answer_gone,
	},
};
/* clang-format on */

mon_action *mon_action_for(enum mon_state state, enum mon_event event)
{
	return actions[state][event];
}

void mon_event(struct monitor *m, enum mon_event event, struct wire_msg *msg)
{
	actions[m->state][event](m, msg);
}
