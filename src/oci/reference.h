/* oci/reference.h - image references as Docker reads them: [DOMAIN/]PATH[:TAG][@DIGEST]. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Split and completed: "busybox" -> repository "docker.io/library/busybox", tag "latest". Members are
 * owned. */
struct image_ref {
	char *repository; /* with domain */
	char *tag;        /* NULL with a digest and no tag */
	char *digest;     /* "sha256:HEX", or NULL */
	char *familiar;   /* the repository as people type it: "busybox" */
};

/* ERR_INVALID "invalid reference format…", with Docker's words. */
int image_ref_parse(const char *text, struct image_ref *ret, struct err *err);
/* The same for a repository alone, then a tag ("" or NULL: latest); neither holds a digest. */
int image_ref_make(const char *repository, const char *tag, struct image_ref *ret, struct err *err);
/* Whether text says which image of a repository is meant, by a tag or a digest. */
bool image_ref_complete(const char *text);
void image_ref_clear(struct image_ref *r);
#define auto_ref __attribute__((cleanup(image_ref_clear)))

/* What index.json holds: repository:tag, or repository@digest if there is a digest. Owned. */
char *image_ref_full(const struct image_ref *r);
/* What people see: familiar:tag or familiar@digest. Owned. */
char *image_ref_familiar(const struct image_ref *r);

/* "HOST" or "HOST:PORT" as the domain of a reference. */
bool registry_host_valid(const char *s);

/* "sha256:" and 64 lower-case hex digits. */
bool digest_valid(const char *s);
/* The hex digits of a valid digest. */
static inline const char *digest_hex(const char *digest)
{
	return digest + sizeof("sha256:") - 1;
}
