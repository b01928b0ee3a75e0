/* core/container_filter.h - which containers a list or a prune is about. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/core.h"
#include "core/filters.h"
#include "core/records.h"
#include "state/status.h"

/* The keys of GET /containers/json and of POST /containers/prune. */
extern const char *const container_list_filters[], *const container_prune_filters[];

/* Filters with their values checked and their references resolved. */
struct container_filter {
	const struct filters *f;
	bool all;              /* stopped ones too */
	bool wants_doc;        /* needs more than the summary */
	unsigned states;       /* bits of enum run_state; 0: any */
	int64_t before, since; /* 0: any */
	char **image_ids;      /* of ancestor, resolved */
	char ***image_layers;  /* their layers, beside image_ids */
};

int container_filter_open(struct core *c, const struct filters *f, bool all,
	struct container_filter *ret, struct err *err);
void container_filter_clear(struct container_filter *cf);
#define auto_container_filter __attribute__((cleanup(container_filter_clear)))

bool container_filter_match(struct core *c, const struct container_filter *cf, const char *id,
	const struct summary *s, const struct status *st);

/* Label filters ("label", "label!") and "until" (filters_time()) of prune. */
bool prune_filter_match(const struct filters *f, const struct container *ct, int64_t until);
