/* worker/download.h - a file from a URL: an import's source, ADD, and a remote context. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DOWNLOAD_MAX (INT64_C(16) << 30) /* bytes */

/* Whether the word is a URL that can be downloaded. */
bool url_is_http(const char *word);
/* The last name of its path; owned, NULL without one that a file can have. */
char *url_file_name(const char *url);
/* Writes what it gives to fd. digest: what that has to hash to, NULL: anything. *ret_time: Last-Modified
 * as seconds since 1970, or 0. cancel may be NULL (registry/http.h). */
int download(const char *url, const char *digest, int fd, const atomic_bool *cancel,
	int64_t *ret_time, struct err *err);
