/* monitor/crash.h - named points at which a test can make the monitor kill itself, to prove that
 * `dayfly-monitor --recover` finishes what was left. Compiled in with -DDAYFLY_CRASH_POINTS only; the
 * environment variable DAYFLY_CRASH_AT names the point. */
#pragma once

#ifdef DAYFLY_CRASH_POINTS
void crash_point(const char *name);
#else
static inline void crash_point(const char *name)
{
	(void)name;
}
#endif
