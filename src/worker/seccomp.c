#include "worker/seccomp.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/capname.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/str.h"
#include "json/text.h"

#define PROFILE_MAX (4 * 1024 * 1024)
#define ARCHS_MAX   16
#define ARGS_MAX    6
#define X32_BIT     0x40000000u

#if defined(__x86_64__)
#define MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#elif defined(__riscv)
#define MACHINE "riscv64"
#else
#define MACHINE "unknown"
#endif

/* One compilation. last[i] is the highest number the profile names on archs[i]. */
struct profile {
	scmp_filter_ctx filter;
	uint64_t caps;
	uint32_t action;
	uint32_t archs[ARCHS_MAX];
	uint32_t last[ARCHS_MAX];
	size_t arch_count;
	/* the same in the words of the OCI runtime specification: rules that apply, as elements of an array */
	char **arch_names;
	struct buf rules;
	struct jsonw json;
};

/* clang-format off */
static const struct { const char *name; uint32_t action; } actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
};

static const struct { const char *name; enum scmp_compare op; } compares[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};
/* clang-format on */

static int invalid(struct err *err, const char *what, const char *value)
{
	return err_set(err, ERR_INVALID, EINVAL, "seccomp profile: %s '%.60s'", what, value);
}

/* ---- small readers */

/* A number member; JSON numbers above 2^63 (masks) are kept. Missing: 0. */
static uint64_t get_u64(json_object *o, const char *key)
{
	json_object *v = json_get(o, key);

	return v && json_object_is_type(v, json_type_int) ? json_object_get_uint64(v) : 0;
}

static size_t array_length(json_object *o)
{
	return o && json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

/* An errno is given for SCMP_ACT_ERRNO and SCMP_ACT_TRACE; EPERM if not. */
static int read_action(const char *name, json_object *number, uint32_t *ret, struct err *err)
{
	uint32_t data =
		number ? (uint32_t)json_object_get_uint64(number) & SECCOMP_RET_DATA : EPERM;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!str_eq(actions[i].name, name))
			continue;
		*ret = actions[i].action;
		if (*ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0))
			*ret |= data;
		return 0;
	}
	return invalid(err, "unknown action", name);
}

static bool has_cap(const struct profile *p, const char *name)
{
	for (unsigned i = 0; cap_name(i); i++)
		if (str_eq(cap_name(i), name))
			return p->caps >> i & 1;
	return false;
}

/* Whether this kernel is at least "MAJOR.MINOR". */
static bool kernel_reaches(const char *wanted)
{
	unsigned major = 0, minor = 0, our_major = 0, our_minor = 0;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &our_major, &our_minor) != 2 ||
		sscanf(wanted, "%u.%u", &major, &minor) != 2)
		return true;
	return our_major > major || (our_major == major && our_minor >= minor);
}

/* "includes": every capability, one of the architectures, the kernel; "excludes": any of them. */
static bool applies(const struct profile *p, json_object *rule)
{
	json_object *in = json_get(rule, "includes"), *out = json_get(rule, "excludes");
	auto_strv char **in_caps = json_get_strv(in, "caps"),
		       **out_caps = json_get_strv(out, "caps");
	auto_strv char **in_archs = json_get_strv(in, "arches");
	auto_strv char **out_archs = json_get_strv(out, "arches");
	const char *in_kernel = json_get_str(in, "minKernel", NULL);
	const char *out_kernel = json_get_str(out, "minKernel", NULL);

	for (char **c = in_caps; c && *c; c++)
		if (!has_cap(p, *c))
			return false;
	for (char **c = out_caps; c && *c; c++)
		if (has_cap(p, *c))
			return false;
	if ((strv_len(in_archs) && !strv_has(in_archs, MACHINE)) || strv_has(out_archs, MACHINE))
		return false;
	return !(in_kernel && !kernel_reaches(in_kernel)) &&
		!(out_kernel && kernel_reaches(out_kernel));
}

/* ---- architectures */

static uint32_t arch_token(const char *name)
{
	char lower[32];
	size_t n = 0;

	if (!str_starts(name, "SCMP_ARCH_"))
		return 0;
	for (name += strlen("SCMP_ARCH_"); *name && n < sizeof(lower) - 1; name++)
		lower[n++] = (char)tolower((unsigned char)*name);
	lower[n] = '\0';
	return seccomp_arch_resolve_name(lower);
}

