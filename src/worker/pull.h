/* worker/pull.h - an image of a registry becomes one of the store: `docker pull`, and FROM. */
#pragma once

#include "base/err.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "worker/hash.h"
#include "worker/meter.h"
#include "worker/platform.h"
#include "worker/work.h"

/* Everything is borrowed. The caller has entered the user namespace. */
struct pull {
	struct work *work;
	struct meter *meter;
	const struct settings *settings;
	const struct credentials *credentials; /* may be NULL */
	const struct platform *platform;       /* NULL: what suits this machine */
};

struct pulled {
	char config[DIGEST_SIZE]; /* the image's id */
	char digest[DIGEST_SIZE]; /* of what the registry has under the name */
	bool newer;               /* the name meant something else here, or nothing */
};

/* One tag or digest. Nothing is told through the meter before it is sure that there is such an image:
 * until then an error can be the answer's status. */
int pull_reference(
	const struct pull *p, const struct image_ref *ref, struct pulled *ret, struct err *err);
/* The same over a conversation that is open already, with the repository of ref. */
int pull_over(const struct pull *p, struct registry *r, const struct image_ref *ref,
	struct pulled *ret, struct err *err);
/* Opens one. */
int pull_open(const struct pull *p, const char *repository, struct registry **ret, struct err *err);
