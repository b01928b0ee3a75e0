/* worker/load.h - `docker load`: an archive of images on standard input. */
#pragma once

#include "base/err.h"
#include "worker/answer.h"
#include "worker/documents.h"
#include "worker/members.h"
#include "worker/stage.h"
#include "worker/work.h"

/* What the two kinds of archives come to: images whose blobs and layers are staged. */
struct loaded {
	char manifest[DIGEST_SIZE], config[DIGEST_SIZE];
	char *media_type; /* NULL: OCI's */
	int64_t manifest_size;
	const struct stage_blob *twin; /* of the manifest, or NULL; the stage's */
	char **names;                  /* full references */
};
struct loads {
	struct loaded *items;
	size_t count;
};
/* One more, zeroed; valid until the next. */
struct loaded *loads_add(struct loads *l);
void loads_clear(struct loads *l);

/* load_docker.c: manifest.json, text of len bytes, says what is in the archive. */
int load_docker(struct stage *s, const struct members *m, const char *text, size_t len,
	struct loads *ret, struct err *err);
/* load_oci.c: index.json does. */
int load_oci(struct stage *s, const char *text, size_t len, struct loads *ret, struct err *err);
