/* `docker import`: a tar of files, the body or what a URL gives, becomes an image of one layer. The blob is
 * the tar without compression, as Docker keeps it. */
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "base/timefmt.h"
#include "oci/event.h"
#include "oci/reference.h"
#include "worker/archive.h"
#include "worker/changes.h"
#include "worker/download.h"
#include "worker/jobs.h"
#include "worker/manifest.h"
#include "worker/meter.h"
#include "worker/platform.h"
#include "worker/stage.h"
#include "json/text.h"

#define READ_BLOCK (1024 * 1024)

struct import {
	struct work *work;
	struct stage *stage;
	struct image_ref ref; /* repository NULL: no name */
	json_object *config;
	char *platform;     /* JSON members */
	const char *source; /* "-": the body; or a URL */
	char *message;
	struct stage_blob *layer, *document, *manifest;
	char diff_id[DIGEST_SIZE];
};

static void import_clear(struct import *i)
{
	stage_free(i->stage);
	image_ref_clear(&i->ref);
	json_object_put(i->config);
	free(i->platform);
	free(i->message);
}

/* ---- the command line */

static int read_words(struct import *i, struct err *err)
{
	const char *repo = work_get(i->work, "repo", ""),
		   *message = work_get(i->work, "message", "");
	int r = 0;

	i->config = json_object_new_object();
	i->source = work_get(i->work, "source", "-");
	i->message = *message ? xstrdup(message) : xasprintf("Imported from %s", i->source);
	if (*repo)
		r = image_ref_make(repo, work_get(i->work, "tag", ""), &i->ref, err);
	if (r == 0)
		r = platform_parse(work_get(i->work, "platform", ""), &i->platform, err);
	return r == 0 ? changes_read(i->work, i->config, err) : r;
}

/* ---- the files */

static int copy_archive(struct archive *a, struct stage_in *in, struct err *err)
{
	struct archive_entry *e;
	la_int64_t offset;
	const void *data;
	size_t n;
	int r;

	if (archive_read_next_header(a, &e) != ARCHIVE_OK)
		return archive_invalid(a, "archive", err);
	while ((r = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK) {
		int w = n ? stage_data(in, data, n, err) : 0;

		if (w < 0)
			return w;
	}
	return r == ARCHIVE_EOF ? 0 : archive_invalid(a, "archive", err);
}

static int read_archive(struct import *i, int from, struct err *err)
{
	struct archive *a = archive_reader_new();
	struct stage_in *in;
	int r;

	(void)archive_read_support_format_raw(a);
	r = stage_begin(i->stage, true, &in, err);
	if (r == 0) {
		r = archive_read_open_fd(a, from, READ_BLOCK) == ARCHIVE_OK
			? copy_archive(a, in, err)
			: archive_invalid(a, "archive", err);
		if (r == 0)
			r = stage_end(in, &i->layer, err);
		else
			stage_abort(in);
	}
	(void)archive_read_free(a);
	return r;
}

/* The client is told what it waits for, and when it goes away so does the download. */
static int fetch(struct import *i, int file, struct err *err)
{
	auto_meter struct meter *meter = NULL;
	int64_t seconds;
	int r = answer_wait(&i->work->answer, err);

	if (r < 0)
		return r;
	meter = meter_new(&i->work->answer);
	meter_line(meter, NULL, "Downloading from %.1000s", i->source);
	r = download(i->source, NULL, file, meter_cancel(meter), &seconds, err);
	if (r == 0 && lseek(file, 0, SEEK_SET) < 0)
		r = err_sys(err, errno, "read what was downloaded");
	return r;
}

static int read_source(struct import *i, struct err *err)
{
	auto_fd int file = FD_NONE; /* without a name: nothing is left of it, however this ends */
	int r;

	if (str_eq(i->source, "-"))
		return read_archive(i, STDIN_FILENO, err);
	file = openat(i->work->dirs.data, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (file < 0)
		return err_sys(err, errno, "make a file to download to");
	r = fetch(i, file, err);
	return r < 0 ? r : read_archive(i, file, err);
}

/* ---- the image */

static int stage_document(struct import *i, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	int64_t now = time_now();

	jw_object(&w, NULL);
	jw_members(&w, i->platform);
	jw_str(&w, "comment", i->message);
	json_write(&w, "config", i->config);
	jw_time(&w, "created", now);
	jw_str(&w, "docker_version", DAYFLY_DOCKER_VERSION);
	jw_array(&w, "history");
	jw_object(&w, NULL);
	jw_time(&w, "created", now);
	jw_str(&w, "comment", i->message);
	jw_object_end(&w);
	jw_array_end(&w);
	jw_object(&w, "rootfs");
	jw_str(&w, "type", "layers");
	jw_strv(&w, "diff_ids", (char *[]){ i->diff_id, NULL });
	jw_object_end(&w);
	jw_object_end(&w);
	return stage_bytes(i->stage, out.data, out.len, &i->document, err);
}

static int commit(struct import *i, struct err *err)
{
	auto_free char *full = i->ref.repository ? image_ref_full(&i->ref) : NULL;
	const struct stage_image image = {
		.manifest = i->manifest->digest,
		.config = i->document->digest,
		.manifest_size = i->manifest->size,
		.names = full ? (char *[]){ full, NULL } : NULL,
	};

	i->document->wanted = true;
	return stage_commit(i->stage, &image, 1, err);
}

static int import(struct import *i, struct err *err)
{
	int r;

	r = read_words(i, err);
	if (r == 0)
		r = work_enter(i->work, err);
	if (r == 0) {
		i->stage = stage_new(&i->work->dirs, i->work->single_id);
		r = read_source(i, err);
	}
	work_drain();
	if (r == 0)
		r = stage_layer_id(i->stage, i->layer->digest, i->diff_id, err);
	if (r == 0)
		r = stage_want_layer(i->stage, i->layer->digest, i->diff_id, 0, err);
	if (r == 0)
		r = stage_document(i, err);
	if (r == 0)
		r = manifest_stage(i->stage, i->document->digest,
			(char *[]){ i->layer->digest, NULL }, &i->manifest, err);
	/* the connection comes when the body was complete; without it nothing is changed */
	if (r == 0)
		r = answer_wait(&i->work->answer, err);
	return r == 0 ? commit(i, err) : r;
}

static void tell(struct import *i)
{
	auto_free char *shown = i->ref.repository ? image_ref_familiar(&i->ref) : NULL;
	const char *id = i->document->digest;
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	if (shown)
		image_event(&i->work->dirs, "tag", id, shown);
	image_event(&i->work->dirs, "import", id, id);
	jw_object(&w, NULL);
	jw_str(&w, "status", id);
	jw_object_end(&w);
	answer_record(&i->work->answer, json.data);
}

int job_import(struct work *w, struct err *err)
{
	__attribute__((cleanup(import_clear))) struct import i = { .work = w };
	int r = import(&i, err);

	if (r == 0)
		tell(&i);
	else if (answer_wait(&w->answer, NULL) == 0)
		answer_fail(&w->answer, err);
	answer_end(&w->answer);
	if (r == 0)
		work_sync_layers(&w->dirs);
	return r;
}
