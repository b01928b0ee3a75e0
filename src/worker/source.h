/* worker/source.h - a file that one thread still writes while another reads it from the start: a blob
 * on its way in, unpacked as it comes. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct source {
	int fd;      /* borrowed */
	off_t size;  /* readable so far */
	off_t taken; /* the reader has come here */
	bool complete, broken;
	const atomic_bool *cancel; /* the reader gives up, too; may be NULL */
	pthread_mutex_t lock;
	pthread_cond_t grown;
};

/* A file that is whole already has complete set at once: source_init(s, fd, size, true). */
void source_init(struct source *s, int fd, off_t size, bool complete);
void source_destroy(struct source *s);

/* The writer's side. */
void source_grow(struct source *s, off_t size);
void source_end(struct source *s, bool broken);
/* Up to len bytes at offset, waiting until there are some. 0 at the end; -errno, -ECANCELED when the
 * writer gave up or all is cancelled. */
ssize_t source_read(struct source *s, off_t offset, void *data, size_t len);
/* How far the reader has come; any thread. */
off_t source_taken(struct source *s);
