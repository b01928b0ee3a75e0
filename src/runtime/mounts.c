/* runtime/mounts.c - what is mounted into the assembled root, by the plan's words. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/bundle.h"
#include "runtime/enter.h"
#include "runtime/mountfd.h"
#include "runtime/target.h"

/* An OPTIONS word, taken apart. */
struct options {
	uint64_t attrs;      /* MOUNT_… for a bind */
	unsigned long flags; /* the same as MS_… for a file system */
	uint64_t propagation;
	bool recursive;
	bool top_readonly; /* the mount itself, not those below it */
	struct buf data;   /* what the file system itself understands */
};

struct option_word {
	const char *word;
	uint64_t attrs;
	unsigned long flags;
	uint64_t propagation;
	bool recursive;
};

/* clang-format off */
static const struct option_word option_words[] = {
	{ "ro", MOUNT_RDONLY, MS_RDONLY, 0, false },
	{ "rw", 0, 0, 0, false },
	{ "nosuid", MOUNT_NOSUID, MS_NOSUID, 0, false },
	{ "nodev", MOUNT_NODEV, MS_NODEV, 0, false },
	{ "noexec", MOUNT_NOEXEC, MS_NOEXEC, 0, false },
	{ "suid", 0, 0, 0, false }, { "dev", 0, 0, 0, false }, { "exec", 0, 0, 0, false },
	{ "bind", 0, 0, 0, false },
	{ "rbind", 0, 0, 0, true },
	{ "private", 0, 0, MS_PRIVATE, false }, { "rprivate", 0, 0, MS_PRIVATE, true },
	{ "shared", 0, 0, MS_SHARED, false },	{ "rshared", 0, 0, MS_SHARED, true },
	{ "slave", 0, 0, MS_SLAVE, false },	{ "rslave", 0, 0, MS_SLAVE, true },
};
/* clang-format on */

static void option_add(struct options *o, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_words); i++) {
		const struct option_word *w = &option_words[i];

		if (!str_eq(w->word, word))
			continue;
		o->attrs |= w->attrs;
		o->flags |= w->flags;
		if (w->propagation)
			o->propagation = w->propagation;
		else
			o->recursive |= w->recursive;
		return;
	}
	if (str_eq(word, "ro-top"))
		o->top_readonly = true;
	else if (*word)
		buf_printf(&o->data, "%s%s", o->data.len ? "," : "", word);
}

static void options_parse(const char *text, struct options *o)
{
	auto_strv char **words = strv_split(text, ',');

	*o = (struct options){ .propagation = MS_PRIVATE };
	for (char **w = words; w && *w; w++)
		option_add(o, *w);
}

static int mount_fail(struct enter *e, struct err *err, const struct plan_item *m, int r)
{
	if (r == -ENOTDIR) /* a folder on a file, or the other way round: the user's mistake */
		return enter_fail(e, err, BLAME_RUNTIME, 127, ENOTDIR,
			"error mounting \"%s\" to rootfs at \"%s\": not a directory: Are you trying to "
			"mount a directory onto a file (or vice-versa)? Check if the specified host "
			"path exists and is the expected type",
			m->words[1], m->words[2]);
	return rt_sys(err, r, "%s on %s", m->words[0], m->words[2]);
}

#define ID_UNMAPPED 65534 /* what an owner is shown as who is not in the user namespace */

/* A node of the host's is there to be used. Where its owner is in the container, which takes a node that is the
 * user's own or an engine run as root, its mode and owner could be changed, for the host as well: that a
 * read-only mount forbids, but not writing to the device. */
static uint64_t device_attrs(const struct stat *st)
{
	bool node = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);

	return node && st->st_uid != ID_UNMAPPED ? MOUNT_RDONLY : 0;
}

/* Attaches a copy of source on target and changes it as the options say: in this order, because older
 * kernels change only what is attached. Nobody looks yet. */
