#include "build/mounts.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "build/files.h"
#include "build/inside.h"
#include "oci/garbage.h"
#include "json/text.h"

#define CACHES      BUILDS "/mounts"
#define PRIVATE_MAX 64 /* folders of one private cache in use at once */
#define CACHE_MODE  0755
#define LONE_FILE   "file"
#define LOCK_LOOK   50 /* ms: how often a cache that is locked is tried again */

void run_mounts_release(struct run_mounts *m)
{
	for (size_t i = 0; i < m->lock_count; i++)
		(void)fd_close(m->locks[i]);
	free(take_ptr(&m->locks));
	m->lock_count = 0;
	strv_free(take_ptr(&m->caches));
}

void run_mounts_clear(struct run_mounts *m)
{
	run_mounts_release(m);
	strv_free(take_ptr(&m->targets));
}

void mount_write_bind(struct jsonw *w, const char *source, const char *target, bool read_only)
{
	jw_object(w, NULL);
	jw_str(w, "Type", "bind");
	jw_str(w, "Source", source);
	jw_str(w, "Target", target);
	jw_bool(w, "ReadOnly", read_only);
	jw_object_end(w);
}

static char *target_of(const struct stage_run *s, const struct df_mount *m)
{
	const char *cwd = json_get_str(s->draft.config, "WorkingDir", "/");

	return *m->target == '/' ? xstrdup(m->target)
				 : xasprintf("%s/%s", str_eq(cwd, "/") ? "" : cwd, m->target);
}

/* ---- tmpfs */

static void write_tmpfs(struct jsonw *w, const char *target, int64_t size)
{
	jw_object(w, NULL);
	jw_str(w, "Type", "tmpfs");
	jw_str(w, "Target", target);
	if (size > 0) {
		jw_object(w, "TmpfsOptions");
		jw_int(w, "SizeBytes", size);
		jw_object_end(w);
	}
	jw_object_end(w);
}

/* ---- files of a stage, of an image, or of the context */

/* from=: the layers of a stage that was built, or of an image (ret_image, which owns them). */
static int find_layers(struct stage_run *s, const struct df_mount *m, struct draft *ret_image,
	char *const **ret, struct err *err)
{
	struct build *b = s->build;
	int r;

	if (m->from_stage >= 0 && !b->drafts[m->from_stage].doc) /* of an ONBUILD trigger */
		return err_set(err, ERR_INVALID, EINVAL,
			"RUN --mount: from=%.100s: that stage is not built before this one",
			m->from);
	if (m->from_stage >= 0) {
		*ret = b->drafts[m->from_stage].diff_ids;
		return 0;
	}
	r = build_image_draft(b, m->from, b->opt.platform, ret_image, err);
	*ret = ret_image->diff_ids;
	return r < 0 ? err_prefix(err, "RUN --mount: from=%.100s", m->from) : 0;
}

/* Below scratch: a folder's files are in `folder`, a single file is LONE_FILE in `lone`. The two are apart
 * because the parent looks which one is there: no name in a folder that was copied may decide that. */
struct copy {
	const struct df_mount *m;
	const char *folder, *lone;
	int scratch;
	bool squash;
};

static int copy_top(const struct copy *c, int dir, const struct stat *st, struct err *err)
{
	if (!c->squash && fchown(dir, st->st_uid, st->st_gid) < 0)
		return err_sys(err, errno, "make a folder for RUN --mount");
	if (fchmod(dir, st->st_mode & 07777) < 0)
		return err_sys(err, errno, "make a folder for RUN --mount");
	return 0;
}

