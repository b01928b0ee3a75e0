/* monitor/keys.h - the key sequence with which a terminal's user leaves a container running.
 *
 * Written as a comma-separated list of single characters and ctrl-X with X one of a-z @ [ \ ] ^ _ . The
 * scanner withholds a beginning of the sequence until it is complete (detach) or broken off, when the
 * withheld keys go on to the container. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define KEYS_MAX 16

struct keys {
	unsigned char sequence[KEYS_MAX];
	size_t len;
	size_t matched; /* so many keys of the sequence are withheld */
};

/* NULL or "": the default, ctrl-p ctrl-q. -EINVAL if text is no such list. */
int keys_parse(const char *text, struct keys *ret);
/* Copies in to out (room for len + KEYS_MAX) without a complete sequence; *ret_len tells how much came
 * out. True when the sequence was completed: what follows it is not looked at. */
bool keys_scan(
	struct keys *k, const unsigned char *in, size_t len, unsigned char *out, size_t *ret_len);
