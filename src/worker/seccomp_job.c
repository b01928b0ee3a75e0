/* The job behind worker/seccomp.h. */
#include "base/str.h"
#include "worker/jobs.h"
#include "worker/seccomp.h"

int job_seccomp(struct work *w, struct err *err)
{
	const char *const *words = w->words;

	for (int i = 0; i < 3; i++)
		if (!words[i])
			return err_set(err, ERR_INVALID, EINVAL, "usage: seccomp IN OUT CAPS");
	return worker_seccomp(words[0], words[1], words[2], err);
}
