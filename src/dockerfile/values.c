/* What words mean: arguments that are always there, ports, modes. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/dockerfile.h"

/* ---- arguments */

bool df_arg_is_proxy(const char *name, size_t len)
{
	static const char *const names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY",
		"all_proxy" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	return false;
}

static void add_platform(char ***args, const char *prefix, const char *platform)
{
	auto_strv char **parts = strv_split(platform, '/');
	size_t n = strv_len(parts);

	strv_add_take(args, xasprintf("%sPLATFORM=%s", prefix, platform));
	strv_add_take(args, xasprintf("%sOS=%s", prefix, parts[0]));
	strv_add_take(args, xasprintf("%sARCH=%s", prefix, n > 1 ? parts[1] : ""));
	strv_add_take(args, xasprintf("%sVARIANT=%s", prefix, n > 2 ? parts[2] : ""));
}

char **df_platform_args(const char *build, const char *target)
{
	char **args = NULL;

	add_platform(&args, "BUILD", build);
	add_platform(&args, "TARGET", target);
	return args;
}

/* ---- EXPOSE */

#define PORTS_MAX 65536

struct ports {
	char **v;
	size_t count;
};

static void ports_free(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->v[i]);
	free(p->v);
}

static int read_port(const char *text, size_t len, uint64_t *ret)
{
	auto_free char *number = xstrndup(text, len);

	return str_to_u64(number, ret) < 0 || !*ret || *ret > UINT16_MAX ? -EINVAL : 0;
}

/* "80" or "8000-8010". */
static int read_range(const char *text, size_t len, uint64_t *first, uint64_t *last)
{
	const char *dash = memchr(text, '-', len);
	size_t head = dash ? (size_t)(dash - text) : len;

	if (read_port(text, head, first) < 0)
		return -EINVAL;
	*last = *first;
	if (dash && read_port(dash + 1, len - head - 1, last) < 0)
		return -EINVAL;
	return *last < *first ? -EINVAL : 0;
}

static const char *read_protocol(const char *text)
{
	static const char *const names[] = { "tcp", "udp", "sctp" };

	if (!*text)
		return names[0];
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(names[i], text) == 0)
			return names[i];
	return NULL;
}

/* A host's address and port before it, as in "127.0.0.1:8080:80", mean nothing here. */
static int add_ports(struct ports *ports, const char *word, struct err *err)
{
	const char *colon = strrchr(word, ':');
	const char *port = colon ? colon + 1 : word;
	size_t len = strcspn(port, "/");
	const char *protocol = read_protocol(port[len] ? port + len + 1 : "");
	uint64_t first, last;

	if (!len)
		return err_set(err, ERR_INVALID, EINVAL, "no port specified: %.100s<empty>", word);
	if (!protocol)
		return err_set(err, ERR_INVALID, EINVAL, "invalid proto: %.100s", port + len + 1);
	if (read_range(port, len, &first, &last) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid containerPort: %.*s",
			len > 100 ? 100 : (int)len, port);
	if (ports->count + (last - first + 1) > PORTS_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "more than %d ports", PORTS_MAX);
	ports->v =
		xreallocarray(ports->v, ports->count + (last - first + 1) + 1, sizeof(*ports->v));
	for (uint64_t p = first; p <= last; p++)
		ports->v[ports->count++] = xasprintf("%u/%s", (unsigned)p, protocol);
	ports->v[ports->count] = NULL;
	return 0;
}

int df_ports(char *const *words, char ***ret, struct err *err)
{
	struct ports ports = { 0 };

	for (; words && *words; words++) {
		int r = add_ports(&ports, *words, err);

		if (r < 0) {
			ports_free(&ports);
			return r;
		}
	}
	*ret = ports.v;
	return 0;
}

/* ---- chmod */

/* The permission bits of who, e.g. 0770 for "ug", with all of set-id and sticky that belong to them. */
static unsigned read_who(const char **p)
{
	unsigned who = 0;

	for (;; (*p)++)
		switch (**p) {
		case 'u': who |= 04700; break;
		case 'g': who |= 02070; break;
		case 'o': who |= 01007; break;
		case 'a': who |= 07777; break;
		default: return who ? who : 07777;
		}
}

static unsigned times_three(unsigned bits)
{
	return bits << 6 | bits << 3 | bits;
}

/* The bits that the letters behind an operator stand for, for everybody. */
static unsigned read_bits(const char **p, unsigned mode, bool is_dir)
{
	unsigned bits = 0;

	for (;; (*p)++)
		switch (**p) {
		case 'r': bits |= 0444; break;
		case 'w': bits |= 0222; break;
		case 'x': bits |= 0111; break;
		case 'X': bits |= is_dir || (mode & 0111) ? 0111 : 0; break;
		case 's': bits |= 06000; break;
		case 't': bits |= 01000; break;
		case 'u': bits |= times_three(mode >> 6 & 7); break;
		case 'g': bits |= times_three(mode >> 3 & 7); break;
		case 'o': bits |= times_three(mode & 7); break;
		default: return bits;
		}
}

/* "u=rwx,go+rX" */
static int apply_symbolic(const char *p, unsigned *mode, bool is_dir)
{
	for (;; p++) {
		unsigned who = read_who(&p);

		if (!*p || !strchr("+-=", *p))
			return -EINVAL;
		while (*p && strchr("+-=", *p)) {
			char op = *p++;
			unsigned bits = read_bits(&p, *mode, is_dir);

			/* the sticky bit is nobody's own */
			bits &= who | (bits & 01000);
			if (op == '-')
				*mode &= ~bits;
			else
				*mode = (op == '=' ? *mode & ~who : *mode) | bits;
		}
		if (!*p)
			return 0;
		if (*p != ',')
			return -EINVAL;
	}
}

int df_chmod(const char *text, unsigned mode, bool is_dir, unsigned *ret, struct err *err)
{
	size_t octal = strspn(text, "01234567");
	unsigned long value;

	mode &= 07777;
	if (octal && !text[octal]) {
		value = strtoul(text, NULL, 8);
		if (octal <= 20 && value <= 07777) {
			*ret = (unsigned)value;
			return 0;
		}
	} else if (apply_symbolic(text, &mode, is_dir) == 0) {
		*ret = mode;
		return 0;
	}
	return err_set(err, ERR_INVALID, EINVAL,
		"invalid chmod parameter: '%.100s'. it should be octal string and between 0 and 07777",
		text);
}
