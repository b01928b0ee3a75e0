/* POST /commit: the container's own layer on top of its image's becomes an image. The layer is packed
 * into a blob and unpacked from it at the same time: the container keeps its folder. One that runs is
 * paused meanwhile, unless pause=0. */
#include "worker/commit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "base/timefmt.h"
#include "oci/doc.h"
#include "oci/event.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "state/wire.h"
#include "worker/changes.h"
#include "worker/container.h"
#include "worker/documents.h"
#include "worker/jobs.h"
#include "worker/manifest.h"
#include "worker/pack.h"
#include "worker/stage.h"
#include "worker/targets.h"
#include "json/text.h"

#define BODY_MAX          (1u << 20)
#define PAUSE_PATIENCE_MS 3000 /* the freezer has one second (monitor/pause.c) */

struct commit {
	struct work *work;
	struct container_files files;
	struct stage *stage;
	struct image_ref ref; /* repository NULL: no name */
	json_object *config;
	json_object *parent; /* configuration of the container's image */
	struct manifest parent_manifest;
	struct stage_blob *layer; /* NULL: nothing was changed */
	struct stage_blob *document, *manifest;
};

static void commit_clear(struct commit *c)
{
	container_files_close(&c->files);
	stage_free(c->stage);
	image_ref_clear(&c->ref);
	json_object_put(c->config);
	json_object_put(c->parent);
	manifest_clear(&c->parent_manifest);
}

/* ---- what is asked for */

/* Nothing, null or a Config. */
static int read_body(struct commit *c, struct err *err)
{
	auto_free char *text = NULL;
	json_object *body = NULL;
	size_t len;
	int r = fd_read_text(STDIN_FILENO, BODY_MAX, &text, &len);

	if (r == -EFBIG)
		return err_set(err, ERR_TOO_LARGE, EFBIG, "the request's body is too large");
	if (r < 0)
		return err_sys(err, r, "read the request");
	r = strspn(text, " \t\r\n") < len ? json_parse(text, len, &body, err) : 0;
	if (r < 0)
		return r;
	c->config = body ? body : json_object_new_object();
	if (!json_object_is_type(c->config, json_type_object))
		return err_set(err, ERR_INVALID, EINVAL, "invalid JSON: an object expected");
	return commit_config_check(c->config, err);
}

static int read_request(struct commit *c, struct err *err)
{
	const char *repo = work_get(c->work, "repo", "");
	int r = read_body(c, err);

	if (r == 0 && *repo)
		r = image_ref_make(repo, work_get(c->work, "tag", ""), &c->ref, err);
	return r == 0 ? changes_read(c->work, c->config, err) : r;
}

/* ---- the image below */

static const char *find_manifest(const struct oci_index *ix, const char *config)
{
	for (size_t i = 0; i < ix->count; i++)
		if (str_eq(ix->entries[i].config, config))
			return ix->entries[i].manifest;
	return NULL;
}

/* Its layers' blobs are needed, which go when the image does, though the container lives on. */
static int read_parent(struct commit *c, struct err *err)
{
	const char *id = json_get_str(c->files.doc, "ImageID", "");
	auto_index struct oci_index ix = { 0 };
	auto_free char *text = NULL;
	const char *manifest;
	size_t len;
	int r;

	r = oci_index_read(&c->work->dirs, &ix, err);
	if (r < 0)
		return r;
	manifest = find_manifest(&ix, id);
	if (!manifest)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"No such image: %s: the container's image was removed", id);
	r = oci_blob_doc(&c->work->dirs, id, &c->parent, err);
	if (r == 0)
		r = stage_read(c->stage, manifest, &text, &len, err);
	return r == 0 ? manifest_read(text, len, &c->parent_manifest, err) : r;
}

static int keep_layers(struct commit *c, struct err *err)
{
	size_t n = strv_len(c->parent_manifest.layers);
	int r = 0;

	if (n != strv_len(c->files.diff_ids))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"the container's image has %zu layers, the container %zu", n,
			strv_len(c->files.diff_ids));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = stage_reuse_layer(
			c->stage, c->parent_manifest.layers[i], c->files.diff_ids[i], i, err);
	if (r == 0 && n == LAYERS_MAX)
		r = err_set(err, ERR_INVALID, E2BIG, "max depth exceeded");
	return r;
}

