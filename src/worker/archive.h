/* worker/archive.h - libarchive as we want it. */
#pragma once

#include <archive.h>

#include "base/err.h"

/* A reader that takes off the compressions Docker knows: gzip, bzip2, xz and zstd. libarchive has more,
 * for some of which it runs programs, and by default it looks for all. */
struct archive *archive_reader_new(void);

/* The reader's last error as ERR_INVALID: "invalid archive: …"; what: "archive" or "layer". */
int archive_invalid(struct archive *a, const char *what, struct err *err);
