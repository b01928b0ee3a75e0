/* worker/stage.h - blobs and layers on their way into the image store.
 *
 * Nothing counts until stage_commit(): blobs are files without a name (O_TMPFILE) and vanish with the
 * process; layers are unpacked in layers/.tmp-ID, held by a flock that tells the sweep they are alive.
 * A layer is unpacked by a thread of its own while its blob still comes in, if it looks like one.
 *
 * Blobs may come in by several threads at once; a stage_in is for one of them. Finding, wanting and
 * committing is for the thread that made the stage, except where it is said. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/dirs.h"
#include "worker/hash.h"
#include "worker/pack.h"

struct stage;

struct stage_blob {
	char digest[DIGEST_SIZE];
	int64_t size;
	int fd;          /* of the unnamed file */
	struct job *job; /* its unpacking, or NULL; private */
	bool wanted;     /* part of an image: gets its place */
	bool layer;      /* its tree gets its place */
	bool placed;     /* on the disk, and has its place */
	struct stage_blob *next;
};

/* The caller has entered the user namespace. squash as in worker/tree.h. */
struct stage *stage_new(const struct dirs *d, bool squash);
/* Unpacking ends with an error once cancel is set, by any thread. */
struct stage *stage_new_cancellable(const struct dirs *d, bool squash, const atomic_bool *cancel);
/* Ends what still runs and takes away what was not committed. */
void stage_free(struct stage *s);
static inline void stage_free_ptr(struct stage **s)
{
	stage_free(*s);
}
#define auto_stage __attribute__((cleanup(stage_free_ptr)))

/* ---- a blob comes in: begin, data…, end. The blob is the stage's; the same bytes twice give the same
 * blob. With unpack, a blob that starts like a layer is unpacked meanwhile. */
struct stage_in;
int stage_begin(struct stage *s, bool unpack, struct stage_in **ret, struct err *err);
/* any thread: */
int stage_data(struct stage_in *in, const void *data, size_t len, struct err *err);
int stage_end(struct stage_in *take_in, struct stage_blob **ret, struct err *err);
void stage_abort(struct stage_in *take_in);
int stage_bytes(
	struct stage *s, const void *data, size_t len, struct stage_blob **ret, struct err *err);

/* ---- layers made here */

/* Packs a layer's folder (borrowed, left as it is) into a blob, from which its tree is unpacked
 * meanwhile. For what stays in use: a container's upper folder. The blob is plain, its digest the
 * diff-id. */
int stage_pack(struct stage *s, int dir, const struct pack_how *how, struct packed *ret_packed,
	struct stage_blob **ret, struct err *err);

/* A folder that becomes the layer's tree itself: layers/.tmp-ID, alive and the stage's until then. */
struct stage_tree {
	int dir;  /* the folder; only diff/ of it is kept, so overlayfs's work/ may be beside it */
	int diff; /* diff/, at first empty, 0755 */
	char *path;      /* of dir, absolute: for mounts */
	struct job *job; /* private */
};
int stage_tree_new(struct stage *s, struct stage_tree *ret, struct err *err);
/* Packs diff/ into a blob. Nothing may write to it any more. The blob is wanted, and so is the layer:
 * stage_commit() renames the folder to layers/HEX. Both descriptors and the path are gone afterwards,
 * also on failure; an empty tree (packed.entries 0) gives a layer like any other, to be wanted or not. */
int stage_tree_pack(struct stage *s, struct stage_tree *take_tree, const struct pack_how *how,
	struct packed *ret_packed, struct stage_blob **ret, struct err *err);
/* Lets go of one that comes to nothing; the folder is removed with the stage. */
void stage_tree_drop(struct stage *s, struct stage_tree *take_tree);

/* The staged blob, or NULL. */
struct stage_blob *stage_find(struct stage *s, const char *digest);
/* A blob of the stage or of the store, for reading: a descriptor of the caller's, its size, or -ENOENT. */
int stage_open(struct stage *s, const char *digest, int64_t *ret_size);
/* One that is a document, as a whole: NUL-ended and owned. ERR_INVALID if there is none. */
int stage_read(struct stage *s, const char *digest, char **ret, size_t *ret_len, struct err *err);

/* How much of a staged layer's blob its unpacking has taken; its size once that is done. Any thread. */
int64_t stage_unpacked(const struct stage_blob *b);
/* Whether the store's images show that such a blob is this layer, and its tree is ready. */
bool stage_knows_layer(struct stage *s, const char *digest, const char *diff_id);

/* This blob is part of an image: it is committed. ERR_INVALID if there is none. */
int stage_want(struct stage *s, const char *digest, struct err *err);
/* This blob is a layer of an image: makes sure that its tree exists, waits for it, and compares its
 * diff-id with what the configuration says (n: which layer, for the message). Implies stage_want(). */
int stage_want_layer(
	struct stage *s, const char *digest, const char *diff_id, size_t n, struct err *err);
/* The same for a layer of an image in the store: what is there is taken for what it says it is. */
int stage_reuse_layer(
	struct stage *s, const char *digest, const char *diff_id, size_t n, struct err *err);
/* The diff-id of a staged layer, unpacking it if that is not under way. */
int stage_layer_id(struct stage *s, const char *digest, char ret[DIGEST_SIZE], struct err *err);

/* A blob of stage_tree_pack() gets its place now, and so does its layer, without waiting for the disk: what
 * comes next may be built on it. Somebody else must see to it that it is not collected as garbage. */
int stage_place(struct stage *s, struct stage_blob *b, struct err *err);
/* A blob that is complete gets its place now, durably, for others to use: any thread, with a lease of the
 * caller's (oci/lease.h). */
int stage_publish(struct stage *s, struct stage_blob *b, struct err *err);

/* An image to be named in the index (oci/layout.h); names: full references, NULL-ended, may be NULL. */
struct stage_image {
	const char *manifest, *media_type, *config;
	int64_t manifest_size;
	const struct stage_blob *twin; /* NULL: media_type is OCI's; else see manifest_twin() */
	char *const *names;
};
/* Makes everything wanted durable, gives it its place and writes the index. */
int stage_commit(struct stage *s, const struct stage_image *images, size_t count, struct err *err);
