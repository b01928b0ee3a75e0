/* oci/settings.h - the user's own settings: which registries are reached how.
 *
 * $XDG_CONFIG_HOME/dayfly/config (default ~/.config/dayfly/config) is JSON with the keys of Docker's
 * daemon.json, and one of its own:
 *
 *   {
 *     "insecure-registries": ["registry.lan:5000", "10.1.0.0/16"],
 *     "registry-mirrors": ["https://mirror.lan"],
 *     "proxies": {"http-proxy": "…", "https-proxy": "…", "no-proxy": "…"},
 *     "removed-containers": {"keep": "1h", "max-count": 100, "max-bytes": 268435456, "diff": false}
 *   }
 *
 * Written by hand, so whatever is not understood is an error that names file and key. Nobody but the
 * user writes it. Certificates lie beside it, as Docker has them: certs.d/HOST[:PORT]/ with NAME.crt
 * (authorities to trust there) and NAME.cert with NAME.key (who we are). It is here, and not beside the
 * code that talks to registries, because /info shows it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "state/removed.h"

struct settings {
	char **insecure_hosts; /* "HOST" or "HOST:PORT" */
	char **insecure_nets;  /* "ADDRESS/BITS"; those of the loopback come first */
	char **mirrors;        /* of docker.io: "http[s]://HOST[:PORT]/" */
	/* from the file, else from the environment; NULL: none. Of a registry on this machine neither
	 * ever holds (settings_no_proxy). */
	char *http_proxy, *https_proxy, *no_proxy;
	struct removed_limits removed; /* what is kept of removed containers */
	char *folder;                  /* where the file is, or would be; NULL without a home */
};

#define SETTINGS_MAX (64u << 10) /* bytes of the file */

/* A missing file gives the defaults. ERR_SYSTEM otherwise: it is no request that is wrong. */
int settings_read(struct settings *ret, struct err *err);
/* The same from the text of a file; path is for messages, and the environment is not looked at. */
int settings_parse(
	const char *text, size_t len, const char *path, struct settings *ret, struct err *err);
void settings_clear(struct settings *s);
#define auto_settings __attribute__((cleanup(settings_clear)))

/* Whether the registry ("HOST[:PORT]") may be spoken to without TLS, or with certificates nobody
 * vouches for. Asks the resolver for a name's addresses: not for the switchboard. */
bool settings_insecure(const struct settings *s, const char *host);
/* Whether that follows from how the host is written. If not, it holds for those of its addresses alone that are in
 * insecure_nets: who answers for the resolver may name any. */
bool settings_insecure_as_written(const struct settings *s, const char *host);
/* Hosts to reach without a proxy, in the form of the variable no_proxy. Owned. */
char *settings_no_proxy(const struct settings *s);
/* A proxy's URL without its user and password, for people's eyes. Owned; "" for NULL. */
char *proxy_masked(const char *url);

/* What certs.d has for one registry; members are NULL if there is nothing. */
struct certs {
	char *authorities; /* PEM */
	char *cert, *key;  /* paths of the client's certificate and its key */
};
/* From the user's folder, else from /etc/docker/certs.d. ERR_SYSTEM: something there cannot be used. */
int settings_certs(const struct settings *s, const char *host, struct certs *ret, struct err *err);
void certs_clear(struct certs *c);
#define auto_certs __attribute__((cleanup(certs_clear)))
