/* build/draft.h - an image in the making: what a stage of a Dockerfile has come to so far. It is the
 * document an image of it would have, so that every step has an id as in Docker, though only the last
 * one's becomes an image. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/images.h"
#include "worker/hash.h"

struct draft {
	json_object *doc;      /* the image's document; owned */
	json_object *config;   /* its member "config"; borrowed */
	json_object *layers;   /* descriptors for the manifest, lowest first; owned */
	char **diff_ids;       /* of the same layers */
	char key[DIGEST_SIZE]; /* of the cache: everything that led here (build/cache.h) */
	bool from_scratch;     /* nothing but "FROM scratch" so far */
};

void draft_clear(struct draft *d);
#define auto_draft __attribute__((cleanup(draft_clear)))

/* FROM scratch: nothing in it. platform: "os/arch[/variant]", "": this machine's. */
int draft_scratch(struct draft *ret, const char *platform, struct err *err);
/* FROM an image of the store, whose manifest is read. */
int draft_from_image(
	const struct dirs *d, const struct image *image, struct draft *ret, struct err *err);
void draft_copy(const struct draft *from, struct draft *ret);

/* A layer on top; a plain tar, so that its digest is its diff-id. */
void draft_add_layer(struct draft *d, const char *digest, int64_t size);
/* The step that was just made, and the document's own time. */
void draft_add_history(struct draft *d, int64_t created, const char *created_by, bool empty_layer);

/* The document's text, and what it is called by. */
void draft_print(const struct draft *d, struct buf *out);
void draft_id(const struct draft *d, char ret[DIGEST_SIZE]);
/* As core sees it, to create containers on: without the configuration, which a step brings along. Everything
 * in it is the draft's. */
struct image draft_view(const struct draft *d);
