/* worker/push.h - `docker push`: what its two files share. */
#pragma once

#include "oci/layout.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "worker/hash.h"
#include "worker/meter.h"
#include "worker/work.h"

/* Another repository of ours at the same registry, from which it may copy layers to the one we push to. */
struct push_other {
	char *path;   /* without the registry: "library/busybox" */
	bool known;   /* it was pulled from there, or pushed there */
	char **blobs; /* digests of the layers our images of it have */
};

struct push {
	struct work *work;
	struct settings settings;
	struct credentials credentials;
	struct image_ref ref;
	bool all_tags;
	struct oci_index ix; /* as it was when we began */
	struct push_other *others;
	size_t other_count;
	char **scopes; /* for the other repositories */
	struct meter *meter;
	struct registry *registry;
};

/* Sends the image of an entry of ix, and its manifest under this tag. Returns with the digest of the
 * manifest that was sent: not the local one if a layer had to be compressed. */
int push_image(struct push *p, const struct oci_entry *e, const char *tag,
	char ret_digest[DIGEST_SIZE], struct err *err);
