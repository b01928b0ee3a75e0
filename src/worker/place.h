/* worker/place.h - a path in a container as `docker cp` means it, and what lies there. Resolved as if the
 * container's root were "/", links and all. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "worker/work.h"

struct place {
	const char *typed;
	char *path; /* from the root on, clean */
	char *base; /* its last name, which is what an archive of it is called: "." for what it holds, "/" */
	bool folder; /* "x/" or "x/.": a folder is meant, though a link may lead to it */
	/* place_open() */
	int fd; /* O_PATH */
	struct stat st;
	char *target; /* where a link leads in the end, from the root on; "" if it is none */
};

/* The path of the word path=. */
void place_parse(const char *typed, struct place *ret);
void place_clear(struct place *p);
#define auto_place __attribute__((cleanup(place_clear)))

/* Looks at what is there; a link is what it is. */
int place_open(struct place *p, const struct work *w, int root, struct err *err);
/* Says of such a failure what Docker says. */
int place_fail(const struct place *p, const struct work *w, int r, struct err *err);
/* Where a path leads, all links followed as far as there is something. Owned; or NULL: in circles. */
char *place_follow(int root, const char *path);

/* What X-Docker-Container-Path-Stat holds, before it is encoded. */
void place_print(const struct place *p, struct buf *out);
/* A mode as Go counts it. */
uint32_t place_go_mode(mode_t mode);
