/* mkseccomp - turns the names of seccomp_profile.h into ranges of numbers for the architectures the
 * build's machine can run. A build tool: `mkseccomp OUTPUT.h`. */
#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/seccomp_profile.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define CALLS_MAX 1024
#define X32_BIT   0x40000000u
#define ARM_BASE  0x0f0000u /* where 32-bit ARM keeps calls of its own */

struct arch {
	const char *name;
	uint32_t token; /* libseccomp's name for it */
	const char *audit;
	uint32_t base;  /* of its numbers */
	uint32_t extra; /* a second, small block of numbers; 0: none */
};

static const struct arch archs[] = {
#if defined(__x86_64__)
	{ "x86_64", SCMP_ARCH_X86_64, "AUDIT_ARCH_X86_64", 0, 0 },
	{ "x32", SCMP_ARCH_X32, "AUDIT_ARCH_X86_64", X32_BIT, 0 },
	{ "i386", SCMP_ARCH_X86, "AUDIT_ARCH_I386", 0, 0 },
#elif defined(__aarch64__)
	{ "aarch64", SCMP_ARCH_AARCH64, "AUDIT_ARCH_AARCH64", 0, 0 },
	{ "arm", SCMP_ARCH_ARM, "AUDIT_ARCH_ARM", 0, ARM_BASE },
#elif defined(__riscv) && __riscv_xlen == 64
	{ "riscv64", SCMP_ARCH_RISCV64, "AUDIT_ARCH_RISCV64", 0, 0 },
#else
#error "no list of system calls for this architecture"
#endif
};

struct verdict {
	enum seccomp_rule rule;
	uint64_t caps;
};

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* known tells whether the profile mentions the name at all. */
static struct verdict judge(const char *name, bool *known)
{
	struct verdict v = { .rule = RULE_DENY };

	for (size_t i = 0; i < COUNT(profile_specials); i++)
		if (strcmp(profile_specials[i].name, name) == 0)
			v.rule = profile_specials[i].rule;
	for (size_t i = 0; i < COUNT(profile_groups); i++) {
		const struct profile_group *g = &profile_groups[i];

		if (!listed(g->names, name))
			continue;
		if (g->cap < 0)
			v.rule = RULE_ALLOW;
		else
			v.caps |= UINT64_C(1) << g->cap;
	}
	*known = v.rule != RULE_DENY || v.caps != 0;
	return v;
}

/* The name of a call, from libseccomp or, for what is too new for it, from our own list. */
static char *name_of(const struct arch *a, uint32_t number)
{
	char *name = seccomp_syscall_resolve_num_arch(a->token, (int)number);

	if (name)
		return name;
	for (size_t i = 0; i < COUNT(profile_numbers); i++)
		if (profile_numbers[i].number + a->base == number)
			return strdup(profile_numbers[i].name);
	return NULL;
}

/* Prints a range for each change of verdict. Returns the last number the profile mentions. */
static uint32_t print_block(FILE *out, const struct arch *a, uint32_t first, struct verdict *now)
{
	uint32_t last = first;

	for (uint32_t n = first; n < first + CALLS_MAX; n++) {
		char *name = name_of(a, n);
		struct verdict v = { .rule = RULE_DENY };
		bool known = false;

		if (name)
			v = judge(name, &known);
		free(name);
		if (known)
			last = n;
		if (v.rule == now->rule && v.caps == now->caps)
			continue;
		fprintf(out, "\t{ 0x%x, %d, UINT64_C(0x%llx) },\n", n, (int)v.rule,
			(unsigned long long)v.caps);
		*now = v;
	}
	return last;
}

/* Beyond the last call the profile knows lies what was invented later: such a call does not exist as
 * far as the container can tell, and its C library falls back to older ones. */
static void print_arch(FILE *out, const struct arch *a)
{
	struct verdict now = { .rule = RULE_COUNT };
	uint32_t last;

	fprintf(out, "static const struct seccomp_range seccomp_%s[] = {\n", a->name);
	last = print_block(out, a, a->base, &now);
	if (a->extra) {
		fprintf(out, "\t{ 0x%x, %d, 0 },\n", last + 1, RULE_ENOSYS);
		now = (struct verdict){ .rule = RULE_ENOSYS };
		last = print_block(out, a, a->extra, &now);
	}
	fprintf(out, "\t{ 0x%x, %d, 0 },\n};\n\n", last + 1, RULE_ENOSYS);
}

static void print_all(FILE *out)
{
	(void)fputs("/* Made by mkseccomp from runtime/seccomp_profile.h. */\n"
		    "#include <linux/audit.h>\n\n#include \"runtime/seccomp_rules.h\"\n\n",
		out);
	for (size_t i = 0; i < COUNT(archs); i++)
		print_arch(out, &archs[i]);
	(void)fputs("static const struct seccomp_arch seccomp_archs[] = {\n", out);
	for (size_t i = 0; i < COUNT(archs); i++)
		(void)fprintf(out,
			"\t{ %s, 0x%x, seccomp_%s,\n\t\tsizeof(seccomp_%s) / sizeof(struct seccomp_range) },\n",
			archs[i].audit, archs[i].base, archs[i].name, archs[i].name);
	(void)fputs("};\n", out);
}

int main(int argc, char **argv)
{
	FILE *out;

	if (argc != 2) {
		fprintf(stderr, "usage: mkseccomp OUTPUT.h\n");
		return 2;
	}
	out = fopen(argv[1], "we");
	if (!out) {
		fprintf(stderr, "mkseccomp: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	print_all(out);
	if (ferror(out) | fclose(out)) {
		fprintf(stderr, "mkseccomp: %s: write error\n", argv[1]);
		return 1;
	}
	return 0;
}
