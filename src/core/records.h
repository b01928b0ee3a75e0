/* core/records.h - a container's files in data/containers/ID that core writes.
 *
 *   config.json  the container as created, in Docker's shape; the folder is a container once this
 *                file is there. Replaced as a whole, durable unless the container is auto-removed: then
 *                a power cut may leave a part of it, or nothing but its name, which is no container.
 *   summary      what a list needs of it, so that `ps` parses no JSON: derived, never synced, made
 *                anew from config.json whenever it is missing or damaged. Whoever replaces
 *                config.json removes the summary first: a summary that is there is true.
 *
 * Writers hold dirs_lock(). */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/containers.h"
#include "core/core.h"

/* The words point into text. */
struct summary {
	char *text;
	int64_t created;
	const char *name, *slash_name; /* "web", "/web" */
	const char *image, *image_id, *network;
	bool auto_remove;
	const char *members;      /* JSON members of the list's entry that never change */
	const char *labels, *end; /* key, value, key, value… up to end */
};

void summary_clear(struct summary *s);
#define auto_summary __attribute__((cleanup(summary_clear)))

/* The value of a label, or NULL. */
const char *summary_label(const struct summary *s, const char *key);

/* From the file, or from config.json if that fails. -ENOENT: no such container (any more). */
int summary_read(struct core *c, const char *id, struct summary *ret);
/* The file's text, for a container that was loaded; and back (text is taken over). -EBADMSG. */
void summary_print(struct buf *out, const struct container *ct);
int summary_parse(char *take_text, size_t len, struct summary *ret);

/* config.json parsed; -ENOENT (missing, or torn by a power cut) stays silent: the caller words it. */
int record_read(struct core *c, const char *id, json_object **ret, struct err *err);
/* Writes both files into the container's folder dir; config.json durably with the links that lead to it
 * (the folder's own, the name's), unless the container is auto-removed. The first for a new folder, the
 * second for what it has become. */
int record_create(struct core *c, int dir, json_object *doc, struct err *err);
int record_replace(struct core *c, int dir, json_object *doc, struct err *err);
/* A container from its document (taken over); status stays zero. */
int container_decode(json_object *take_doc, struct container **ret, struct err *err);
int64_t container_created(const struct container *ct);
/* data/containers/ID/config.json is there and complete. */
bool record_exists(struct core *c, const char *id);
