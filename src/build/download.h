/* build/download.h - a file from a URL: ADD, and a remote context. */
#pragma once

#include "base/err.h"
#include "build/build.h"

#define DOWNLOAD_MAX (INT64_C(16) << 30) /* bytes */

/* Whether the word is a URL that can be downloaded. */
bool url_is_http(const char *word);
/* The last name of its path; owned, NULL without one that a file can have. */
char *url_file_name(const char *url);
/* Writes what it gives to fd. digest: what that has to hash to, NULL: anything. *ret_time: Last-Modified
 * as seconds since 1970, or 0. */
int download(struct build *b, const char *url, const char *digest, int fd, int64_t *ret_time,
	struct err *err);
