/* stream/source.h - where `docker logs` reads: the files that drivers json-file and local write, or the
 * journal (src/journald, a program of its own for the sake of libsystemd). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/logfile.h"

struct log_source {
	/* dir: the container's data folder, borrowed. Starts with the oldest record. */
	int (*open)(int dir, const char *id, void **ret, struct err *err);
	void (*close)(void *source); /* NULL is fine */
	/* As logreader_tail(), logreader_since() and logreader_next(). */
	int (*tail)(void *source, uint64_t n);
	void (*since)(void *source, int64_t since);
	int (*next)(void *source, struct log_record *ret);
	/* Readable when there may be more; NULL: what is new shows in the folder. */
	int (*fd)(void *source);
	/* Nobody writes any more: what was written before and is still under way has to come. May be NULL. */
	void (*complete)(void *source);
};

extern const struct log_source log_source_files;
