#include "monitor/crash.h"

#ifdef DAYFLY_CRASH_POINTS

#include <signal.h>
#include <stdlib.h>

#include "base/str.h"

void crash_point(const char *name)
{
	const char *at = getenv("DAYFLY_CRASH_AT");

	if (at && str_eq(at, name))
		(void)raise(SIGKILL);
}

#endif