/* ---- its own layer */

/* True once its monitor says that it stands still. */
static bool is_paused(int connection)
{
	struct pollfd p = { .fd = connection, .events = POLLIN };
	char head[64] = "";

	return poll(&p, 1, PAUSE_PATIENCE_MS) > 0 && read(connection, head, sizeof(head) - 1) > 0 &&
		str_starts(head, "HTTP/1.1 204 ");
}

/* A connection to the container's monitor: the pause lasts as long as it, so not longer than this
 * process. FD_NONE: it does not run, is paused by somebody else, or cannot be; then it is read as it is, as
 * Docker has it. */
static int pause_container(const struct commit *c)
{
	auto_fd int run = dirs_container_run(&c->work->dirs, c->files.id, false), ours = FD_NONE,
		    theirs = FD_NONE;
	int ends[2], r;

	if (str_eq(work_get(c->work, "pause", "1"), "0") || run < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return FD_NONE;
	ours = ends[0];
	theirs = ends[1];
	r = wire_send(run, "pause", (const char *const[]){ "hold=1", NULL }, theirs, NULL, 0,
		PAUSE_PATIENCE_MS);
	theirs = fd_close(theirs);
	return r == 0 && is_paused(ours) ? take_fd(&ours) : FD_NONE;
}

static int pack_layer(struct commit *c, struct err *err)
{
	auto_merged struct merged below = { 0 };
	const struct targets made = { .below = &below };
	const struct pack_how how = { .made = &made };
	struct packed packed = { 0 };
	int r;

	r = merged_open(&c->work->dirs, FD_NONE, c->files.diff_ids, &below, err);
	if (r == 0) {
		int pause = pause_container(c);

		r = stage_pack(c->stage, c->files.own.dirs[0], &how, &packed, &c->layer, err);
		(void)fd_close(pause);
	}
	if (r < 0)
		return r;
	if (!packed.entries) {
		c->layer = NULL;
		return 0;
	}
	return stage_want_layer(
		c->stage, c->layer->digest, c->layer->digest, strv_len(c->files.diff_ids), err);
}

/* ---- the documents */

static void copy_str(struct jsonw *w, json_object *from, const char *key)
{
	const char *s = doc_str(from, key);

	if (s)
		jw_str(w, key, s);
}

static void print_step(struct commit *c, struct jsonw *w, int64_t now)
{
	auto_strv char **cmd = doc_strv(doc_array(doc_object(c->files.doc, "Config"), "Cmd"));
	auto_buf struct buf line = { 0 };
	const char *author = work_get(c->work, "author", "");
	const char *comment = work_get(c->work, "comment", "");

	for (char **word = cmd; word && *word; word++)
		buf_printf(&line, "%s%s", word == cmd ? "" : " ", *word);
	jw_object(w, NULL);
	jw_time(w, "created", now);
	jw_str(w, "created_by", line.data);
	if (*author)
		jw_str(w, "author", author);
	if (*comment)
		jw_str(w, "comment", comment);
	if (!c->layer)
		jw_bool(w, "empty_layer", true);
	jw_object_end(w);
}

static void print_history(struct commit *c, struct jsonw *w, int64_t now)
{
	json_object *history = doc_array(c->parent, "history");

	jw_array(w, "history");
	for (size_t i = 0; i < doc_len(history); i++)
		json_write(w, NULL, json_object_array_get_idx(history, i));
	print_step(c, w, now);
	jw_array_end(w);
}

static void print_rootfs(struct commit *c, struct jsonw *w)
{
	jw_object(w, "rootfs");
	jw_str(w, "type", "layers");
	jw_array(w, "diff_ids");
	for (char **d = c->files.diff_ids; d && *d; d++)
		jw_str(w, NULL, *d);
	if (c->layer)
		jw_str(w, NULL, c->layer->digest);
	jw_array_end(w);
	jw_object_end(w);
}

static int stage_document(struct commit *c, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int64_t now = time_now();
	int r;

	jw_object(&w, NULL);
	copy_str(&w, c->parent, "architecture");
	copy_str(&w, c->parent, "variant");
	copy_str(&w, c->parent, "os.version");
	jw_str(&w, "author", work_get(c->work, "author", ""));
	jw_str(&w, "comment", work_get(c->work, "comment", ""));
	json_write(&w, "config", c->config);
	jw_str(&w, "container", c->files.id);
	json_write(&w, "container_config", doc_object(c->files.doc, "Config"));
	jw_time(&w, "created", now);
	jw_str(&w, "docker_version", DAYFLY_DOCKER_VERSION);
	print_history(c, &w, now);
	copy_str(&w, c->parent, "os");
	jw_str(&w, "parent", json_get_str(c->files.doc, "ImageID", ""));
	print_rootfs(c, &w);
	jw_object_end(&w);
	r = stage_bytes(c->stage, out.data, out.len, &c->document, err);
	if (r == 0)
		c->document->wanted = true;
	return r;
}

static int stage_manifest(struct commit *c, struct err *err)
{
	auto_strv char **layers = strv_copy(c->parent_manifest.layers);

	if (c->layer)
		strv_add(&layers, c->layer->digest);
	return manifest_stage(c->stage, c->document->digest, layers, &c->manifest, err);
}

static int place(struct commit *c, struct err *err)
{
	auto_free char *full = c->ref.repository ? image_ref_full(&c->ref) : NULL;
	const struct stage_image image = {
		.manifest = c->manifest->digest,
		.config = c->document->digest,
		.manifest_size = c->manifest->size,
		.names = full ? (char *[]){ full, NULL } : NULL,
	};

	return stage_commit(c->stage, &image, 1, err);
}

static int commit(struct commit *c, struct err *err)
{
	int r = read_request(c, err);

	if (r == 0)
		r = work_enter(c->work, err);
	if (r == 0)
		r = container_files_open(c->work, &c->files, err);
	if (r < 0)
		return r;
	c->stage = stage_new(&c->work->dirs, c->work->single_id);
	r = read_parent(c, err);
	if (r == 0)
		r = keep_layers(c, err);
	if (r == 0)
		r = pack_layer(c, err);
	if (r < 0)
		return r;
	commit_config_merge(c->config, doc_object(c->files.doc, "Config"));
	r = stage_document(c, err);
	if (r == 0)
		r = stage_manifest(c, err);
	/* a client that is gone wants nothing changed */
	if (r == 0)
		r = answer_wait(&c->work->answer, err);
	return r == 0 ? place(c, err) : r;
}

static void tell(struct commit *c)
{
	auto_free char *shown = c->ref.repository ? image_ref_familiar(&c->ref) : NULL;
	const char *id = c->document->digest;
	auto_buf struct buf more = { 0 }, reply = { 0 };
	struct jsonw w = JSONW(&more), answer = JSONW(&reply);

	image_event(&c->work->dirs, "create", id, id);
	if (shown)
		image_event(&c->work->dirs, "tag", id, shown);
	jw_str(&w, "comment", work_get(c->work, "comment", ""));
	jw_str(&w, "imageID", id);
	jw_str(&w, "imageRef", shown ? shown : "");
	container_tell(c->work, "commit", more.data);
	jw_object(&answer, NULL);
	jw_str(&answer, "Id", id);
	jw_object_end(&answer);
	buf_addc(&reply, '\n');
	answer_json(&c->work->answer, 201, reply.data);
}

int job_commit(struct work *w, struct err *err)
{
	__attribute__((cleanup(commit_clear))) struct commit c = { .work = w };
	int r = commit(&c, err);

	if (r == 0)
		tell(&c);
	else if (answer_wait(&w->answer, NULL) == 0)
		answer_error(&w->answer, err);
	if (r == 0)
		work_sync_layers(&w->dirs);
	return r;
}
