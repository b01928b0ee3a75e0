/* runtime/bundle_config.c - config.json, as the OCI runtime specification 1.0.2 has it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/capname.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "runtime/bundle.h"

#define UMASK       022
#define PROFILE_MAX (8u << 20)

bool bundle_covers(const struct plan *plan, const char *path)
{
	return plan_has(plan, "runtime") && (str_eq(path, "/proc") || str_starts(path, "/proc/"));
}

bool bundle_shows(const struct plan *plan, const char *device)
{
	static const char *const standard[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/tty",
		"/dev/random", "/dev/urandom" };

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (str_eq(standard[i], device))
			return plan_has(plan, "runtime");
	return false;
}

/* ---- process */

static void write_words(struct jsonw *w, const char *key, const struct plan *plan, const char *kind)
{
	auto_free const char **words = plan_words(plan, kind);

	jw_strv(w, key, (char *const *)(uintptr_t)words);
}

/* crun writes the ids it is told to itself; a map of a single id allows no groups at all, and those that nobody
 * has asked for are left out then, as ours are. */
static bool groups_allowed(const struct enter *e)
{
	auto_free char *text = NULL;

	if (plan_has(e->plan, "group"))
		return true;
	return file_read_at(AT_FDCWD, "/proc/self/setgroups", 16, &text, NULL) < 0 ||
		!str_starts(text, "deny");
}

static void write_user(struct jsonw *w, const struct enter *e)
{
	jw_object(w, "user");
	jw_uint(w, "uid", e->who.uid);
	jw_uint(w, "gid", e->who.gid);
	jw_uint(w, "umask", UMASK);
	if (e->who.group_count && !plan_has(e->plan, "keep-groups") && groups_allowed(e)) {
		jw_array(w, "additionalGids");
		for (size_t i = 0; i < e->who.group_count; i++)
			jw_uint(w, NULL, e->who.groups[i]);
		jw_array_end(w);
	}
	jw_object_end(w);
}

static void write_args(struct jsonw *w, const struct enter *e)
{
	auto_free const char **argv = plan_words(e->plan, "arg");

	jw_array(w, "args");
	if (plan_has(e->plan, "init")) {
		jw_str(w, NULL, BUNDLE_INIT);
		jw_str(w, NULL, e->program);
		jw_str(w, NULL, "--");
	}
	for (const char **a = argv; *a; a++)
		jw_str(w, NULL, *a);
	jw_array_end(w);
}

static void write_caps(struct jsonw *w, const char *key, uint64_t caps)
{
	jw_array(w, key);
	for (unsigned n = 0; cap_name(n); n++)
		if (caps >> n & 1)
			jw_str(w, NULL, cap_name(n));
	jw_array_end(w);
}

/* As user.c leaves them. */
static void write_capabilities(struct jsonw *w, const struct enter *e)
{
	const uint64_t own = e->who.uid == 0 ? e->caps : 0;

	jw_object(w, "capabilities");
	write_caps(w, "bounding", e->caps);
	write_caps(w, "effective", own);
	write_caps(w, "permitted", own);
	write_caps(w, "inheritable", 0);
	write_caps(w, "ambient", 0);
	jw_object_end(w);
}

