/* state/volumes.h - volumes on disk, for everybody who makes, mounts or removes them.
 *
 *   data/volumes/NAME/_data            what containers see; its owner and mode may be any of theirs
 *   data/volumes/NAME/volume.json      what the volume is (core/volumes.c). Written last and never changed:
 *                                      without it, complete, there is no volume of that name
 *   data/containers/ID/volumes/NAME    symbolic link: the container refers to the volume. It leads to
 *                                      "named" or to "anonymous", and the latter may go with the
 *                                      container. Made before config.json, which is why no container
 *                                      is ever there without them
 *
 *   data/containers/ID/unfilled        the container's volumes are still to get what its image has at their
 *                                      places (worker/fill.c); it cannot start before
 *
 * Who uses a volume is what these links say; nothing is counted. Making and removing volumes and links
 * holds dirs_lock(), as creating and removing containers does: a volume that a container is about to refer
 * to cannot go. */
#pragma once

#include <stdbool.h>

#include "state/dirs.h"

#define VOLUME_DATA        "_data"
#define VOLUME_RECORD      "volume.json"
#define CONTAINER_UNFILLED "unfilled"
#define VOLUME_PATH        280 /* "volumes/NAME/volume.json", NAME being a file's name */

/* Docker's rule for names, and what fits into a file's. */
bool volume_name_valid(const char *name);

/* Notes in a new container's folder that it refers to a volume. 0 or -errno. */
int volume_link(int container, const char *name, bool anonymous);
/* The names a container refers to, NULL-ended, owned. */
char **volume_links(const struct dirs *d, const char *id, bool only_anonymous);
/* The ids of the containers that refer to it, NULL-ended, owned. */
char **volume_users(const struct dirs *d, const char *name);

/* Removes what a creation that was cut short has left of a volume, which is nothing that anybody has put
 * there: a folder with files in it stays (-ENOTEMPTY). volumes: the folder of all. */
int volume_drop_rest(int volumes, const char *name);
/* Moves the volume to trash/. -ENOENT: there is none. durable: it is gone for good when this returns. */
int volume_take_away(const struct dirs *d, const char *name, bool durable);
/* The volumes of a container that was just taken away: those that nobody refers to any more. */
void volumes_take_away(const struct dirs *d, char *const *names, bool durable);

/* "create", "destroy", "mount"… with driver=local and more members (NULL: none). Best effort. */
void volume_event(const struct dirs *d, const char *name, const char *action, const char *more);
