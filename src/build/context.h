/* build/context.h - the client's files: a tar, plain or compressed, on standard input, unpacked into the
 * build's scratch folder. Owners do not count, as in Docker. */
#pragma once

#include "base/err.h"
#include "build/build.h"

#define CONTEXT_ENTRIES_MAX 1000000

/* A context that is a git repository (remote=): cloned. To be called before the user namespace is entered: ssh
 * finds the user's keys by the user's id. Nothing for another. */
int context_clone(struct build *b, struct err *err);
/* Reads it to its end and unpacks it; then takes away what .dockerignore names. */
int context_receive(struct build *b, struct err *err);
/* The text of the Dockerfile at path in the context. Owned. */
int context_dockerfile(
	struct build *b, const char *path, char **ret, size_t *ret_len, struct err *err);
