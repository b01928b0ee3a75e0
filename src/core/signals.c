#include "core/signals.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"

/* Linux, as containers see them: the real-time range of the kernel's ABI, where libc's SIGRTMIN keeps
 * the first two for itself. */
#define RT_MIN 34
#define RT_MAX 64

struct signal_name {
	const char *name;
	int number;
};

/* clang-format off */
static const struct signal_name names[] = {
	{ "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "BUS", SIGBUS }, { "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD }, { "CONT", SIGCONT }, { "FPE", SIGFPE }, { "HUP", SIGHUP },
	{ "ILL", SIGILL }, { "INT", SIGINT }, { "IO", SIGIO }, { "IOT", SIGIOT },
	{ "KILL", SIGKILL }, { "PIPE", SIGPIPE }, { "POLL", SIGPOLL }, { "PROF", SIGPROF },
	{ "PWR", SIGPWR }, { "QUIT", SIGQUIT }, { "SEGV", SIGSEGV }, { "STKFLT", SIGSTKFLT },
	{ "STOP", SIGSTOP }, { "SYS", SIGSYS }, { "TERM", SIGTERM }, { "TRAP", SIGTRAP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG },
	{ "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "VTALRM", SIGVTALRM }, { "WINCH", SIGWINCH },
	{ "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
};
/* clang-format on */

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n". */
static int parse_realtime(const char *text)
{
	bool up = strncasecmp(text, "RTMIN", 5) == 0;
	uint64_t n = 0;

	if (!up && strncasecmp(text, "RTMAX", 5) != 0)
		return 0;
	text += 5;
	if (*text && (*text != (up ? '+' : '-') || str_to_u64(text + 1, &n) < 0))
		return 0;
	if (n > RT_MAX - RT_MIN)
		return 0;
	return up ? RT_MIN + (int)n : RT_MAX - (int)n;
}

static int find_signal(const char *text)
{
	uint64_t n;

	if (str_to_u64(text, &n) == 0)
		return n >= 1 && n <= RT_MAX ? (int)n : 0;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(names[i].name, text) == 0)
			return names[i].number;
	return parse_realtime(text);
}

int signal_parse(const char *text, int *ret, struct err *err)
{
	int sig = find_signal(text);

	if (!sig)
		return err_set(err, ERR_INVALID, EINVAL, "invalid signal: %s", text);
	*ret = sig;
	return 0;
}
