/* worker/seccomp.h - a custom seccomp profile in Docker's JSON form, compiled to a filter.
 *
 * The monitor asks for it (`dayfly-worker seccomp IN OUT CAPS`) when the compiled form of a profile is
 * not there yet, because it has neither a JSON parser nor libseccomp. */
#pragma once

#include "base/err.h"

/* Reads the profile at path in and replaces out with the filter, a raw array of struct sock_filter. Beside it,
 * with the suffix .json, the same is left for other runtimes: "seccomp" of the OCI runtime specification.
 * caps: the container's capability set in hex; rules of a profile may depend on it, so the result is
 * good for this set only. */
int worker_seccomp(const char *in, const char *out, const char *caps, struct err *err);
