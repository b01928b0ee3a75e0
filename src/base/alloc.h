/* base/alloc.h - memory. Allocation failure ends the process with a message (see
 * docs/decisions/001-oom-aborts.md): the switchboard is started again by systemd, and the monitor
 * allocates while starting and taking requests, never while pumping output. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Grows an array of count items of size bytes; overflow is treated like exhaustion. */
void *xreallocarray(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull, nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

/* Frees at the end of the scope. */
#define auto_free __attribute__((cleanup(free_ptr)))

/* Hands a pointer over: yields it and leaves NULL behind. */
#define take_ptr(pp)                                                                               \
	({                                                                                         \
		__typeof__(*(pp)) p_ = *(pp);                                                      \
		*(pp) = NULL;                                                                      \
		p_;                                                                                \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
