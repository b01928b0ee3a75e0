/* registry/auth.h - who we are: credentials as clients send them, and what registries ask for. All of
 * it is text of others; nothing here talks to anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define CREDENTIALS_MAX (64u << 10) /* bytes of the header */

/* Members are NULL if they are not given; one without any is anonymous. */
struct credentials {
	char *username, *password;
	char *identity_token; /* exchanged for tokens */
	char *registry_token; /* is the token */
	char *server;         /* serveraddress */
};

/* The value of X-Registry-Auth: base64 in either alphabet, padded or not, of JSON. An empty one and
 * the JSON null are anonymous. ERR_INVALID for anything else; a pull goes on without credentials then. */
int credentials_decode(const char *header, struct credentials *ret, struct err *err);
/* The same from the JSON itself, which is also the body of POST /auth. */
int credentials_parse(const char *json, size_t len, struct credentials *ret, struct err *err);
void credentials_clear(struct credentials *c);
#define auto_credentials __attribute__((cleanup(credentials_clear)))
/* "Basic …", owned; NULL without a user name. */
char *credentials_basic(const struct credentials *c);

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* What a 401 asks for. */
struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope, *error; /* Bearer; each may be NULL but realm */
};
/* The strongest we know in a WWW-Authenticate header's value (Bearer before Basic). CHALLENGE_NONE if
 * there is none, or it cannot be understood. */
void challenge_parse(const char *header, struct challenge *ret);
void challenge_clear(struct challenge *c);
#define auto_challenge __attribute__((cleanup(challenge_clear)))

/* The target of rel="next" in a Link header's value. Owned; NULL if there is none. */
char *link_next(const char *header);
