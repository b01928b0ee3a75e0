/* Frees what was removed, and takes away what a killed process left half-made. It needs the user
 * namespace: files in layers and containers belong to ids that only exist there. */
#include "base/fd.h"
#include "oci/garbage.h"
#include "oci/settings.h"
#include "state/remove.h"
#include "state/removed.h"
#include "worker/jobs.h"
#include "worker/leftovers.h"

static int collect(const struct dirs *d, struct err *err)
{
	auto_fd int lock = dirs_lock(d);

	return lock < 0 ? err_sys(err, lock, "lock the store") : oci_collect_leftovers(d, err);
}

int job_sweep(struct work *w, struct err *err)
{
	auto_settings struct settings settings = { 0 };
	int r = work_enter(w, err);

	if (r < 0)
		return r;
	layers_drop_unfinished(&w->dirs);
	r = containers_drop_unfinished(&w->dirs, err);
	if (r >= 0)
		r = collect(&w->dirs, err);
	if (r < 0)
		return r;
	/* a label may keep more; for how many and how much there are the settings alone */
	if (settings_read(&settings, NULL) < 0)
		removed_sweep(&w->dirs, NULL);
	else
		removed_sweep(&w->dirs, &settings.removed);
	r = trash_sweep(&w->dirs);
	return r < 0 ? err_sys(err, r, "empty the trash") : 0;
}