static int add_arch(struct profile *p, uint32_t token, struct err *err)
{
	int r;

	for (size_t i = 0; i < p->arch_count; i++)
		if (p->archs[i] == token)
			return 0;
	if (p->arch_count == ARCHS_MAX)
		return invalid(err, "too many architectures", "");
	r = token == seccomp_arch_native() ? 0 : seccomp_arch_add(p->filter, token);
	if (r < 0 && r != -EEXIST)
		return err_set(err, ERR_SYSTEM, -r, "seccomp profile: an architecture is refused");
	p->archs[p->arch_count++] = token;
	return 0;
}

static int add_archs(struct profile *p, char *const *names, struct err *err)
{
	for (; names && *names; names++) {
		uint32_t token = arch_token(*names);
		int r;

		if (!token)
			return invalid(err, "unknown architecture", *names);
		r = add_arch(p, token, err);
		if (r < 0)
			return r;
		strv_add(&p->arch_names, *names);
	}
	return 0;
}

/* The machine's own one always counts. */
static int read_archs(struct profile *p, json_object *doc, struct err *err)
{
	auto_strv char **plain = json_get_strv(doc, "architectures");
	json_object *map = json_get(doc, "archMap");
	uint32_t native = seccomp_arch_native();
	int r;

	if (strv_len(plain) && array_length(map))
		return invalid(err, "both 'architectures' and", "archMap");
	r = add_arch(p, native, err);
	if (r == 0)
		r = add_archs(p, plain, err);
	for (size_t i = 0; r == 0 && i < array_length(map); i++) {
		json_object *entry = json_object_array_get_idx(map, i);
		auto_strv char **subs = json_get_strv(entry, "subArchitectures");

		if (arch_token(json_get_str(entry, "architecture", "")) == native)
			r = add_archs(p, subs, err);
	}
	return r;
}

/* ---- rules */

static int read_arg(json_object *o, struct scmp_arg_cmp *ret, struct err *err)
{
	const char *op = json_get_str(o, "op", "");
	uint64_t index = get_u64(o, "index");

	if (index >= ARGS_MAX)
		return invalid(err, "argument index above 5 with", op);
	for (size_t i = 0; i < ARRAY_SIZE(compares); i++) {
		if (!str_eq(compares[i].name, op))
			continue;
		*ret = (struct scmp_arg_cmp){
			.arg = (unsigned)index,
			.op = compares[i].op,
			.datum_a = get_u64(o, "value"),
			.datum_b = get_u64(o, "valueTwo"),
		};
		return 0;
	}
	return invalid(err, "unknown comparison", op);
}

static int read_args(json_object *array, struct scmp_arg_cmp ret[ARGS_MAX], unsigned *count,
	bool *any_twice, struct err *err)
{
	size_t n = array_length(array);

	*count = 0;
	*any_twice = false;
	if (n > ARGS_MAX)
		return invalid(err, "more than six arguments", "");
	for (size_t i = 0; i < n; i++) {
		int r = read_arg(json_object_array_get_idx(array, i), &ret[i], err);

		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			*any_twice |= ret[k].arg == ret[i].arg;
	}
	*count = (unsigned)n;
	return 0;
}

static void note_numbers(struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->arch_count; i++) {
		int nr = seccomp_syscall_resolve_name_arch(p->archs[i], name);

		if (nr >= 0 && (uint32_t)nr > p->last[i])
			p->last[i] = (uint32_t)nr;
	}
}

/* A rule that says what happens anyway is refused by libseccomp (EACCES), a second one for the same
 * call may be superfluous (EEXIST), and a call may not exist on some architecture. */
static int add_rule(struct profile *p, uint32_t action, int nr, const struct scmp_arg_cmp *args,
	unsigned count, struct err *err)
{
	int r = action == p->action ? 0
				    : seccomp_rule_add_array(p->filter, action, nr, count, args);

	if (r < 0 && r != -EACCES && r != -EEXIST && r != -EDOM && r != -EFAULT)
		return err_set(err, ERR_INVALID, -r, "seccomp profile: a rule is refused");
	return 0;
}

