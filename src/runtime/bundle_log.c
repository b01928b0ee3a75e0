/* runtime/bundle_log.c - what another runtime says about a failure. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/bundle.h"

#define KEY          "\"msg\":"
#define EXIT_MISSING 127
#define EXIT_REFUSED 126
#define EXIT_OTHER   128

static const char *last_message(const char *log)
{
	const char *found = NULL;

	for (const char *at = log; (at = strstr(at, KEY)); at += strlen(KEY))
		found = at + strlen(KEY);
	return found ? found + strspn(found, " ") : NULL;
}

/* One character of a JSON string. What is no printable ASCII is not worth more than a mark here. */
static char next_char(const char **at)
{
	unsigned code = 0;
	char c = *(*at)++;

	if (c != '\\' || !**at)
		return (char)((unsigned char)c < ' ' ? ' ' : c);
	c = *(*at)++;
	switch (c) {
	case 'n':
	case 'r':
	case 't':
	case 'b':
	case 'f': return ' ';
	case 'u': break;
	default: return c;
	}
	for (int i = 0; i < 4 && isxdigit((unsigned char)**at); i++, (*at)++)
		code = code * 16 +
			(unsigned)(isdigit((unsigned char)**at)
					? **at - '0'
					: tolower((unsigned char)**at) - 'a' + 10);
	return (char)(code >= ' ' && code < 0x7f ? (int)code : '?');
}

void bundle_complaint(const char *log, char *ret, size_t room)
{
	const char *at = last_message(log);
	size_t n = 0;

	if (at && *at++ == '"')
		while (*at && *at != '"' && n + 1 < room)
			ret[n++] = next_char(&at);
	while (n && ret[n - 1] == ' ')
		n--;
	ret[n] = '\0';
}

/* Docker's own rule (daemon/errors.go), so that scripts meet the codes they know. */
int bundle_exit_code(const char *message, const char *program)
{
	static const char *const missing[] = { "executable file not found",
		"no such file or directory", "system cannot find the file specified" };

	if (strcasestr(message, "not a directory"))
		return EXIT_MISSING;
	/* the last one is crun's for a folder */
	if (strcasestr(message, "permission denied") || strcasestr(message, "open executable"))
		return EXIT_REFUSED;
	for (size_t i = 0; strstr(message, program) && i < ARRAY_SIZE(missing); i++)
		if (strcasestr(message, missing[i]))
			return EXIT_MISSING;
	return EXIT_OTHER;
}
