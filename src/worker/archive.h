/* worker/archive.h - libarchive as we want it. */
#pragma once

#include <archive.h>
#include <stdbool.h>

#include "base/err.h"

/* A reader that takes off the compressions Docker knows: gzip, bzip2, xz and zstd. libarchive has more,
 * for some of which it runs programs, and by default it looks for all. */
struct archive *archive_reader_new(void);

/* Whether a file, which is read from its start, is a tar, plain or compressed with one of these. */
bool archive_is_tar(int fd);

/* The reader's last error as ERR_INVALID: "invalid archive: …"; what: "archive" or "layer". */
int archive_invalid(struct archive *a, const char *what, struct err *err);