static int bind_fd(const struct enter *e, int source, int target, const struct options *o)
{
	auto_fd int tree = FD_NONE;
	struct stat from, to;
	uint64_t attrs;
	int r;

	if (fstat(source, &from) < 0 || fstat(target, &to) < 0)
		return -errno;
	if (S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
		return -ENOTDIR; /* the kernel says EINVAL, which can mean anything */
	attrs = o->attrs | device_attrs(&from);
	tree = mount_clone(source, "", o->recursive);
	if (tree < 0)
		return tree;
	r = mount_attach(tree, target);
	if (r == 0 && (attrs || o->propagation != e->propagation))
		r = mount_change(tree, o->recursive, attrs, o->propagation);
	if (r == 0 && o->top_readonly)
		r = mount_change(tree, false, MOUNT_RDONLY, 0);
	return r;
}

static int bind_source(struct enter *e, const struct plan_item *m, int source,
	const struct options *o, struct err *err)
{
	auto_fd int target = FD_NONE;
	struct stat st;
	int r;

	if (fstat(source, &st) < 0)
		return mount_fail(e, err, m, -errno);
	target = target_open(
		e->root, m->words[2], S_ISDIR(st.st_mode) ? TARGET_FOLDER : TARGET_FILE);
	if (target < 0)
		return mount_fail(e, err, m, target);
	r = bind_fd(e, source, target, o);
	if (r == -EINVAL && !o->recursive)
		return enter_fail(e, err, BLAME_REQUEST, 128, EINVAL,
			"error mounting \"%s\" to rootfs at \"%s\": what is mounted below it on the host "
			"cannot be left out in a user namespace",
			m->words[1], m->words[2]);
	return r < 0 ? mount_fail(e, err, m, r) : 0;
}

static int bind_mount(struct enter *e, const struct plan_item *m, const char *host,
	const struct options *o, struct err *err)
{
	auto_fd int source = open(host, O_PATH | O_CLOEXEC);

	if (source < 0)
		return enter_fail(e, err, BLAME_REQUEST, 128, errno,
			"invalid mount config for type \"bind\": bind source path does not exist: %s",
			host);
	return bind_source(e, m, source, o, err);
}

/* Something in a volume, in which containers may put links: none of them leads out. */
static int part_mount(
	struct enter *e, const struct plan_item *m, const struct options *o, struct err *err)
{
	auto_free char *whole = xstrdup(m->words[1]);
	char *part = strstr(whole, "//");
	auto_fd int root = FD_NONE, source = FD_NONE;

	for (char *next = part; next; next = strstr(next + 1, "//"))
		part = next;
	if (!part)
		return rt_sys(err, EINVAL, "the plan's mount %s", whole);
	*part = '\0';
	root = open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return mount_fail(e, err, m, -errno);
	source = path_open_beneath(root, part + 2, O_PATH);
	if (source == -EXDEV)
		return enter_fail(e, err, BLAME_REQUEST, 128, EXDEV,
			"path concatenation escapes the base directory: %s", m->words[1]);
	if (source < 0)
		return enter_fail(e, err, BLAME_REQUEST, 128, -source, "cannot access path %s: %s",
			m->words[1], strerror(-source));
	return bind_source(e, m, source, o, err);
}

static int mount_fs(const char *type, int target, unsigned long flags, const char *data)
{
	char name[FD_PATH];

	return mount(type, fd_path(target, name), type, flags, data) < 0 ? -errno : 0;
}

/* devpts wants the terminals' group to be mapped; with a single id it is not. */
static int mount_devpts(int target, const struct options *o)
{
	auto_strv char **words = strv_split(o->data.data ? o->data.data : "", ',');
	auto_buf struct buf data = { 0 };
	int r;

	r = mount_fs("devpts", target, o->flags, o->data.data);
	if (r != -EINVAL)
		return r;
	for (char **w = words; w && *w; w++)
		if (!str_starts(*w, "gid="))
			buf_printf(&data, "%s%s", data.len ? "," : "", *w);
	return mount_fs("devpts", target, o->flags, data.data);
}

/* A target for a kernel file system that others rely on (masks, sysctls): a real folder at that very
 * place, made if missing. An image's link would let it be anywhere. */
static int plain_target(struct enter *e, const char *path)
{
	auto_fd int fd = target_open(e->root, path, TARGET_FOLDER);
	struct stat st;

	if (fd < 0)
		return fd;
	fd = fd_close(fd);
	fd = path_open_in_root(e->root, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return take_fd(&fd);
}

bool host_has_cgroup2(void)
{
	struct statfs st;

	return statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

/* The kernel mounts these only for who owns the namespace they show. In a namespace shared with the
 * host its own mount is shown instead, as Docker's rootless mode does. */
static const char *host_instead(const struct enter *e, const char *type, bool *readonly)
{
	*readonly = true;
	if (str_eq(type, "sysfs") && !e->private_ns[NS_NET])
		return "/sys";
	if (str_eq(type, "cgroup2") && !e->private_ns[NS_CGROUP])
		return "/sys/fs/cgroup";
	*readonly = false;
	if (str_eq(type, "proc") && !e->private_ns[NS_PID])
		return "/proc";
	if (str_eq(type, "mqueue") && !e->private_ns[NS_IPC])
		return "/dev/mqueue";
	return NULL;
}

/* The host's /sys brings the host's cgroups along, and one file system is never mounted right upon itself. */
static int mount_above(struct enter *e, const struct plan_item *m, const struct options *o)
{
	auto_fd int below = target_open(e->root, m->words[2], TARGET_EXISTING);
	auto_fd int target = FD_NONE;
	int r = below < 0 ? below : mount_fs("tmpfs", below, MS_RDONLY, "size=0,nr_inodes=1");

	if (r < 0)
		return r;
	target = target_open(e->root, m->words[2], TARGET_EXISTING);
	return target < 0 ? target : mount_fs(m->words[0], target, o->flags, o->data.data);
}

static int fs_mount(
	struct enter *e, const struct plan_item *m, const struct options *o, struct err *err)
{
	const char *type = m->words[0];
	auto_fd int target = FD_NONE;
	int r;

	if (str_eq(type, "proc") || str_eq(type, "sysfs"))
		target = plain_target(e, m->words[2]);
	else
		target = target_open(e->root, m->words[2], TARGET_FOLDER);
	if (target < 0)
		return mount_fail(e, err, m, target);
	r = str_eq(type, "devpts") ? mount_devpts(target, o)
				   : mount_fs(type, target, o->flags, o->data.data);
	if (r == -EBUSY)
		r = mount_above(e, m, o);
	return r < 0 ? mount_fail(e, err, m, r) : 0;
}

/* What namespaces_join() has brought. A joined IPC namespace that is the host's has the host's. */
static int shm_mount(
	struct enter *e, const struct plan_item *m, const struct options *o, struct err *err)
{
	auto_fd int target = FD_NONE;
	int r;

	if (e->shm < 0)
		return bind_mount(e, m, "/dev/shm", o, err);
	target = target_open(e->root, m->words[2], TARGET_FOLDER);
	r = target < 0 ? target : mount_attach(e->shm, target);
	return r < 0 ? mount_fail(e, err, m, r) : 0;
}

static int mount_one(struct enter *e, const struct plan_item *m, struct options *o, struct err *err)
{
	const char *type = m->words[0], *host;
	bool readonly;

	if (str_eq(type, "bind"))
		return bind_mount(e, m, m->words[1], o, err);
	if (str_eq(type, "part"))
		return part_mount(e, m, o, err);
	if (str_eq(type, "joined-shm"))
		return shm_mount(e, m, o, err);
	if (str_eq(type, "cgroup2") && !host_has_cgroup2())
		return 0; /* a v1 host: containers see no cgroups */
	host = host_instead(e, type, &readonly);
	if (!host)
		return fs_mount(e, m, o, err);
	o->recursive = true;
	o->attrs |= readonly ? MOUNT_RDONLY : 0;
	return bind_mount(e, m, host, o, err);
}

static int mount_item(struct enter *e, const struct plan_item *m, struct err *err)
{
	struct options o;
	int r;

	options_parse(m->words[3], &o);
	r = mount_one(e, m, &o, err);
	buf_free(&o.data);
	return r;
}

/* For a runtime's own mount of proc: as plain as for ours. */
static int leave_place(struct enter *e, const struct plan_item *m, struct err *err)
{
	auto_fd int target = FD_NONE;

	if (!str_eq(m->words[0], "proc"))
		return 0;
	target = plain_target(e, m->words[2]);
	return target < 0 ? mount_fail(e, err, m, target) : 0;
}

int mounts_make(struct enter *e, struct err *err)
{
	int r = 0;

	plan_foreach (m, e->plan, "mount") {
		r = bundle_covers(e->plan, m->words[2]) ? leave_place(e, m, err)
							: mount_item(e, m, err);
		if (r < 0)
			break;
	}
	return r;
}

/* The host's own /proc, /sys and the like, where the container shares their namespace. */
static bool is_kernels(const struct plan_item *m)
{
	static const char *const places[] = { "/proc", "/sys", "/sys/fs/cgroup", "/dev/mqueue",
		"/dev/shm" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (str_eq(m->words[1], places[i]) && str_eq(m->words[2], places[i]))
			return true;
	return false;
}

/* Those with files that are there whether the container runs or not. */
int mounts_make_shared(struct enter *e, struct err *err)
{
	int r = 0;

	plan_foreach (m, e->plan, "mount") {
		if ((!str_eq(m->words[0], "bind") && !str_eq(m->words[0], "part")) || is_kernels(m))
			continue;
		r = mount_item(e, m, err);
		if (r < 0)
			break;
	}
	return r;
}

/* mknod is impossible in a user namespace, so the host's nodes are shown. */
int devices_bind(struct enter *e, struct err *err)
{
	const struct options plain = { .propagation = MS_PRIVATE };

	plan_foreach (it, e->plan, "device") {
		const char *path = it->words[0];
		auto_fd int source = FD_NONE, target = FD_NONE;
		int r;

		if (bundle_shows(e->plan, path))
			continue;
		source = open(path, O_PATH | O_CLOEXEC);
		if (source < 0)
			return rt_sys(err, errno, "open %s", path);
		target = target_open(e->root, path, TARGET_FILE);
		r = target < 0 ? target : bind_fd(e, source, target, &plain);
		if (r < 0)
			return rt_sys(err, r, "bind %s", path);
	}
	return 0;
}

static int link_make(struct enter *e, const char *to, const char *path, struct err *err)
{
	auto_free char *name = NULL;
	auto_fd int dir = target_parent(e->root, path, &name);

	if (dir < 0)
		return rt_sys(err, dir, "%s", path);
	if (symlinkat(to, dir, name) < 0 && errno != EEXIST)
		return rt_sys(err, errno, "%s", path);
	return 0;
}

int links_make(struct enter *e, struct err *err)
{
	int r = 0;

	plan_foreach (it, e->plan, "symlink") {
		r = link_make(e, it->words[0], it->words[1], err);
		if (r < 0)
			return r;
	}
	plan_foreach (m, e->plan, "mount")
		if (r == 0 && str_eq(m->words[0], "devpts") && str_eq(m->words[2], "/dev/pts"))
			r = link_make(e, "pts/ptmx", "/dev/ptmx", err);
	return r;
}

/* Something empty and read-only of the target's kind, from which detached copies are made. */
struct masks {
	int file;   /* the host's null device */
	int folder; /* an empty tmpfs, mounted once on the first folder masked */
};

static int mask_folder(struct masks *masks, int target)
{
	auto_fd int tree = FD_NONE;
	char name[FD_PATH];

	if (masks->folder >= 0) {
		tree = mount_clone(masks->folder, "", false);
		return tree < 0 ? tree : mount_attach(tree, target);
	}
	if (mount("tmpfs", fd_path(target, name), "tmpfs",
		    MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=1") < 0)
		return -errno;
	return 0;
}

static int mask_path(struct enter *e, struct masks *masks, const char *path)
{
	const struct options plain = { .propagation = MS_PRIVATE };
	auto_fd int target = target_open(e->root, path, TARGET_EXISTING);
	struct stat st;
	int r;

	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	if (fstat(target, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return bind_fd(e, masks->file, target, &plain);
	r = mask_folder(masks, target);
	if (r == 0 && masks->folder < 0)
		masks->folder = path_open_in_root(e->root, path, O_PATH | O_DIRECTORY, 0);
	return r;
}

int paths_mask(struct enter *e, struct err *err)
{
	struct masks masks = { .file = FD_NONE, .folder = FD_NONE };
	int r = 0;

	if (!plan_has(e->plan, "mask"))
		return 0;
	masks.file = open("/dev/null", O_PATH | O_CLOEXEC);
	if (masks.file < 0)
		return rt_sys(err, errno, "open /dev/null");
	plan_foreach (it, e->plan, "mask") {
		r = mask_path(e, &masks, it->words[0]);
		if (r < 0) {
			r = rt_sys(err, r, "%s", it->words[0]);
			break;
		}
	}
	(void)fd_close(masks.file);
	(void)fd_close(masks.folder);
	return r;
}

int mount_readonly(const struct enter *e, int root, const char *path)
{
	const struct options o = {
		.attrs = MOUNT_RDONLY,
		.recursive = true,
		.propagation = MS_PRIVATE,
	};
	auto_fd int target = target_open(root, path, TARGET_EXISTING);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	return target < 0 ? target : bind_fd(e, target, target, &o);
}

int paths_readonly(struct enter *e, struct err *err)
{
	plan_foreach (it, e->plan, "readonly") {
		int r = mount_readonly(e, e->root, it->words[0]);

		if (r < 0)
			return rt_sys(err, r, "%s", it->words[0]);
	}
	return 0;
}
