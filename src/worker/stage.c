#include "worker/stage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layer.h"
#include "oci/layout.h"
#include "oci/lease.h"
#include "oci/reference.h"
#include "worker/disk.h"
#include "worker/job.h"
#include "worker/merged.h"
#include "worker/targets.h"
#include "json/text.h"

/* Every so often what was written is sent to the disk, so that the fsync at the end is short. */
#define WRITE_BACK (INT64_C(8) << 20)

struct stage {
	const struct dirs *dirs;
	int blobs; /* oci/blobs/sha256 */
	struct jobs *jobs;
	pthread_mutex_t lock; /* of the list and of adding jobs */
	struct stage_blob *first;
	char **known; /* "BLOB DIFFID" of the store's images; read on first use */
	bool known_read;
	char **reused_blobs,
		**reused_layers; /* digests found in the store: still there at the end? */
};

struct stage_in {
	struct stage *stage;
	struct hash *hash;
	int fd;
	int64_t size, sent;
	bool unpack; /* if it turns out to be a layer */
	struct job *job;
	char head[LAYER_MAGIC_LEN];
};

struct stage *stage_new(const struct dirs *d, bool squash)
{
	return stage_new_cancellable(d, squash, NULL);
}

struct stage *stage_new_cancellable(const struct dirs *d, bool squash, const atomic_bool *cancel)
{
	struct stage *s = xcalloc(1, sizeof(*s));

	s->dirs = d;
	s->blobs = FD_NONE;
	s->jobs = jobs_new(d, squash, cancel);
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

void stage_free(struct stage *s)
{
	struct stage_blob *next;

	if (!s)
		return;
	jobs_free(s->jobs); /* first: it reads the blobs */
	for (struct stage_blob *b = s->first; b; b = next) {
		next = b->next;
		(void)fd_close(b->fd);
		free(b);
	}
	(void)fd_close(s->blobs);
	(void)pthread_mutex_destroy(&s->lock);
	strv_free(s->known);
	strv_free(s->reused_blobs);
	strv_free(s->reused_layers);
	free(s);
}

/* ---- coming in */

static int open_blobs(struct stage *s, struct err *err)
{
	if (s->blobs < 0)
		s->blobs = oci_blobs_open(s->dirs);
	return s->blobs < 0 ? err_sys(err, s->blobs, "open the blobs' folder") : 0;
}

static int new_file(struct stage *s, struct err *err)
{
	int fd, r = open_blobs(s, err);

	if (r < 0)
		return r;
	fd = openat(s->blobs, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, errno, "make a blob") : fd;
}

static void stage_lock(struct stage *s)
{
	(void)pthread_mutex_lock(&s->lock);
}

static void stage_unlock(struct stage *s)
{
	(void)pthread_mutex_unlock(&s->lock);
}

int stage_begin(struct stage *s, bool unpack, struct stage_in **ret, struct err *err)
{
	struct stage_in *in;
	int fd;

	stage_lock(s);
	fd = new_file(s, err);
	stage_unlock(s);
	if (fd < 0)
		return fd;
	in = xcalloc(1, sizeof(*in));
	in->stage = s;
	in->hash = hash_new();
	in->fd = fd;
	in->unpack = unpack;
	*ret = in;
	return 0;
}

static void send_to_disk(struct stage_in *in)
{
	if (in->size - in->sent < WRITE_BACK)
		return;
	(void)sync_file_range(in->fd, in->sent, in->size - in->sent, SYNC_FILE_RANGE_WRITE);
	in->sent = in->size;
}

/* Looks at the first bytes once they are there, or all there will be. */
static int maybe_unpack(struct stage_in *in, bool all, struct err *err)
{
	size_t n;
	int r;

	if (!in->unpack || (in->size < LAYER_MAGIC_LEN && !all))
		return 0;
	in->unpack = false;
	n = in->size < LAYER_MAGIC_LEN ? (size_t)in->size : LAYER_MAGIC_LEN;
	if (!layer_magic(in->head, n))
		return 0;
	stage_lock(in->stage);
	r = jobs_add(in->stage->jobs, &(struct job_source){ .fd = in->fd, .size = in->size },
		&in->job, err);
	stage_unlock(in->stage);
	return r;
}

int stage_data(struct stage_in *in, const void *data, size_t len, struct err *err)
{
	size_t n;
	int r;

	if (in->size < LAYER_MAGIC_LEN) {
		n = LAYER_MAGIC_LEN - (size_t)in->size;
		memcpy(in->head + in->size, data, len < n ? len : n);
	}
	r = fd_write_all(in->fd, data, len);
	if (r < 0)
		return err_sys(err, r, "write blob");
	in->size += (int64_t)len;
	if (in->job)
		source_grow(&in->job->source, in->size);
	hash_add(in->hash, data, len);
	send_to_disk(in);
	return maybe_unpack(in, false, err);
}

void stage_abort(struct stage_in *in)
{
	if (!in)
		return;
	if (in->job) {
		source_end(&in->job->source, true);
		(void)jobs_wait(in->stage->jobs, in->job, NULL); /* it reads from our descriptor */
	}
	(void)fd_close(in->fd);
	hash_free(in->hash);
	free(in);
}

static struct stage_blob *find(struct stage *s, const char *digest)
{
	struct stage_blob *b = s->first;

