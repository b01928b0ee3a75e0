/* monitor/update.c - POST /containers/ID/update of a container whose monitor lives. What changed is on
 * disk already: config.json for good, the plan beside it for us. */
#include "monitor/update.h"
#include "base/log.h"
#include "monitor/monitor.h"
#include "monitor/restart.h"

void update_request(struct monitor *m, struct wire_msg *msg)
{
	const char *answer = wire_get(msg, "answer");
	auto_plan struct plan plan = { 0 };
	struct err err = { 0 };
	int r = plan_read(m->run_dir, "plan", &plan, &err);

	if (r == 0)
		r = cgroup_update(&m->cgroup, &plan, &err);
	if (r < 0) {
		(void)err_prefix(&err, "the change counts from the next start on, but not yet");
		log_error("%s: %s", m->id, err.msg);
		answer_error(msg, &err);
		return;
	}
	traits_reload(&m->traits, &plan);
	restart_reconsider(m);
	answer_json(msg, answer ? answer : "{}");
}