/* Two conditions on one argument are alternatives, as in Docker's runtime; otherwise all must hold. */
static int add_name(struct profile *p, uint32_t action, const char *name,
	const struct scmp_arg_cmp *args, unsigned count, bool alternatives, struct err *err)
{
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	note_numbers(p, name);
	if (nr == __NR_SCMP_ERROR)
		return 0; /* younger than this libseccomp, or another machine's */
	if (!alternatives)
		return add_rule(p, action, nr, args, count, err);
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = add_rule(p, action, nr, &args[i], 1, err);
	return r;
}

/* ---- as others read it */

static void write_action(struct jsonw *w, const char *action_key, const char *errno_key,
	const char *name, uint32_t action)
{
	jw_str(w, action_key, name);
	if (str_eq(name, "SCMP_ACT_ERRNO") || str_eq(name, "SCMP_ACT_TRACE"))
		jw_uint(w, errno_key, action & SECCOMP_RET_DATA);
}

static const char *compare_name(enum scmp_compare op)
{
	for (size_t i = 0; i < ARRAY_SIZE(compares); i++)
		if (compares[i].op == op)
			return compares[i].name;
	return "";
}

static void write_rule(struct jsonw *w, char *const *names, const char *action_name,
	uint32_t action, const struct scmp_arg_cmp *args, unsigned count)
{
	jw_object(w, NULL);
	jw_strv(w, "names", names);
	write_action(w, "action", "errnoRet", action_name, action);
	jw_array(w, "args");
	for (unsigned i = 0; i < count; i++) {
		jw_object(w, NULL);
		jw_uint(w, "index", args[i].arg);
		jw_uint(w, "value", args[i].datum_a);
		jw_uint(w, "valueTwo", args[i].datum_b);
		jw_str(w, "op", compare_name(args[i].op));
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
}

/* ---- */

static int read_rule(struct profile *p, json_object *rule, struct err *err)
{
	auto_strv char **names = json_get_strv(rule, "names");
	const char *name = json_get_str(rule, "name", NULL);
	const char *action_name = json_get_str(rule, "action", "");
	struct scmp_arg_cmp args[ARGS_MAX];
	bool alternatives;
	unsigned count;
	uint32_t action = 0;
	int r;

	if (name && strv_len(names))
		return invalid(err, "both 'names' and", "name");
	if (name)
		strv_add(&names, name);
	r = read_action(action_name, json_get(rule, "errnoRet"), &action, err);
	if (r == 0)
		r = read_args(json_get(rule, "args"), args, &count, &alternatives, err);
	if (r < 0 || !applies(p, rule))
		return r;
	write_rule(&p->json, names, action_name, action, args, count);
	for (char **n = names; r == 0 && n && *n; n++)
		r = add_name(p, action, *n, args, count, alternatives, err);
	return r;
}

static int read_rules(struct profile *p, json_object *rules, struct err *err)
{
	for (size_t i = 0; i < array_length(rules); i++) {
		int r = read_rule(p, json_object_array_get_idx(rules, i), err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the filter's text
 *
 * A profile that refuses what it does not name refuses calls that were invented after it was written,
 * too, and with EPERM a C library does not fall back to the older call. So, as Docker's runtime does, a
 * prologue answers ENOSYS to numbers above the highest that the profile names. */

static uint32_t last_of(const struct profile *p, uint32_t token, uint32_t missing)
{
	for (size_t i = 0; i < p->arch_count; i++)
		if (p->archs[i] == token)
			return p->last[i];
	return missing;
}

static void add_prologue_arch(struct buf *out, uint32_t token, uint32_t last, uint32_t last_x32)
{
	const struct sock_filter code[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, token, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_x32, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		/* back to what every group and the filter itself begin with */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	};

	buf_add(out, code, sizeof(code));
}

static void add_prologue(const struct profile *p, struct buf *out)
{
	const struct sock_filter load =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));

	if (p->action == SCMP_ACT_ALLOW || p->action == SCMP_ACT_LOG)
		return;
	buf_add(out, &load, sizeof(load));
	for (size_t i = 0; i < p->arch_count; i++) {
		bool is_x86_64 = p->archs[i] == SCMP_ARCH_X86_64;

		if (p->archs[i] == SCMP_ARCH_X32) /* shares the other's number */
			continue;
		add_prologue_arch(out, p->archs[i], p->last[i],
			is_x86_64 ? last_of(p, SCMP_ARCH_X32, UINT32_MAX) : p->last[i]);
	}
}

static int replace_file(const char *path, const void *data, size_t len)
{
	const char *name = strrchr(path, '/');
	auto_free char *folder = name ? xstrndup(path, (size_t)(name - path + 1)) : xstrdup(".");
	auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	return file_replace_at(dir, name ? name + 1 : path, data, len, 0600, 0);
}

static int export_filter(const struct profile *p, const char *out, struct err *err)
{
	auto_fd int fd = memfd_create("filter", MFD_CLOEXEC);
	auto_buf struct buf text = { 0 };
	auto_free char *code = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "memfd_create");
	r = seccomp_export_bpf(p->filter, fd);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, ERR_SYSTEM, -r, "the seccomp profile cannot be compiled");
	r = fd_read_text(fd, (size_t)BPF_MAXINSNS * sizeof(struct sock_filter), &code, &len);
	if (r < 0)
		return err_set(err, ERR_INVALID, -r, "the seccomp profile is too long");
	add_prologue(p, &text);
	buf_add(&text, code, len);
	if (text.len > (size_t)BPF_MAXINSNS * sizeof(struct sock_filter))
		return err_set(err, ERR_INVALID, E2BIG, "the seccomp profile is too long");
	r = replace_file(out, text.data, text.len);
	return r < 0 ? err_sys(err, r, "write the compiled seccomp profile") : 0;
}