	while (b && !str_eq(b->digest, digest))
		b = b->next;
	return b;
}

struct stage_blob *stage_find(struct stage *s, const char *digest)
{
	struct stage_blob *b;

	stage_lock(s);
	b = find(s, digest);
	stage_unlock(s);
	return b;
}

/* The same bytes may have come in by another thread meanwhile: that blob, or this one. */
static struct stage_blob *add_blob(struct stage *s, struct stage_blob *b)
{
	struct stage_blob *old;

	stage_lock(s);
	old = find(s, b->digest);
	if (!old) {
		b->next = s->first;
		s->first = b;
	}
	stage_unlock(s);
	return old ? old : b;
}

int stage_end(struct stage_in *in, struct stage_blob **ret, struct err *err)
{
	struct stage_blob *b;
	int r = maybe_unpack(in, true, err);

	if (r < 0) {
		stage_abort(in);
		return r;
	}
	b = xcalloc(1, sizeof(*b));
	hash_end(in->hash, b->digest);
	b->size = in->size;
	b->fd = in->fd;
	b->job = in->job;
	*ret = add_blob(in->stage, b);
	if (*ret != b) {
		free(b);
		stage_abort(in); /* the same bytes are here already */
		return 0;
	}
	if (in->job)
		source_end(&in->job->source, false);
	hash_free(in->hash);
	free(in);
	return 0;
}

int stage_bytes(
	struct stage *s, const void *data, size_t len, struct stage_blob **ret, struct err *err)
{
	struct stage_in *in;
	int r = stage_begin(s, false, &in, err);

	if (r < 0)
		return r;
	r = stage_data(in, data, len, err);
	if (r < 0) {
		stage_abort(in);
		return r;
	}
	return stage_end(in, ret, err);
}

/* ---- layers made here */

/* What a container holds may claim to be of any size. */
static int pack_data(void *arg, const void *data, size_t len, struct err *err)
{
	struct stage_in *in = arg;

	if (!disk_takes(in->fd, in->size, (int64_t)len))
		return err_sys(err, ENOSPC, "write layer");
	return stage_data(in, data, len, err);
}

static int pack(struct stage *s, int dir, const struct pack_how *how, bool unpack,
	struct packed *ret_packed, struct stage_blob **ret, struct err *err)
{
	const struct merged tree = { .dirs = { dir }, .count = 1, .raw = true };
	struct stage_in *in;
	int r = stage_begin(s, unpack, &in, err);

	if (r < 0)
		return r;
	r = tree_pack(&tree, how, pack_data, in, ret_packed, err);
	if (r < 0) {
		stage_abort(in);
		return r;
	}
	return stage_end(in, ret, err);
}

int stage_pack(struct stage *s, int dir, const struct pack_how *how, struct packed *ret_packed,
	struct stage_blob **ret, struct err *err)
{
	return pack(s, dir, how, true, ret_packed, ret, err);
}

int stage_tree_new(struct stage *s, struct stage_tree *ret, struct err *err)
{
	struct job *job;
	int r = jobs_add_folder(s->jobs, &job, err);

	if (r < 0)
		return r;
	*ret = (struct stage_tree){ .dir = job->dir,
		.diff = job->tree,
		.path = xasprintf("%s/layers/%s", s->dirs->data_path, job->name),
		.job = job };
	return 0;
}

void stage_tree_drop(struct stage *s, struct stage_tree *t)
{
	(void)s;
	if (t->job)
		t->job->tree = fd_close(t->job->tree);
	free(t->path);
	*t = (struct stage_tree){ .dir = FD_NONE, .diff = FD_NONE };
}

int stage_tree_pack(struct stage *s, struct stage_tree *t, const struct pack_how *how,
	struct packed *ret_packed, struct stage_blob **ret, struct err *err)
{
	struct job *job = t->job;
	int r;

