/* worker/platform.h - what a machine runs, in the words of images: "linux/arm64/v8". */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/err.h"

#define PLATFORM_WORD 32

struct platform {
	char os[PLATFORM_WORD];      /* "": not known */
	char arch[PLATFORM_WORD];    /* Go's name: "amd64" */
	char variant[PLATFORM_WORD]; /* "v7", or "" */
};
#define PLATFORM_TEXT (3 * PLATFORM_WORD)

/* This machine's. */
void platform_host(struct platform *ret);
/* "os/arch[/variant]", "os", "arch" or "" (this machine's). ERR_INVALID; only linux is an os. */
int platform_read(const char *text, struct platform *ret, struct err *err);
/* From the "platform" of a descriptor or from an image's configuration; may be NULL. */
void platform_from_doc(json_object *o, struct platform *ret);
/* "linux/arm64/v8" */
char *platform_text(const struct platform *p, char ret[PLATFORM_TEXT]);
/* How well what is made for have runs on want: 0 not at all, the greater the better. A newer variant
 * runs what was made for an older one. */
int platform_match(const struct platform *want, const struct platform *have);

/* platform_read() as JSON members: "architecture":…,"os":…. */
int platform_parse(const char *text, char **ret_members, struct err *err);