/* OUT.bpf's neighbour, OUT.json. */
static int export_rules(const struct profile *p, json_object *doc, const char *out, struct err *err)
{
	size_t len = str_ends(out, ".bpf") ? strlen(out) - strlen(".bpf") : strlen(out);
	auto_free char *path = xasprintf("%.*s.json", (int)len, out);
	auto_buf struct buf text = { 0 };
	struct jsonw w = JSONW(&text);
	int r;

	jw_object(&w, NULL);
	write_action(&w, "defaultAction", "defaultErrnoRet", json_get_str(doc, "defaultAction", ""),
		p->action);
	jw_strv(&w, "architectures", p->arch_names);
	jw_array(&w, "syscalls");
	if (p->rules.len)
		jw_raw(&w, NULL, p->rules.data);
	jw_array_end(&w);
	jw_object_end(&w);
	r = replace_file(path, text.data, text.len);
	return r < 0 ? err_sys(err, r, "write the seccomp profile's rules") : 0;
}

static int compile(struct profile *p, json_object *doc, const char *out, struct err *err)
{
	int r;

	r = read_action(json_get_str(doc, "defaultAction", ""), json_get(doc, "defaultErrnoRet"),
		&p->action, err);
	if (r < 0)
		return r;
	p->filter = seccomp_init(p->action);
	if (!p->filter)
		return err_set(err, ERR_SYSTEM, ENOMEM, "libseccomp refuses the default action");
	/* a binary search instead of a chain: quicker to load, quicker to run */
	(void)seccomp_attr_set(p->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = read_archs(p, doc, err);
	if (r == 0)
		r = read_rules(p, json_get(doc, "syscalls"), err);
	if (r == 0) /* first: who finds the filter takes this to be there */
		r = export_rules(p, doc, out, err);
	return r < 0 ? r : export_filter(p, out, err);
}

int worker_seccomp(const char *in, const char *out, const char *caps, struct err *err)
{
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	struct profile p = { .caps = strtoull(caps, NULL, 16) };
	size_t len;
	int r;

	r = file_read_at(AT_FDCWD, in, PROFILE_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read the seccomp profile");
	r = json_parse(text, len, &doc, err);
	if (r < 0)
		return err_prefix(err, "seccomp profile");
	p.json = JSONW(&p.rules);
	r = compile(&p, doc, out, err);
	buf_free(&p.rules);
	strv_free(p.arch_names);
	if (p.filter)
		seccomp_release(p.filter);
	return r;
}