	if (how->made)
		targets_remove(t->diff, how->made);
	r = pack(s, t->diff, how, false, ret_packed, ret, err);
	if (r == 0)
		r = job_only_tree(job, err);
	stage_tree_drop(s, t);
	if (r < 0)
		return r;
	job->result.size = ret_packed->size;
	memcpy(job->result.diff_id, (*ret)->digest, DIGEST_SIZE);
	if (!(*ret)->job)
		(*ret)->job = job;
	(*ret)->wanted = (*ret)->layer = true;
	return 0;
}

/* ---- wanting */

static int missing(const char *digest, struct err *err)
{
	return err_set(err, ERR_INVALID, ENOENT, "blob %s is missing in the archive", digest);
}

int stage_open(struct stage *s, const char *digest, int64_t *ret_size)
{
	struct stage_blob *b = stage_find(s, digest);
	struct stat st;
	int fd;

	/* the unnamed file's own offset is the writer's: /proc opens it anew */
	if (b) {
		char path[40];

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	} else {
		fd = oci_blob_open(s->dirs, digest);
		if (fd < 0)
			return fd;
	}
	if (fstat(fd, &st) < 0) {
		(void)fd_close(fd);
		return -EIO;
	}
	*ret_size = st.st_size;
	return fd;
}

int stage_read(struct stage *s, const char *digest, char **ret, size_t *ret_len, struct err *err)
{
	int64_t size;
	auto_fd int fd = stage_open(s, digest, &size);
	int r;

	if (fd < 0)
		return missing(digest, err);
	if (size > DOC_MAX)
		return err_set(err, ERR_INVALID, EFBIG, "blob %s is larger than %u bytes", digest,
			DOC_MAX);
	r = fd_read_text(fd, DOC_MAX, ret, ret_len);
	return r < 0 ? err_sys(err, r, "read blob %s", digest) : 0;
}

int stage_want(struct stage *s, const char *digest, struct err *err)
{
	struct stage_blob *b = stage_find(s, digest);
	auto_fd int fd = FD_NONE;

	if (b) {
		b->wanted = true;
		return 0;
	}
	fd = oci_blob_open(s->dirs, digest);
	if (fd < 0)
		return missing(digest, err);
	strv_add(&s->reused_blobs, digest);
	return 0;
}

/* The unpacking of a blob: under way, or begun now. Blobs of the store are taken in, too: the job needs
 * a descriptor that stays open. */
static int layer_job(struct stage *s, const char *digest, struct job **ret, struct err *err)
{
	struct stage_blob *b = stage_find(s, digest);
	bool stored = !b;
	int64_t size = 0;
	int r;

	if (!b) {
		int fd = stage_open(s, digest, &size);

		if (fd < 0)
			return missing(digest, err);
		b = xcalloc(1, sizeof(*b));
		(void)snprintf(b->digest, sizeof(b->digest), "%s", digest);
		b->fd = fd;
		b->size = size;
		(void)add_blob(s, b); /* not wanted: it has its place */
	}
	if (!b->job) {
		const struct job_source from = { b->fd, b->size, .complete = true,
			.verify = stored };

		stage_lock(s);
		r = jobs_add(s->jobs, &from, &b->job, err);
		stage_unlock(s);
		if (r < 0)
			return r;
	}
	*ret = b->job;
	return 0;
}

int stage_layer_id(struct stage *s, const char *digest, char ret[DIGEST_SIZE], struct err *err)
{
	struct job *job = NULL;
	int r = layer_job(s, digest, &job, err);

	if (r == 0)
		r = jobs_wait(s->jobs, job, err);
	if (r < 0)
		return r;
	if (!*job->result.diff_id)
		(void)snprintf(job->result.diff_id, DIGEST_SIZE, "%s", digest);
	memcpy(ret, job->result.diff_id, DIGEST_SIZE);
	return 0;
}

int64_t stage_unpacked(const struct stage_blob *b)
{
	return b->job ? source_taken(&b->job->source) : b->size;
}

static void add_known(struct stage *s, const struct oci_entry *e)
{
	auto_json json_object *manifest = NULL, *config = NULL;
	json_object *layers, *ids;

	if (oci_blob_doc(s->dirs, e->manifest, &manifest, NULL) < 0 || !*e->config ||
		oci_blob_doc(s->dirs, e->config, &config, NULL) < 0)
		return;
	layers = doc_array(manifest, "layers");
	ids = doc_array(doc_object(config, "rootfs"), "diff_ids");
	for (size_t i = 0; i < doc_len(layers) && i < doc_len(ids); i++) {
		const char *digest = doc_str(doc_object_at(layers, i), "digest");
		const char *id = doc_str_at(ids, i);

		if (digest && id)
			strv_add_take(&s->known, xasprintf("%s %s", digest, id));
	}
}

/* The store's images were verified when they came in. */
static void read_known(struct stage *s)
{
	auto_index struct oci_index ix = { 0 };

	s->known_read = true;
	if (oci_index_read(s->dirs, &ix, NULL) < 0)
		return;
	for (size_t i = 0; i < ix.count; i++)
		add_known(s, &ix.entries[i]);
}

bool stage_knows_layer(struct stage *s, const char *digest, const char *diff_id)
{
	auto_free char *pair = xasprintf("%s %s", digest, diff_id);

	if (layer_state(s->dirs, diff_id) != LAYER_READY)
		return false;
	if (str_eq(digest, diff_id))
		return true; /* a plain tar */
	if (!s->known_read)
		read_known(s);
	return strv_has(s->known, pair);
}

int stage_want_layer(
	struct stage *s, const char *digest, const char *diff_id, size_t n, struct err *err)
{
	struct stage_blob *b = stage_find(s, digest);
	char found[DIGEST_SIZE];
	int r;

