/* runtime/seccomp_rules.h - the form a seccomp profile has between build time (tools/mkseccomp.c) and
 * run time (seccomp_bpf.c): per architecture a sorted list of ranges of system call numbers that are
 * treated alike. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum seccomp_rule {
	RULE_ALLOW,
	RULE_DENY,        /* EPERM */
	RULE_ENOSYS,      /* not there: the program looks for another way */
	RULE_SOCKET,      /* allowed unless the family is AF_VSOCK */
	RULE_PERSONALITY, /* allowed for the five values below */
	RULE_CLONE,       /* allowed if no namespace is made */
	RULE_COUNT,
};

/* What personality(2) may be set to: PER_LINUX, PER_LINUX32, each with UNAME26, and the question. */
#define PERSONALITIES                                                                              \
	{                                                                                          \
		0x0, 0x8, 0x20000, 0x20008, 0xffffffff                                             \
	}
/* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
#define CLONE_NAMESPACES 0x7e020000u

struct seccomp_range {
	uint32_t first; /* up to the next range's first */
	uint8_t rule;   /* enum seccomp_rule, for who has none of caps */
	uint64_t caps;  /* holders of any of these are allowed */
};

struct seccomp_arch {
	uint32_t audit;      /* AUDIT_ARCH_… */
	uint32_t first_call; /* x32 shares its audit value with x86_64; its numbers start here */
	const struct seccomp_range *ranges;
	size_t count;
};
