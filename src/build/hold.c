#include "build/hold.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "build/pull.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layout.h"
#include "state/remove.h"
#include "worker/platform.h"
#include "json/text.h"

/* ---- the scratch folder */

/* With the store's lock: whoever sweeps takes a folder that is not locked for a dead one's. */
int scratch_open(const struct dirs *d, struct scratch *ret, struct err *err)
{
	auto_fd int builds = dir_open_make_at(d->data, BUILDS, 0700), dir = FD_NONE;
	auto_fd int lock = dirs_lock(d);
	char id[ID_SIZE], name[sizeof(BUILD_TMP) + 16];

	id_new(id);
	(void)snprintf(name, sizeof(name), BUILD_TMP "%.16s", id);
	if (builds < 0)
		return err_sys(err, builds, "open " BUILDS);
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	dir = dir_open_make_at(builds, name, 0700);
	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, dir < 0 ? dir : errno, "make a folder for the build");
	ret->path = xasprintf("%s/" BUILDS "/%s", d->data_path, name);
	ret->dir = take_fd(&dir);
	return 0;
}

void scratch_close(const struct dirs *d, struct scratch *s)
{
	auto_fd int builds = openat(d->data, BUILDS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (s->path && builds >= 0)
		(void)tree_remove_at(builds, strrchr(s->path, '/') + 1, NULL);
	free(take_ptr(&s->path));
	s->dir = fd_close(s->dir);
}

/* ---- needs */

static int need(struct build *b, const char *digest)
{
	auto_fd int fd = openat(
		b->scratch.dir, BUILD_NEEDS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	auto_free char *line = xasprintf("%s\n", digest);

	return fd < 0 ? -errno : fd_write_all(fd, line, strlen(line));
}

static int need_image(struct build *b, const struct image *image, struct err *err)
{
	auto_json json_object *manifest = NULL;
	json_object *layers;
	int r = oci_blob_doc(&b->work->dirs, image->manifest_digest, &manifest, err);

	if (r < 0)
		return err_prefix(err, "manifest of %.19s", image->id);
	r = need(b, image->id);
	layers = doc_array(manifest, "layers");
	for (size_t i = 0; r == 0 && i < doc_len(layers); i++) {
		const char *digest = doc_str(doc_object_at(layers, i), "digest");

		if (digest_valid(digest))
			r = need(b, digest);
	}
	for (char **d = image->diff_ids; r == 0 && d && *d; d++)
		r = need(b, *d);
	return r < 0 ? err_sys(err, r, "write what the build needs") : 0;
}

static int lock_store(struct build *b, int *ret, struct err *err)
{
	*ret = dirs_lock(&b->work->dirs);
	return *ret < 0 ? err_sys(err, *ret, "lock the store") : 0;
}

/* ---- images */

static int check_platform(
	const struct image *i, const char *ref, const char *wanted, struct err *err)
{
	struct platform want, have;
	int r;

	if (!*wanted)
		return 0;
	r = platform_read(wanted, &want, err);
	if (r < 0)
		return r;
	platform_from_doc(i->document, &have);
	if (platform_match(&want, &have) > 0)
		return 0;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"image with reference %s was found but its platform (%s/%s) does not match the "
		"specified platform (%s)",
		ref, i->os, i->architecture, wanted);
}

/* As it is here. -ENOENT: not here, or for another platform. */
static int hold_local(
	struct build *b, const char *ref, const char *platform, struct image **ret, struct err *err)
{
	auto_image struct image *image = NULL;
	auto_fd int lock = FD_NONE;
	int r = lock_store(b, &lock, err);

	if (r == 0)
		r = image_find(b->core, ref, &image, err);
	if (r == 0)
		r = check_platform(image, ref, platform, err);
	if (r == 0)
		r = need_image(b, image, err);
	if (r == 0)
		*ret = take_ptr(&image);
	return r;
}

/* Ids are of this store; everything else may be a registry's name. */
static int pull(struct build *b, const char *text, const char *platform, struct err *err)
{
	auto_ref struct image_ref ref = { 0 };
	int r = image_ref_parse(text, &ref, err);

	if (r == 0)
		r = build_pull(b, &ref, platform, err);
	if (r == 0)
		strv_add(&b->pulled, text);
	return r;
}

int hold_image(
	struct build *b, const char *ref, const char *platform, struct image **ret, struct err *err)
{
	bool id = str_starts(ref, "sha256:") || id_valid(ref);
	int r;

	if (b->opt.pull && !id && !strv_has(b->pulled, ref)) {
		r = pull(b, ref, platform, err);
		return r < 0 ? r : hold_local(b, ref, platform, ret, err);
	}
	r = hold_local(b, ref, platform, ret, err);
	if (r != -ENOENT || id || strv_has(b->pulled, ref))
		return r;
	r = pull(b, ref, platform, err);
	return r < 0 ? r : hold_local(b, ref, platform, ret, err);
}

/* ---- layers */

bool hold_cached(struct build *b, const char *key, struct cached *ret)
{
	auto_fd int lock = FD_NONE;

	if (lock_store(b, &lock, NULL) < 0 || !cache_get(&b->work->dirs, key, ret))
		return false;
	return !*ret->layer || need(b, ret->layer) == 0;
}

int hold_layer(struct build *b, struct stage_blob *blob, struct err *err)
{
	int r = need(b, blob->digest);

	if (r < 0)
		return err_sys(err, r, "write what the build needs");
	return stage_place(b->stage, blob, err);
}
