/* state/dirs.h - where things live.
 *
 * $XDG_DATA_HOME/dayfly (default ~/.local/share/dayfly; root: /var/lib/dayfly)   survives reboots
 *   oci/                    OCI image layout: oci-layout, index.json, blobs/sha256/HEX
 *   layers/DIFFID/          one unpacked layer: HEX of its diff-id; diff/ is what overlayfs sees
 *   ground/                 a layer below all others: what is mounted on (core/ground.h)
 *   leases/HEX              blobs on their way into the store (oci/lease.h)
 *   containers/ID/          config.json (core), state (monitor), upper/ (of a build's
 *                           step: a link to where its layer grows) work/, volumes/ (whose
 *                           it uses), hosts resolv.conf
 *                           hostname (core, at each start), ID-json.log (monitor)
 *   names/NAME              symbolic link to the container's ID: claims the name
 *   volumes/NAME/           _data/ and volume.json (state/volumes.h)
 *   seccomp/DIGEST.bpf      custom profiles, compiled
 *   build/                  what builds leave for later ones, and need (oci/garbage.h)
 *   events/                 journal of events
 *   removed/ID/             what is kept of a removed container for a while (removed.h)
 *   trash/                  what was removed and waits for its blocks to be freed
 *   lock                    taken (flock) by whoever creates, renames or removes an object
 * $XDG_RUNTIME_DIR/dayfly (root: /run/dayfly)                                    gone at reboot
 *   containers/ID/          lock ctl status plan health-plan health exec/EXECID/{plan,status}
 *   execs/EXECID            symbolic link to the container's ID
 *   trash/                  as in the other tree
 *   userns.lock             taken while the user namespace is looked for or made
 *
 * Descriptors are opened once per process and borrowed by everything else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct dirs {
	int data;
	int run;
	char *data_path; /* absolute, for messages, /info and mount sources */
	char *run_path;
};

/* Opens both trees, making what is missing (mode 0700). */
int dirs_open(struct dirs *ret, struct err *err);
void dirs_close(struct dirs *d);
#define auto_dirs __attribute__((cleanup(dirs_close)))
/* $XDG_CONFIG_HOME/dayfly (default ~/.config/dayfly; root: /etc/dayfly), whether it exists or not. Owned;
 * NULL without a home. */
char *dirs_config_path(void);

/* The container's folder below data or run; with make, it is created. A descriptor or -errno. */
int dirs_container_data(const struct dirs *d, const char *id);
int dirs_container_run(const struct dirs *d, const char *id, bool make);
/* A container's config.json, by its path below dir. It is written under its own name, so a power cut may
 * leave it empty or short; nobody was told of such a container. A complete one ends with RECORD_END. */
#define RECORD_END '\n'
bool record_complete_at(int dir, const char *path);
/* Its text, at most max bytes. -ENOENT: missing or incomplete, there is no such container. */
int record_text_at(int dir, const char *path, size_t max, char **ret, size_t *ret_len);
/* The container's folder is the rest of a creation that was cut short: it has no such text, and no status
 * of a run, which was synced and so was all before it. A record that cannot be read is not missing. */
bool dirs_container_unmade(const struct dirs *d, const char *id);

/* The exec's folder in the run tree, by its container. */
int dirs_exec(const struct dirs *d, const char *id, const char *exec_id, bool make);
/* Removes it, and the link to its container. */
void dirs_exec_remove(const struct dirs *d, const char *id, const char *exec_id);

/* flock(LOCK_EX) on data/lock; close the descriptor to release. -errno on failure. */
int dirs_lock(const struct dirs *d);
