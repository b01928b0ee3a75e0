/* runtime/seccomp_bpf.c - the default profile as a BPF program.
 *
 * The profile comes as sorted ranges of call numbers (seccomp_rules.h). Given a set of capabilities,
 * neighbours that end up alike are merged, and the rest becomes a binary search: about seven
 * comparisons decide any call. That matters less for the calls (the kernel remembers plain answers)
 * than for loading: the kernel runs the program once per call number to learn them. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "runtime/seccomp.h"
#include "seccomp_ranges.h"

#define RET_ERRNO(e) (SECCOMP_RET_ERRNO | ((uint32_t)(e)&SECCOMP_RET_DATA))
#define OFF_NR       ((uint32_t)offsetof(struct seccomp_data, nr))
#define OFF_ARCH     ((uint32_t)offsetof(struct seccomp_data, arch))
/* The low half of an argument. The checked arguments are 32 bits wide in the kernel, so the upper half
 * must not decide anything. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OFF_ARG(n) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)))
#else
#define OFF_ARG(n) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n) + 4))
#endif
#define JUMP_MAX 255 /* a conditional jump's reach */

struct program {
	struct sock_filter *code;
	size_t len, room;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->len == p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		p->code = xreallocarray(p->code, p->room, sizeof(*p->code));
	}
	p->code[p->len++] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
}

static void emit_ret(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_load(struct program *p, uint32_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_personality(struct program *p)
{
	static const uint32_t allowed[] = PERSONALITIES;

	emit_load(p, OFF_ARG(0));
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, allowed[i], (uint8_t)(ARRAY_SIZE(allowed) - i),
			0);
	emit_ret(p, RET_ERRNO(EPERM));
	emit_ret(p, SECCOMP_RET_ALLOW);
}

static void emit_rule(struct program *p, enum seccomp_rule rule)
{
	switch (rule) {
	case RULE_ALLOW: emit_ret(p, SECCOMP_RET_ALLOW); break;
	case RULE_DENY:
	case RULE_COUNT: emit_ret(p, RET_ERRNO(EPERM)); break;
	case RULE_ENOSYS: emit_ret(p, RET_ERRNO(ENOSYS)); break;
	case RULE_SOCKET:
		emit_load(p, OFF_ARG(0));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, AF_VSOCK, 0, 1);
		emit_ret(p, RET_ERRNO(EPERM));
		emit_ret(p, SECCOMP_RET_ALLOW);
		break;
	case RULE_PERSONALITY: emit_personality(p); break;
	case RULE_CLONE:
		emit_load(p, OFF_ARG(0));
		emit(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_NAMESPACES, 0, 1);
		emit_ret(p, RET_ERRNO(EPERM));
		emit_ret(p, SECCOMP_RET_ALLOW);
		break;
	}
}

/* The jump emitted at the index at goes to here when its condition does not hold. A target out of
 * reach was given a long jump behind it (see emit_tree). */
static void patch_right(struct program *p, size_t at, size_t here)
{
	p->code[at + 1].k = (uint32_t)(here - at - 2);
}

/* Chooses among count ranges (number in the accumulator). */
static void emit_tree(struct program *p, const struct seccomp_range *r, size_t count)
{
	size_t half = count / 2, at;

	if (count == 1) {
		emit_rule(p, (enum seccomp_rule)r->rule);
		return;
	}
	at = p->len;
	emit(p, BPF_JMP | BPF_JGE | BPF_K, r[half].first, 0, 1);
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_tree(p, r, half);
	if (p->len - at - 2 <= JUMP_MAX) { /* near: one conditional jump is enough */
		memmove(&p->code[at + 1], &p->code[at + 2], (p->len - at - 2) * sizeof(*p->code));
		p->len--;
		p->code[at].jt = (uint8_t)(p->len - at - 1);
		p->code[at].jf = 0;
	} else {
		patch_right(p, at, p->len);
	}
	emit_tree(p, r + half, count - half);
}

/* What is left of the ranges for a holder of caps: neighbours that now agree are one. */
static size_t merge_ranges(const struct seccomp_arch *a, uint64_t caps, struct seccomp_range *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < a->count; i++) {
		struct seccomp_range r = a->ranges[i];

		if (r.caps & caps)
			r.rule = RULE_ALLOW;
		r.caps = 0;
		if (count == 0 || ret[count - 1].rule != r.rule)
			ret[count++] = r;
	}
	return count;
}

static void emit_arch(struct program *p, const struct seccomp_arch *a, uint64_t caps)
{
	auto_free struct seccomp_range *merged = xcalloc(a->count, sizeof(*merged));

	emit_tree(p, merged, merge_ranges(a, caps, merged));
}

/* The calls of all architectures with one audit value; their number is loaded once. Those whose
 * numbers start higher come later in the table and are split off first. */
static size_t emit_audit(struct program *p, size_t i, uint64_t caps)
{
	const struct seccomp_arch *a = &seccomp_archs[i], *b = a + 1;
	size_t at;

	emit_load(p, OFF_NR);
	if (i + 1 == ARRAY_SIZE(seccomp_archs) || b->audit != a->audit) {
		emit_arch(p, a, caps);
		return i + 1;
	}
	at = p->len;
	emit(p, BPF_JMP | BPF_JGE | BPF_K, b->first_call, 0, 1);
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_arch(p, a, caps);
	patch_right(p, at, p->len);
	emit_arch(p, b, caps);
	return i + 2;
}

void seccomp_filter_default(uint64_t caps, struct seccomp_filter *ret)
{
	struct program p = { 0 };

	emit_load(&p, OFF_ARCH);
	for (size_t i = 0; i < ARRAY_SIZE(seccomp_archs);) {
		size_t at = p.len;

		emit(&p, BPF_JMP | BPF_JEQ | BPF_K, seccomp_archs[i].audit, 1, 0);
		emit(&p, BPF_JMP | BPF_JA, 0, 0, 0);
		i = emit_audit(&p, i, caps);
		patch_right(&p, at, p.len);
	}
	emit_ret(&p, SECCOMP_RET_KILL_THREAD); /* an architecture nobody has here */
	*ret = (struct seccomp_filter){ .code = p.code, .count = p.len };
}
