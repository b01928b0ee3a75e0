/* Makes the containers' user namespace, or finds it, and gives it away over the control socket: for a copy
 * of the switchboard that wants to look into their files. */
#include "base/fd.h"
#include "runtime/runtime.h"
#include "worker/jobs.h"

int job_userns(struct work *w, struct err *err)
{
	int r = work_enter(w, err);

	if (r < 0)
		return r;
	r = userns_offer(w->answer.control);
	return r < 0 ? err_sys(err, r, "give the user namespace away") : 0;
}