	r = stage_want(s, digest, err);
	if (r < 0)
		return r;
	if ((!b || !b->job) && stage_knows_layer(s, digest, diff_id)) {
		strv_add(&s->reused_layers, diff_id);
		return 0;
	}
	r = stage_layer_id(s, digest, found, err);
	if (r < 0)
		return err_prefix(err, "layer %zu", n);
	if (!str_eq(found, diff_id))
		return err_set(err, ERR_INVALID, EBADMSG,
			"invalid diffID for layer %zu: expected \"%s\", got \"%s\"", n, diff_id,
			found);
	stage_find(s, digest)->layer = true;
	return 0;
}

int stage_reuse_layer(
	struct stage *s, const char *digest, const char *diff_id, size_t n, struct err *err)
{
	if (layer_state(s->dirs, diff_id) != LAYER_READY)
		return stage_want_layer(s, digest, diff_id, n, err);
	strv_add(&s->reused_layers, diff_id);
	return stage_want(s, digest, err);
}

/* ---- commit */

static int sync_blob(struct stage_blob *b, struct err *err)
{
	return fsync(b->fd) < 0 ? err_sys(err, errno, "write blob to disk") : 0;
}

/* One that is in the store: only those that builds make get there without waiting for the disk. */
static int sync_stored(struct stage *s, const char *digest, struct err *err)
{
	auto_fd int fd = FD_NONE;

	if (!layer_unsynced(s->dirs, digest))
		return 0;
	fd = oci_blob_open(s->dirs, digest);
	return fd < 0 || fsync(fd) < 0 ? err_sys(err, errno, "write blob to disk") : 0;
}

static int sync_blobs(struct stage *s, struct err *err)
{
	int r = 0;

	for (struct stage_blob *b = s->first; r == 0 && b; b = b->next)
		if (b->wanted && !b->placed)
			r = sync_blob(b, err);
	for (char **d = s->reused_blobs; r == 0 && d && *d; d++)
		r = sync_stored(s, *d, err);
	return r;
}

/* Whether the blob that has the name already can stay. One of a build may have been on its way to the disk
 * when the machine went down. */
static bool is_sound(struct stage *s, const struct stage_blob *b)
{
	struct stat st;

	return fstatat(s->blobs, digest_hex(b->digest), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_size == b->size && layer_state(s->dirs, b->digest) != LAYER_SUSPECT;
}

static int link_blob(const struct stage_blob *b, int dir, const char *name)
{
	char from[40];

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", b->fd);
	return linkat(AT_FDCWD, from, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Under another name first: there is no link() that replaces. */
static int replace_blob(struct stage *s, const struct stage_blob *b)
{
	char path[8 + ID_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), "oci/.tmp-%.16s", digest_hex(b->digest));
	(void)unlinkat(s->dirs->data, path, 0);
	r = link_blob(b, s->dirs->data, path);
	if (r == 0 && renameat(s->dirs->data, path, s->blobs, digest_hex(b->digest)) < 0)
		r = -errno;
	return r;
}

static int place_blob(struct stage *s, struct stage_blob *b, struct err *err)
{
	int r = link_blob(b, s->blobs, digest_hex(b->digest));

	if (r == -EEXIST && is_sound(s, b))
		return sync_stored(s, b->digest, err);
	if (r == -EEXIST)
		r = replace_blob(s, b);
	return r < 0 ? err_sys(err, r, "put blob %.19s in place", b->digest) : 0;
}

static int place_blobs(struct stage *s, struct err *err)
{
	int r = 0;

	for (struct stage_blob *b = s->first; r == 0 && b; b = b->next)
		if (b->wanted && !b->placed)
			r = place_blob(s, b, err);
	if (r < 0)
		return r;
	if (fsync(s->blobs) < 0)
		return err_sys(err, errno, "write the blobs' folder to disk");
	return 0;
}

static int place_layers(struct stage *s, struct err *err)
{
	for (struct stage_blob *b = s->first; b; b = b->next) {
		int r = b->layer ? jobs_place(s->jobs, b->job, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int stage_place(struct stage *s, struct stage_blob *b, struct err *err)
{
	auto_fd int lock = dirs_lock(s->dirs);
	int r = open_blobs(s, err);

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	if (r == 0)
		r = place_blob(s, b, err);
	if (r == 0)
		r = jobs_place(s->jobs, b->job, err);
	b->wanted = b->layer = false; /* whether an image has it is to be seen */
	return r;
}

int stage_publish(struct stage *s, struct stage_blob *b, struct err *err)
{
	auto_fd int lock = FD_NONE;
	int r = sync_blob(b, err);

	if (r < 0)
		return r;
	lock = dirs_lock(s->dirs); /* or who is collecting garbage might not have seen our lease */
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = place_blob(s, b, err);
	b->placed = r == 0;
	return r;
}

/* Somebody may have removed an image since we found a part of ours in the store. */
static int check_reused(struct stage *s, struct err *err)
{
	char *const *gone = NULL;

	for (char **d = s->reused_blobs; d && *d && !gone; d++) {
		auto_fd int fd = oci_blob_open(s->dirs, *d);

		if (fd < 0)
			gone = d;
	}
	for (char **d = s->reused_layers; d && *d && !gone; d++)
		if (layer_state(s->dirs, *d) != LAYER_READY)
			gone = d;
	if (gone)
		return err_set(err, ERR_SYSTEM, EAGAIN,
			"%s was removed while it was being used; try again", *gone);
	return 0;
}

static int write_index(struct stage *s, const struct stage_image *images, size_t count,
	struct oci_index *ret, struct err *err)
{
	int r = oci_index_read(s->dirs, ret, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct oci_new_entry e = {
			.manifest = images[i].manifest,
			.media_type = images[i].media_type,
			.config = images[i].config,
			.size = images[i].manifest_size,
		};

		if (images[i].twin) {
			e.twin = images[i].twin->digest;
			e.media_type = NULL;
			e.size = images[i].twin->size;
		}

		if (!images[i].names || !*images[i].names)
			oci_index_add(ret, &e);
		for (char *const *n = images[i].names; n && *n; n++) {
			e.name = *n;
			oci_index_add(ret, &e);
		}
	}
	return oci_index_write(s->dirs, ret, err);
}

/* An image keeps them now. Those that somebody holds are for the holder to end. */
static void drop_leases(struct stage *s)
{
	for (struct stage_blob *b = s->first; b; b = b->next)
		if (b->wanted)
			lease_drop(s->dirs, b->digest);
	for (char **d = s->reused_blobs; d && *d; d++)
		lease_drop(s->dirs, *d);
}

/* With the lock: who dies in here leaves the store unsettled, and the next one clears up. */
static int place_all(
	struct stage *s, const struct stage_image *images, size_t count, struct err *err)
{
	auto_index struct oci_index ix = { 0 };
	int unsettled, r = open_blobs(s, err);

	if (r < 0)
		return r;
	unsettled = oci_unsettle(s->dirs);
	if (unsettled < 0)
		return err_sys(err, unsettled, "begin to change the store");
	r = place_blobs(s, err);
	if (r == 0)
		r = place_layers(s, err);
	if (r == 0)
		r = write_index(s, images, count, &ix, err);
	if (r < 0)
		return r;
	drop_leases(s);
	if (unsettled)
		(void)oci_collect_garbage(s->dirs, &ix, NULL);
	else
		oci_settle(s->dirs);
	return 0;
}

int stage_commit(struct stage *s, const struct stage_image *images, size_t count, struct err *err)
{
	auto_fd int lock = FD_NONE;
	int r;

	r = sync_blobs(s, err);
	if (r < 0)
		return r;
	lock = dirs_lock(s->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = check_reused(s, err);
	return r == 0 ? place_all(s, images, count, err) : r;
}