static void write_limit(struct jsonw *w, const char *name, rlim_t soft, rlim_t hard)
{
	auto_free char *type = xasprintf("RLIMIT_%s", name);

	for (char *p = type; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	jw_object(w, NULL);
	jw_str(w, "type", type);
	jw_uint(w, "soft", soft);
	jw_uint(w, "hard", hard);
	jw_object_end(w);
}

/* runc raises its own limit of files, as programs in Go do, and would pass that on. */
static void write_files_limit(struct jsonw *w, const struct enter *e)
{
	struct rlimit own;

	plan_foreach (it, e->plan, "rlimit")
		if (str_eq(it->words[0], "nofile"))
			return;
	if (getrlimit(RLIMIT_NOFILE, &own) == 0)
		write_limit(w, "nofile", own.rlim_cur, own.rlim_max);
}

static int write_limits(struct jsonw *w, const struct enter *e, struct err *err)
{
	jw_array(w, "rlimits");
	write_files_limit(w, e);
	plan_foreach (it, e->plan, "rlimit") {
		rlim_t soft, hard;

		if (limit_value(it->words[1], &soft) < 0 || limit_value(it->words[2], &hard) < 0)
			return err_set(err, ERR_INVALID, EINVAL, "invalid ulimit %s=%s:%s",
				it->words[0], it->words[1], it->words[2]);
		write_limit(w, it->words[0], soft, hard);
	}
	jw_array_end(w);
	return 0;
}

static void write_terminal(struct jsonw *w, const struct enter *e)
{
	unsigned short height, width;

	jw_bool(w, "terminal", e->io->tty);
	if (!e->io->tty || !console_first_size(e, &height, &width))
		return;
	jw_object(w, "consoleSize");
	jw_uint(w, "height", height);
	jw_uint(w, "width", width);
	jw_object_end(w);
}

static int write_process(struct jsonw *w, const struct enter *e, struct err *err)
{
	const char *cwd = plan_get(e->plan, "cwd", "/");
	int r;

	jw_object(w, "process");
	write_terminal(w, e);
	write_user(w, e);
	write_args(w, e);
	jw_strv(w, "env", e->env);
	jw_str(w, "cwd", *cwd ? cwd : "/");
	write_capabilities(w, e);
	r = write_limits(w, e, err);
	jw_bool(w, "noNewPrivileges", plan_has(e->plan, "no-new-privs"));
	jw_object_end(w);
	return r;
}

/* ---- files */

static void write_options(struct jsonw *w, const struct plan_item *m)
{
	auto_strv char **words = strv_split(m->words[3], ',');

	jw_array(w, "options");
	for (char **o = words; o && *o; o++)
		if (**o)
			jw_str(w, NULL, str_eq(*o, "ro-top") ? "ro" : *o);
	jw_array_end(w);
}

static int write_mounts(struct jsonw *w, const struct enter *e, struct err *err)
{
	jw_array(w, "mounts");
	plan_foreach (m, e->plan, "mount") {
		if (!bundle_covers(e->plan, m->words[2]))
			continue;
		if (str_eq(m->words[0], "part"))
			return err_set(err, ERR_INVALID, EINVAL,
				"a part of a volume cannot be mounted at %s with this runtime",
				m->words[2]);
		jw_object(w, NULL);
		jw_str(w, "destination", m->words[2]);
		jw_str(w, "type", m->words[0]);
		jw_str(w, "source", m->words[1]);
		write_options(w, m);
		jw_object_end(w);
	}
	jw_array_end(w);
	return 0;
}

static void write_root(struct jsonw *w, const struct enter *e)
{
	jw_object(w, "root");
	jw_str(w, "path", BUNDLE_ROOT);
	jw_bool(w, "readonly", plan_has(e->plan, "readonly-root"));
	jw_object_end(w);
}

/* ---- linux */

static int write_seccomp(struct jsonw *w, const struct enter *e, struct err *err)
{
	const char *mode = plan_get(e->plan, "seccomp", "default");
	auto_buf struct buf standard = { 0 };
	auto_free char *name = NULL, *text = NULL;
	int r;

	if (str_eq(mode, "unconfined"))
		return 0;
	if (str_eq(mode, "default")) {
		bundle_seccomp(e->caps, &standard);
		jw_raw(w, "seccomp", standard.data);
		return 0;
	}
	name = seccomp_rules_name(mode, e->caps);
	r = file_read_at(AT_FDCWD, name, PROFILE_MAX, &text, NULL);
	if (r < 0)
		return rt_sys(err, r, "read %s", name);
	jw_raw(w, "seccomp", text);
	return 0;
}

/* Those that the runtime makes. The others are this process's own and inherited. */
static void write_namespaces(struct jsonw *w)
{
	static const char *const types[] = { "pid", "mount" };

	jw_array(w, "namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		jw_object(w, NULL);
		jw_str(w, "type", types[i]);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static int write_linux(struct jsonw *w, const struct enter *e, struct err *err)
{
	int r;

	jw_object(w, "linux");
	write_namespaces(w);
	write_words(w, "maskedPaths", e->plan, "mask");
	write_words(w, "readonlyPaths", e->plan, "readonly");
	jw_str(w, "rootfsPropagation", e->propagation == MS_SLAVE ? "rslave" : "rprivate");
	r = write_seccomp(w, e, err);
	jw_object_end(w);
	return r;
}

/* crun's word for groups that are not to be changed. */
static void write_annotations(struct jsonw *w, const struct enter *e)
{
	jw_object(w, "annotations");
	plan_foreach (it, e->plan, "annotation")
		jw_str(w, it->words[0], it->words[1]);
	if (plan_has(e->plan, "keep-groups"))
		jw_str(w, "run.oci.keep_original_groups", "1");
	jw_object_end(w);
}

int bundle_config(const struct enter *e, struct buf *out, struct err *err)
{
	struct jsonw w = JSONW(out);
	int r;

	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", "1.0.2");
	r = write_process(&w, e, err);
	if (r == 0)
		r = write_mounts(&w, e, err);
	write_root(&w, e);
	write_annotations(&w, e);
	if (r == 0)
		r = write_linux(&w, e, err);
	jw_object_end(&w);
	return r;
}
