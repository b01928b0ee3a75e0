#include "build/mounts.h"

#include <fcntl.h>
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

void run_mounts_clear(struct run_mounts *m)
{
	for (size_t i = 0; i < m->lock_count; i++)
		(void)fd_close(m->locks[i]);
	free(m->locks);
	*m = (struct run_mounts){ 0 };
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

/* ---- cache: a folder that outlives builds */

static int open_cache(int caches, const char *name, const struct df_mount *m, int *ret)
{
	int r = mkdirat(caches, name, 0700) < 0 ? -errno : 0;

	*ret = openat(caches, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return -errno;
	if (r == 0) { /* new: as this step asks for it */
		r = fchown(*ret, (uid_t)m->uid, (gid_t)m->gid) < 0 ? -errno : 0;
		if (r == 0 && fchmod(*ret, m->mode < 0 ? CACHE_MODE : (mode_t)m->mode) < 0)
			r = -errno;
	}
	return r == -EEXIST ? 0 : r;
}

/* shared: anybody at once; locked: one after the other; private: each its own, taken again later. */
static int lock_cache(
	int caches, const char *id, const struct df_mount *m, char **ret_name, int *ret)
{
	int how = m->sharing == DF_SHARED ? LOCK_SH
		: m->sharing == DF_LOCKED ? LOCK_EX
					  : LOCK_EX | LOCK_NB;

	for (int n = 0; n < PRIVATE_MAX; n++) {
		auto_free char *name = xasprintf("%.40s-%d", id, n);
		auto_fd int fd = FD_NONE;
		int r = open_cache(caches, name, m, &fd);

		if (r < 0)
			return r;
		if (flock(fd, how) == 0) {
			*ret_name = take_ptr(&name);
			*ret = take_fd(&fd);
			return 0;
		}
		if (errno != EWOULDBLOCK)
			return -errno;
	}
	return -EBUSY;
}

static int write_cache(struct stage_run *s, const struct df_mount *m, const char *target,
	struct jsonw *w, struct run_mounts *held, struct err *err)
{
	const struct dirs *d = &s->build->work->dirs;
	auto_fd int caches = dir_open_make_at(d->data, CACHES, 0700), fd = FD_NONE;
	auto_free char *name = NULL, *path = NULL;
	char id[DIGEST_SIZE];
	int r;

	if (m->from)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"RUN --mount=type=cache,from=%.100s is not supported yet", m->from);
	hash_bytes(m->id ? m->id : target, strlen(m->id ? m->id : target), id);
	r = caches < 0 ? caches : lock_cache(caches, digest_hex(id), m, &name, &fd);
	if (r < 0)
		return err_sys(err, r, "open the cache for %.100s", target);
	held->locks = xreallocarray(held->locks, held->lock_count + 1, sizeof(*held->locks));
	held->locks[held->lock_count++] = take_fd(&fd);
	path = xasprintf("%s/" CACHES "/%s", d->data_path, name);
	mount_write_bind(w, path, target, m->read_only);
	return 0;
}

/* ---- bind: a copy, so that what is written there is lost, as it should be */

struct bind {
	const struct df_mount *m;
	const char *into; /* below scratch */
	int scratch;
	bool squash;
};

static int copy_inside(const struct inside *i, void *arg, struct err *err)
{
	const struct bind *b = arg;
	const char *source = b->m->source ? b->m->source : "";
	auto_free char *clean = NULL;
	auto_fd int dir = FD_NONE, fd = FD_NONE;
	struct files_how how = { 0 };
	struct tree *tree;
	struct stat st;
	int r = tree_clean_path(source, &clean, err);

	if (r < 0)
		return r;
	dir = dir_open_make_at(b->scratch, b->into, 0755);
	if (dir < 0)
		return err_sys(err, dir, "make a folder for RUN --mount");
	fd = files_open(i->from, clean, &st, err);
	if (fd < 0)
		return err_prefix(err, "RUN --mount");
	tree = tree_new(dir, b->squash);
	r = files_copy(i->from, clean, tree, S_ISDIR(st.st_mode) ? "" : "file", &how, err);
	if (r == 0)
		r = tree_finish(tree, err);
	tree_free(tree);
	if (r == 0 && S_ISDIR(st.st_mode) && fchmod(dir, st.st_mode & 07777) < 0)
		r = err_sys(err, errno, "make a folder for RUN --mount");
	return r;
}

static int write_bind(struct stage_run *s, const struct df_mount *m, size_t n, const char *target,
	struct jsonw *w, struct err *err)
{
	struct build *b = s->build;
	auto_free char *into = xasprintf("mount-%zu-%zu", b->step, n), *path = NULL, *file = NULL;
	auto_draft struct draft image = { 0 };
	struct bind bind = { m, into, b->scratch.dir, b->work->single_id };
	struct inside_what what = { .from_dir = b->context, .from_layers = m->from != NULL };
	int r = 0;

	if (m->from && m->from_stage >= 0)
		what.from_below = b->drafts[m->from_stage].diff_ids;
	else if (m->from)
		r = build_image_draft(b, m->from, b->opt.platform, &image, err);
	if (image.doc)
		what.from_below = image.diff_ids;
	if (r == 0)
		r = inside_run(b, &what, copy_inside, &bind, err);
	if (r < 0)
		return r;
	path = xasprintf("%s/%s", b->scratch.path, into);
	file = xasprintf("%s/file", into);
	if (m->source && faccessat(b->scratch.dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		free(path);
		path = xasprintf("%s/%s", b->scratch.path, file);
	}
	mount_write_bind(w, path, target, m->read_only);
	return 0;
}

/* ---- secret, ssh: what only a BuildKit session delivers */

static int refuse_required(const struct df_mount *m, const char *what, struct err *err)
{
	if (!m->required)
		return 0; /* as BuildKit: then there is none */
	return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
		"RUN --mount=type=%s: %s %.100s is required, but the classic build API delivers none; "
		"use a builder of the docker-container driver (docker buildx create)",
		what, what,
		m->id               ? m->id
			: m->target ? m->target
				    : "default");
}

/* ---- */

static int write_one(struct stage_run *s, const struct df_mount *m, size_t n, struct jsonw *w,
	struct run_mounts *held, struct err *err)
{
	auto_free char *target = m->target ? target_of(s, m) : NULL;

	if (m->type == DF_MOUNT_SECRET)
		return refuse_required(m, "secret", err);
	if (m->type == DF_MOUNT_SSH)
		return refuse_required(m, "ssh", err);
	if (!target)
		return err_set(err, ERR_INVALID, EINVAL, "RUN --mount: target is required");
	switch (m->type) {
	case DF_MOUNT_TMPFS: write_tmpfs(w, target, m->size); return 0;
	case DF_MOUNT_CACHE: return write_cache(s, m, target, w, held, err);
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
	struct build *b = s->build;
	auto_draft struct draft image = { 0 };
	auto_free char *clean = NULL;
	char *const *layers;
	int r;

	if (!m->from) {
		r = tree_clean_path(m->source ? m->source : "", &clean, err);
		return r < 0 ? r : files_hash(b->context, clean, NULL, h, err);
	}
	if (m->from_stage < 0) {
		r = build_image_draft(b, m->from, b->opt.platform, &image, err);
		if (r < 0)
			return r;
	}
	layers = m->from_stage >= 0 ? b->drafts[m->from_stage].diff_ids : image.diff_ids;
	for (; layers && *layers; layers++)
		hash_add(h, *layers, strlen(*layers) + 1);
	return 0;
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
