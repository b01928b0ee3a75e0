/* state/plan.h - what a monitor executes: Docker's configuration, compiled by core/compile.c into a
 * flat list of NUL-ended words. The monitor parses words, never JSON, and `tr '\0' '\n'` shows a
 * person exactly what will happen. Written anew to run/containers/ID/plan (or exec/EXECID/plan)
 * before each start, so it never outlives a reboot or an upgrade. For a recovery that finds none core
 * writes one that only says who the container is: its first lines and auto-remove.
 *
 * A plan is a sequence of items: a keyword and the fixed number of words that plan_keywords[] gives
 * it. Order matters for mounts, env and arg; a keyword marked "many" may come again.
 *
 *   plan 1                      first item: format version
 *   id ID | name NAME | image REF-AS-TYPED
 *   attrs JSON-MEMBERS          of every event's Actor.Attributes: "image":…,"name":…, all labels
 *   auto-remove
 *   keep-removed TIME COUNT BYTES DIFF          what is kept of it once it is removed (removed.h)
 *   exec-id ID                  only in an exec's plan: the session's id
 *
 *   lower DIR (many)            image layers, top one first, absolute paths; none: an empty root
 *   upper DIR | work DIR        the container's own layer
 *   volatile                    what is written there need not survive a power cut, fsync(2) or not
 *   storage NAME                overlayfs or fuse-overlayfs; without: the first that works
 *   runtime NAME PATH           the OCI runtime that runs the program out of a bundle, crun or runc; none: we do
 *   annotation KEY VALUE (many) for it
 *   readonly-root
 *   mount TYPE SOURCE TARGET OPTIONS (many)   in this order, after the root is assembled. TYPE: bind
 *                               part proc sysfs tmpfs devpts mqueue cgroup2, and joined-shm: the
 *                               /dev/shm of the container whose ipc is joined. OPTIONS:
 *                               comma-separated ro ro-top (not what is mounted below) nosuid nodev
 *                               noexec rbind r?private r?shared r?slave, else data for the file
 *                               system. A bind's missing target is made (file or folder). part: a
 *                               bind of something in a volume; what follows the last "//" of SOURCE
 *                               is looked up inside what stands before it, and cannot lead out
 *   volume NAME TARGET WRITABLE (many)   what the mounts above show: for events. WRITABLE is true
 *                               or false
 *   device PATH (many)          a host device, bound to the same path below dev/
 *   symlink TARGET PATH (many)  /dev/fd and its like
 *   mask PATH (many) | readonly PATH (many)    kernel paths hidden or made read-only; missing is fine
 *   sysctl KEY VALUE (many)     KEY with dots
 *   ns KIND MODE (many)         KIND net pid ipc uts cgroup; MODE private, host, or the run folder of
 *                               the container whose namespace is joined
 *   hostname H | domainname D
 *   init                        dayfly's own init is pid 1
 *   tty | console-size H W | open-stdin | stdin-once
 *   cwd DIR                     made when missing
 *   user SPEC                   as typed: "", "uid", "name", each with ":gid" or ":group"; resolved in
 *                               the image
 *   group SPEC (many)           supplementary
 *   keep-groups                 instead: those the user has on the host
 *   keep-id UID GID             this user's own ids inside: the container gets a user namespace of its own
 *   caps HEX                    bounding, permitted and effective set of root; inheritable and ambient
 *                               stay empty
 *   privileged                  told apart for exec and messages; what it means is already in the
 *                               mounts, caps and seccomp of this plan
 *   no-new-privs
 *   seccomp default | unconfined | PATH     PATH: a profile in Docker's JSON form, in the data tree
 *   rlimit NAME SOFT HARD (many)  NAME as in ulimit(1)'s long form: nofile, nproc, …
 *   limit FILE VALUE (many)     written to that file of the container's cgroup; skipped if it is not there
 *   oom-score-adj N
 *   env K=V (many)              complete, in order; HOME is added from the image's passwd if absent
 *   arg WORD (many)             argv; the first is searched in PATH inside the container
 *   stop-signal N | stop-timeout SECONDS (-1: for ever)
 *   restart POLICY MAX          always, unless-stopped or on-failure (state/restart.h); none: never
 *   restart-unhealthy           an unhealthy program is ended, so that the policy can act
 *   fault KIND ERRNO MESSAGE    (struct err) why this container cannot be started. Such a plan says what
 *                               the container is and nothing of what would run
 *   log DRIVER                  json-file, local, journald or none
 *   log-opt KEY VALUE (many)    max-size BYTES, max-file N, attrs JSON (of each record); most-kept BYTES: mode
 *                               non-blocking
 *   log-field KEY VALUE (many)  journald: fields of every entry
 *   detach-keys KEYS            exec: for its client
 *   attach-stdin | attach-stdout | attach-stderr    exec: what its client wants
 *
 *   health-times INTERVAL TIMEOUT START-PERIOD START-INTERVAL    a health check's probe: ns
 *   health-retries N            failures in a row until it is unhealthy
 *   health-silent               no exec events for its probes
 *   subreaper                   exec: what its program leaves behind stays in its tree */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define PLAN_MAX (4 * 1024 * 1024) /* execve's own limit on arguments is lower */

/* Writing. Words must match the keyword's count (asserted); they are copied. */
#define plan_add(b, keyword, ...)                                                                  \
	plan_add_words((b), (keyword), (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
void plan_add_words(struct buf *b, const char *keyword, const char *const *words);

/* Reading. The plan owns the text; items and words point into it. */
struct plan_item {
	const char *keyword; /* one of plan_keywords: compare with str_eq or plan_is */
	const char *words[4];
};

struct plan {
	char *text;
	struct plan_item *items;
	size_t count;
};

/* Checks format, known keywords and counts; unknown keywords are an error (both ends are one
 * version). text is taken over, success or not. */
int plan_parse(char *take_text, size_t len, struct plan *ret, struct err *err);
int plan_read(int dir, const char *name, struct plan *ret, struct err *err);
void plan_clear(struct plan *p);
#define auto_plan __attribute__((cleanup(plan_clear)))

/* First word of the (first) item with this keyword, or missing. */
const char *plan_get(const struct plan *p, const char *keyword, const char *missing);
bool plan_has(const struct plan *p, const char *keyword);
int plan_get_int(const struct plan *p, const char *keyword, int missing);
/* The value of log-opt KEY, or NULL. */
const char *plan_log_opt(const struct plan *p, const char *key);
/* Iterates over the items with one keyword. */
const struct plan_item *plan_next(
	const struct plan *p, const char *keyword, const struct plan_item *after);
#define plan_foreach(it, p, keyword)                                                               \
	for (const struct plan_item *it = plan_next((p), (keyword), NULL); it;                     \
		it = plan_next((p), (keyword), it))
/* All first words of a keyword as a NULL-ended vector that borrows the words (free() the vector). */
const char **plan_words(const struct plan *p, const char *keyword);
