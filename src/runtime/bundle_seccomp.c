/* runtime/bundle_seccomp.c - the default profile by names, for runtimes that have a libseccomp of their own.
 * Numbers for ours come from the same tables at build time (tools/mkseccomp.c). */
#include <errno.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "runtime/bundle.h"
#include "runtime/seccomp_profile.h"

static const char *const architectures[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#elif defined(__riscv) && __riscv_xlen == 64
	"SCMP_ARCH_RISCV64",
#else
#error "which architectures run here?"
#endif
};

static bool holds(const struct profile_group *g, uint64_t caps)
{
	return g->cap < 0 || caps >> g->cap & 1;
}

/* By a group: then the special rule for who has no such capability does not count. */
static bool allowed(const char *name, uint64_t caps)
{
	for (size_t i = 0; i < ARRAY_SIZE(profile_groups); i++)
		for (const char *const *n = profile_groups[i].names; *n; n++)
			if (holds(&profile_groups[i], caps) && str_eq(*n, name))
				return true;
	return false;
}

static void write_allowed(struct jsonw *w, uint64_t caps)
{
	jw_object(w, NULL);
	jw_array(w, "names");
	for (size_t i = 0; i < ARRAY_SIZE(profile_groups); i++)
		for (const char *const *n = profile_groups[i].names; *n; n++)
			if (holds(&profile_groups[i], caps))
				jw_str(w, NULL, *n);
	jw_array_end(w);
	jw_str(w, "action", "SCMP_ACT_ALLOW");
	jw_object_end(w);
}

static void begin_rule(struct jsonw *w, const char *name, const char *action)
{
	jw_object(w, NULL);
	jw_array(w, "names");
	jw_str(w, NULL, name);
	jw_array_end(w);
	jw_str(w, "action", action);
}

/* Allowed if the first argument is so. */
static void write_compared(
	struct jsonw *w, const char *name, const char *op, uint64_t value, uint64_t two)
{
	begin_rule(w, name, "SCMP_ACT_ALLOW");
	jw_array(w, "args");
	jw_object(w, NULL);
	jw_uint(w, "index", 0);
	jw_uint(w, "value", value);
	jw_uint(w, "valueTwo", two);
	jw_str(w, "op", op);
	jw_object_end(w);
	jw_array_end(w);
	jw_object_end(w);
}

static void write_special(struct jsonw *w, const struct profile_special *s)
{
	static const uint32_t personalities[] = PERSONALITIES;

	switch (s->rule) {
	case RULE_ENOSYS:
		begin_rule(w, s->name, "SCMP_ACT_ERRNO");
		jw_uint(w, "errnoRet", ENOSYS);
		jw_object_end(w);
		break;
	case RULE_SOCKET: write_compared(w, s->name, "SCMP_CMP_NE", AF_VSOCK, 0); break;
	case RULE_CLONE:
		write_compared(w, s->name, "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES, 0);
		break;
	case RULE_PERSONALITY:
		for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
			write_compared(w, s->name, "SCMP_CMP_EQ", personalities[i], 0);
		break;
	case RULE_ALLOW:
	case RULE_DENY:
	case RULE_COUNT: break;
	}
}

void bundle_seccomp(uint64_t caps, struct buf *out)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_str(&w, "defaultAction", "SCMP_ACT_ERRNO");
	jw_uint(&w, "defaultErrnoRet", EPERM);
	jw_array(&w, "architectures");
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		jw_str(&w, NULL, architectures[i]);
	jw_array_end(&w);
	jw_array(&w, "syscalls");
	write_allowed(&w, caps);
	for (size_t i = 0; i < ARRAY_SIZE(profile_specials); i++)
		if (!allowed(profile_specials[i].name, caps))
			write_special(&w, &profile_specials[i]);
	jw_array_end(&w);
	jw_object_end(&w);
}
