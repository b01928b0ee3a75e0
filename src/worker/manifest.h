/* worker/manifest.h - writes the OCI manifest of an image that came without one. */
#pragma once

#include "base/err.h"
#include "worker/stage.h"

/* Staged and wanted. The layers' media types are told from their first bytes. */
int manifest_stage(struct stage *s, const struct stage_blob *config,
	const struct stage_blob *const *layers, size_t n_layers, struct stage_blob **ret,
	struct err *err);
