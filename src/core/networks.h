/* core/networks.h - the network part of replies, while the only networks are none, host and a private
 * loopback shown as bridge. */
#pragma once

#include "base/jsonw.h"

/* NetworkSettings.Networks' one member, named after the mode; none in another container's network. */
void network_endpoint_write(struct jsonw *w, const char *mode);
/* inspect's NetworkSettings with all its legacy members. */
void network_settings_write(struct jsonw *w, const char *key, const char *mode);
