/* worker/manifest.h - writes the OCI manifest of an image that came without one, or with Docker's, which
 * other readers of the store do not know (oci/layout.h). */
#pragma once

#include "base/err.h"
#include "worker/stage.h"

/* Staged and wanted. The configuration and the layers (NULL-ended, may be NULL) are digests of blobs of the
 * stage or of the store; the layers' media types are told from their first bytes. */
int manifest_stage(struct stage *s, const char *config, char *const *layers,
	struct stage_blob **ret, struct err *err);
/* The twin of an image's manifest if that is Docker's by its media type (may be NULL); else *ret is NULL. */
int manifest_twin(struct stage *s, const char *media_type, const char *config, char *const *layers,
	struct stage_blob **ret, struct err *err);
