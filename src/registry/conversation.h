/* registry/conversation.h - what the files behind registry/client.h share. */
#pragma once

#include <string.h>

#include "registry/client.h"

struct endpoint {
	char *url; /* "https://HOST[:PORT]", without a slash at the end */
	bool mirror;
};

struct registry {
	struct registry_how how;
	char *path;     /* of the repository, without its host; "" for the registry itself */
	char *familiar; /* as people type it */
	struct endpoint *endpoints;
	size_t endpoint_count, current;
	struct challenge challenge; /* of the endpoint in use */
	char *authorization;        /* NULL: none, or not yet */
	char *identity_token;       /* given with the last one, if how.offline */
	struct http *http;
};

static inline const struct endpoint *endpoint_in_use(const struct registry *r)
{
	return &r->endpoints[r->current];
}

/* There is such an endpoint only where settings allow it: what it sends us to may be plain, too. */
static inline bool endpoint_is_plain(const struct registry *r)
{
	return strncmp(endpoint_in_use(r)->url, "https://", 8) != 0;
}

/* endpoint.c: fills the list. */
int endpoints_find(struct registry *r, struct err *err);

/* token.c: an authorization for the challenge in use, if it can be had. Without credentials a Basic
 * challenge is left alone: the answer to the request tells. */
int registry_authorize(struct registry *r, struct err *err);

/* client.c */
/* The same as registry_again(), but never at another endpoint. */
int registry_pause(struct registry *r, unsigned *tries, int n, const struct http_reply *reply,
	struct err *err);
/* After the try number *tries came to n with *reply: 1 when it is to be done again, after a pause or at
 * another endpoint; 0 to settle with it; < 0 cancelled. */
int registry_again(struct registry *r, unsigned *tries, int n, const struct http_reply *reply,
	struct err *err);