static int copy_inside(const struct inside *i, void *arg, struct err *err)
{
	const struct copy *c = arg;
	auto_free char *clean = NULL;
	auto_fd int dir = FD_NONE, fd = FD_NONE;
	struct files_how how = { 0 };
	struct tree *tree;
	struct stat st;
	int r = tree_clean_path(c->m->source ? c->m->source : "", &clean, err);

	if (r < 0)
		return r;
	fd = files_open(i->from, clean, &st, err);
	if (fd < 0)
		return err_prefix(err, "RUN --mount");
	dir = dir_open_make_at(c->scratch, S_ISDIR(st.st_mode) ? c->folder : c->lone, 0755);
	if (dir < 0)
		return err_sys(err, dir, "make a folder for RUN --mount");
	tree = tree_new(dir, c->squash);
	r = files_copy(i->from, clean, tree, S_ISDIR(st.st_mode) ? "" : LONE_FILE, &how, err);
	if (r == 0)
		r = tree_finish(tree, err);
	tree_free(tree);
	return r == 0 && S_ISDIR(st.st_mode) ? copy_top(c, dir, &st, err) : r;
}

/* What the mount names, as the folder `into` below scratch. *ret_file is a single file's path instead, also
 * below it; NULL: it was a folder. Owned. */
static int copy_source(struct stage_run *s, const struct df_mount *m, const char *into,
	char **ret_file, struct err *err)
{
	struct build *b = s->build;
	auto_draft struct draft image = { 0 };
	auto_free char *lone = xasprintf("lone-%s", into);
	struct copy copy = { m, into, lone, b->scratch.dir, b->work->single_id };
	struct inside_what what = { .from_dir = b->context, .from_layers = m->from != NULL };
	int r = m->from ? find_layers(s, m, &image, &what.from_below, err) : 0;

	if (r == 0)
		r = inside_run(b, &what, copy_inside, &copy, err);
	*ret_file = NULL;
	if (r == 0 && faccessat(b->scratch.dir, lone, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		*ret_file = xasprintf("%s/" LONE_FILE, lone);
	return r;
}

static void hash_layers(struct hash *h, char *const *layers)
{
	for (; layers && *layers; layers++)
		hash_add(h, *layers, strlen(*layers) + 1);
}

/* ---- cache: a folder that outlives builds */

struct cache {
	struct stage_run *s;
	const struct df_mount *m;
	size_t n;     /* which mount of the step */
	int folder;   /* of all caches */
	char *id;     /* owned */
	char *target; /* borrowed */
};

/* What it is known by: its id or target, and what it has begun with. */
static int name_cache(struct cache *c, struct err *err)
{
	auto_draft struct draft image = { 0 };
	auto_hash struct hash *h = hash_new();
	const char *id = c->m->id ? c->m->id : c->target;
	char *const *layers = NULL;
	char digest[DIGEST_SIZE];
	int r = c->m->from ? find_layers(c->s, c->m, &image, &layers, err) : 0;

	if (r < 0)
		return r;
	hash_add(h, id, strlen(id));
	if (c->m->from) {
		const char *source = c->m->source ? c->m->source : "";

		hash_add(h, "", 1);
		hash_add(h, source, strlen(source) + 1);
		hash_layers(h, layers);
	}
	hash_end(h, digest);
	c->id = xasprintf("%.40s", digest_hex(digest));
	return 0;
}

static int set_owner(const struct cache *c, int dir)
{
	const struct df_mount *m = c->m;
	uid_t uid = m->uid || !m->from ? (uid_t)m->uid : (uid_t)-1;
	gid_t gid = m->gid || !m->from ? (gid_t)m->gid : (gid_t)-1;

	if (!c->s->build->work->single_id && fchown(dir, uid, gid) < 0)
		return -errno;
	if (m->mode < 0 && m->from)
		return 0; /* as it is there */
	return fchmod(dir, m->mode < 0 ? CACHE_MODE : (mode_t)m->mode) < 0 ? -errno : 0;
}

/* Made aside, so that there is never one that is half filled. */
static int make_cache(const struct cache *c, const char *name, struct err *err)
{
	struct build *b = c->s->build;
	auto_free char *into = xasprintf("cache-%zu-%zu-%s", b->step, c->n, name), *file = NULL;
	auto_fd int dir = FD_NONE;
	int r = c->m->from ? copy_source(c->s, c->m, into, &file, err) : 0;

	if (r < 0)
		return r;
	if (file)
		return err_set(err, ERR_INVALID, ENOTDIR,
			"RUN --mount=type=cache: source %.200s is not a folder", c->m->source);
	dir = dir_open_make_at(b->scratch.dir, into, CACHE_MODE);
	r = dir < 0 ? dir : set_owner(c, dir);
	if (r == 0 && renameat2(b->scratch.dir, into, c->folder, name, RENAME_NOREPLACE) < 0 &&
		errno != EEXIST) /* another build was first */
		r = -errno;
	return r < 0 ? err_sys(err, r, "make the cache for %.100s", c->target) : 0;
}

/* Pruning takes folders away, but none that is locked. */
static bool is_there(const struct cache *c, const char *name, int fd)
{
	struct stat have, open;

	return fstatat(c->folder, name, &have, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open) == 0 &&
		have.st_ino == open.st_ino;
}

/* shared: anybody at once; locked and private: one at a time. 0: held; 1: in use; 2: look again. */
static int try_cache(const struct cache *c, const char *name, int *ret, struct err *err)
{
	int how = c->m->sharing == DF_SHARED ? LOCK_SH : LOCK_EX, r;
	auto_fd int fd = openat(c->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		r = make_cache(c, name, err);
		return r < 0 ? r : 2;
	}
	if (fd < 0)
		return err_sys(err, errno, "open the cache for %.100s", c->target);
	if (flock(fd, how | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : err_sys(err, errno, "lock a cache");
	if (!is_there(c, name, fd))
		return 2;
	(void)futimens(fd, NULL); /* its latest use: for pruning */
	*ret = take_fd(&fd);
	return 0;
}

/* Until who has it is done, or our client has gone. */
static int wait_cache(const struct cache *c, struct err *err)
{
	struct answer *a = &c->s->build->work->answer;

	(void)poll(&(struct pollfd){ .fd = a->client }, 1, LOCK_LOOK);
	return answer_gone(a) ? err_set(err, ERR_SYSTEM, ECANCELED, "the client went away") : 0;
}

/* private: each its own folder, taken again later. */
static int hold_cache(const struct cache *c, const struct run_mounts *held, char **ret_name,
	int *ret, struct err *err)
{
	int n = 0, r = 2;

	while (r > 0) {
		auto_free char *name = xasprintf("%s-%d", c->id, n);

		r = 0;
		if (c->m->sharing == DF_PRIVATE || !strv_has(held->caches, name))
			r = try_cache(c, name, ret, err);
		if (r == 0)
			*ret_name = take_ptr(&name);
		if (r == 1 && c->m->sharing != DF_PRIVATE && wait_cache(c, err) < 0)
			r = -ECANCELED;
		else if (r == 1 && c->m->sharing == DF_PRIVATE && ++n == PRIVATE_MAX)
			r = err_set(err, ERR_CONFLICT, EBUSY,
				"the cache for %.100s is in use %d times", c->target, n);
	}
	return r;
}

static int write_cache(struct cache *c, struct jsonw *w, struct run_mounts *held, struct err *err)
{
	const struct dirs *d = &c->s->build->work->dirs;
	auto_free char *name = NULL, *path = NULL;
	auto_fd int fd = FD_NONE;
	int r;

	if (c->m->source && !c->m->from)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"RUN --mount=type=cache: source= without from= is not supported");
	if (c->folder < 0)
		return err_sys(err, c->folder, "open " CACHES);
	r = name_cache(c, err);
	if (r == 0)
		r = hold_cache(c, held, &name, &fd, err);
	if (r < 0)
		return r;
	path = xasprintf("%s/" CACHES "/%s", d->data_path, name);
	mount_write_bind(w, path, c->target, c->m->read_only);
	if (fd < 0)
		return 0; /* a second mount of the same */
	held->locks = xreallocarray(held->locks, held->lock_count + 1, sizeof(*held->locks));
	held->locks[held->lock_count++] = take_fd(&fd);
	strv_add_take(&held->caches, take_ptr(&name));
	return 0;
}

static int add_cache(struct stage_run *s, const struct df_mount *m, size_t n, char *target,
	struct jsonw *w, struct run_mounts *held, struct err *err)
{
	struct cache c = { .s = s, .m = m, .n = n, .target = target };
	int r;

	c.folder = dir_open_make_at(s->build->work->dirs.data, CACHES, 0700);
	r = write_cache(&c, w, held, err);
	(void)fd_close(c.folder);
	free(c.id);
	return r;
}

/* ---- bind: a copy, so that what is written there is lost, as it should be */

static int write_bind(struct stage_run *s, const struct df_mount *m, size_t n, const char *target,
	struct jsonw *w, struct err *err)
{
	struct build *b = s->build;
	auto_free char *into = xasprintf("mount-%zu-%zu", b->step, n), *file = NULL, *path = NULL;
	int r = copy_source(s, m, into, &file, err);

	if (r < 0)
		return r;
	path = xasprintf("%s/%s", b->scratch.path, file ? file : into);
	mount_write_bind(w, path, target, m->read_only);
	return 0;
}

/* ---- secret, ssh: what only a BuildKit session delivers */

/* As with BuildKit there is none then, unless it is required; but here there never is one. */
static int tell_missing(
	struct stage_run *s, const struct df_mount *m, const char *what, struct err *err)
{
	const char *id = m->id ? m->id : m->target ? m->target : "default";
	auto_free char *why =
		xasprintf("the classic build API delivers no %s; use a builder of the "
			  "docker-container driver (docker buildx create)",
			what);

	if (m->required)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"RUN --mount=type=%s: %s %.100s is required, but %s", what, what, id, why);
	say_text(&s->build->say, " ---> [Warning] %s %.100s is not mounted: %s\n", what, id, why);
	return 0;
}

/* ---- */

static int write_one(struct stage_run *s, const struct df_mount *m, size_t n, struct jsonw *w,
	struct run_mounts *held, struct err *err)
{
	auto_free char *target = m->target ? target_of(s, m) : NULL;

	if (m->type == DF_MOUNT_SECRET)
		return tell_missing(s, m, "secret", err);
	if (m->type == DF_MOUNT_SSH)
		return tell_missing(s, m, "ssh", err);
	if (!target)
		return err_set(err, ERR_INVALID, EINVAL, "RUN --mount: target is required");
	strv_add(&held->targets, target);
	switch (m->type) {
	case DF_MOUNT_TMPFS: write_tmpfs(w, target, m->size); return 0;
	case DF_MOUNT_CACHE: return add_cache(s, m, n, target, w, held, err);
	default: return write_bind(s, m, n, target, w, err);
	}
}

int run_mounts_write(struct stage_run *s, const struct df_instruction *in, struct jsonw *w,
	struct run_mounts *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->flags.mount_count; i++)
		r = write_one(s, &in->flags.mounts[i], i, w, ret, err);
	return r;
}

static int hash_bind(struct stage_run *s, const struct df_mount *m, struct hash *h, struct err *err)
{
	auto_draft struct draft image = { 0 };
	auto_free char *clean = NULL;
	char *const *layers;
	int r;

	if (!m->from) {
		r = tree_clean_path(m->source ? m->source : "", &clean, err);
		return r < 0 ? r : files_hash(s->build->context, clean, NULL, h, err);
	}
	r = find_layers(s, m, &image, &layers, err);
	if (r == 0)
		hash_layers(h, layers);
	return r;
}

int run_mounts_key(struct stage_run *s, const struct df_instruction *in, char key[DIGEST_SIZE],
	struct err *err)
{
	for (size_t i = 0; i < in->flags.mount_count; i++) {
		const struct df_mount *m = &in->flags.mounts[i];
		auto_hash struct hash *h = hash_new();
		char digest[DIGEST_SIZE];
		int r = 0;

		for (char **f = m->fields; f && *f; f++)
			key_add(key, *f);
		if (m->type == DF_MOUNT_BIND)
			r = hash_bind(s, m, h, err);
		if (r < 0)
			return err_prefix(err, "RUN --mount");
		hash_end(h, digest);
		key_add(key, digest);
	}
	return 0;
}
