/* registry/upload.h - sending blobs and manifests to a repository. */
#pragma once

#include "registry/client.h"

/* A blob on its way out. Of a body made as it is sent (http_upload.read) the digest may be known only
 * when all of it was read: it is looked at after that. */
struct registry_source {
	const struct http_upload *body;
	const char *digest;
};

/* Sends a blob, from its first byte on whenever something breaks. session: one that registry_mount() has
 * opened, or NULL. */
int registry_put_blob(struct registry *r, const char *session, const struct registry_source *source,
	const char *shown, struct err *err);
/* Asks for a blob of another repository of this registry ("library/busybox"). 1: it is here now. 0: it
 * is not, and *ret_session (owned; may become NULL) is where it can be sent to instead. */
int registry_mount(struct registry *r, const char *digest, const char *from, char **ret_session,
	struct err *err);
/* Names a manifest, all of whose blobs are there. */
int registry_put_manifest(struct registry *r, const char *tag, const char *media_type,
	const char *text, size_t len, const char *shown, struct err *err);
