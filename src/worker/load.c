/* Reads the archive once, front to back. Every file in it goes to its final place at once (a blob
 * without a name, and its unpacked tree if it is a layer); which of them belong to an image is known
 * when manifest.json or index.json has come by, and the rest is forgotten. */
#include "worker/load.h"

#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "oci/doc.h"
#include "oci/event.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "worker/archive.h"
#include "worker/jobs.h"
#include "worker/tree.h"

#define READ_BLOCK (1024 * 1024)
#define BLOBS      "blobs/sha256/"

struct load {
	struct work *work;
	struct stage *stage;
	struct members members;
	char *manifest, *index; /* manifest.json and index.json of the archive's top */
	size_t manifest_len, index_len;
	struct loads loads;
};

struct loaded *loads_add(struct loads *l)
{
	l->items = xreallocarray(l->items, l->count + 1, sizeof(*l->items));
	l->items[l->count] = (struct loaded){ 0 };
	return &l->items[l->count++];
}

void loads_clear(struct loads *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].media_type);
		strv_free(l->items[i].names);
	}
	free(l->items);
	*l = (struct loads){ 0 };
}

static void load_clear(struct load *l)
{
	stage_free(l->stage);
	members_clear(&l->members);
	free(l->manifest);
	free(l->index);
	loads_clear(&l->loads);
}

/* ---- one entry */

static int read_small(
	struct archive *a, struct archive_entry *e, char **ret, size_t *ret_len, struct err *err)
{
	int64_t size = archive_entry_size(e);
	auto_free char *text = NULL;
	la_ssize_t n;

	if (size < 0 || size > DOC_MAX)
		return err_set(err, ERR_INVALID, EFBIG, "%s is larger than %u bytes",
			archive_entry_pathname(e), DOC_MAX);
	text = xmalloc((size_t)size + 1);
	n = archive_read_data(a, text, (size_t)size);
	if (n != size)
		return archive_invalid(a, "archive", err);
	text[size] = '\0';
	free(*ret);
	*ret = take_ptr(&text);
	*ret_len = (size_t)size;
	return 0;
}

static int copy_data(struct archive *a, struct stage_in *in, struct err *err)
{
	const void *data;
	la_int64_t offset;
	size_t n;
	int r, w = 0;

	while (w == 0 && (r = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK)
		w = n ? stage_data(in, data, n, err) : 0;
	if (w < 0)
		return w;
	return r == ARCHIVE_EOF ? 0 : archive_invalid(a, "archive", err);
}

/* Whether the file's name says that the store has its bytes, so that unpacking them once more while
 * they come in would be for nothing. Only a guess: what comes in is hashed all the same. */
static bool seems_known(const struct load *l, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	auto_free char *digest = xasprintf("sha256:%.64s", base);
	auto_fd int fd = FD_NONE;

	if (!digest_valid(digest))
		return false;
	fd = oci_blob_open(&l->work->dirs, digest);
	return fd >= 0;
}

static int read_blob(struct load *l, struct archive *a, const char *name, struct err *err)
{
	struct stage_blob *blob;
	struct stage_in *in;
	int r;

	r = stage_begin(l->stage, !seems_known(l, name), &in, err);
	if (r < 0)
		return r;
	r = copy_data(a, in, err);
	if (r < 0) {
		stage_abort(in);
		return r;
	}
	r = stage_end(in, &blob, err);
	if (r < 0)
		return r;
	if (str_starts(name, BLOBS) && !str_eq(name + strlen(BLOBS), digest_hex(blob->digest)))
		return err_set(
			err, ERR_INVALID, EBADMSG, "%s has the digest %s", name, blob->digest);
	return members_add_blob(&l->members, name, blob, err);
}

/* "../abc/layer.tar" of the link "def/layer.tar" is "abc/layer.tar". */
static int add_link(
	struct load *l, const char *name, const char *target, bool from_top, struct err *err)
{
	const char *slash = strrchr(name, '/');
	auto_free char *folder = xstrndup(name, slash && !from_top ? (size_t)(slash - name) : 0);
	auto_free char *joined = NULL, *clean = NULL;
	int r;

	while (!from_top && str_starts(target, "../") && *folder) {
		char *up = strrchr(folder, '/');

		*(up ? up : folder) = '\0';
		target += strlen("../");
	}
	joined = xasprintf("%s/%s", folder, target);
	r = tree_clean_path(joined, &clean, err);
	return r < 0 ? r : members_add_link(&l->members, name, clean, err);
}

static int read_entry(struct load *l, struct archive *a, struct archive_entry *e, struct err *err)
{
	const char *raw = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	auto_free char *name = NULL;
	int r;

	if (!raw)
		return err_set(
			err, ERR_INVALID, EBADMSG, "invalid archive: an entry without a name");
	r = tree_clean_path(raw, &name, err);
	if (r < 0)
		return r;
	if (link)
		return add_link(l, name, link, true, err);
	if (archive_entry_filetype(e) == AE_IFLNK && archive_entry_symlink(e))
		return add_link(l, name, archive_entry_symlink(e), false, err);
	if (archive_entry_filetype(e) != AE_IFREG)
		return 0;
	if (str_eq(name, "manifest.json"))
		return read_small(a, e, &l->manifest, &l->manifest_len, err);
	if (str_eq(name, "index.json"))
		return read_small(a, e, &l->index, &l->index_len, err);
	if (str_eq(name, "oci-layout") || str_eq(name, "repositories"))
		return 0;
	return read_blob(l, a, name, err);
}

/* ---- the whole */

static int read_entries(struct load *l, struct archive *a, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		r = read_entry(l, a, e, err);
		if (r < 0)
			return r;
	}
	return r == ARCHIVE_EOF ? 0 : archive_invalid(a, "archive", err);
}

static int read_archive(struct load *l, struct err *err)
{
	struct archive *a = archive_reader_new();
	int r;

	(void)archive_read_support_format_tar(a);
	if (archive_read_open_fd(a, STDIN_FILENO, READ_BLOCK) != ARCHIVE_OK)
		r = archive_invalid(a, "archive", err);
	else
		r = read_entries(l, a, err);
	(void)archive_read_free(a);
	work_drain();
	return r;
}

/* `docker save` writes both; manifest.json has the names as people know them. */
static int understand(struct load *l, struct err *err)
{
	if (l->manifest)
		return load_docker(
			l->stage, &l->members, l->manifest, l->manifest_len, &l->loads, err);
	if (l->index)
		return load_oci(l->stage, l->index, l->index_len, &l->loads, err);
	return err_set(err, ERR_INVALID, ENOENT,
		"invalid archive: neither manifest.json nor index.json is in it");
}

static int commit(struct load *l, struct err *err)
{
	auto_free struct stage_image *images = xcalloc(l->loads.count + 1, sizeof(*images));

	for (size_t i = 0; i < l->loads.count; i++) {
		const struct loaded *one = &l->loads.items[i];

		images[i] = (struct stage_image){
			.manifest = one->manifest,
			.media_type = one->media_type,
			.config = one->config,
			.manifest_size = one->manifest_size,
			.twin = one->twin,
			.names = one->names,
		};
	}
	return stage_commit(l->stage, images, l->loads.count, err);
}

static void tell(struct load *l, const char *text, const char *what)
{
	auto_free char *line = xasprintf("%s: %s\n", text, what);
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	jw_object(&w, NULL);
	jw_str(&w, "stream", line);
	jw_object_end(&w);
	answer_record(&l->work->answer, json.data);
}

static void tell_all(struct load *l)
{
	for (size_t i = 0; i < l->loads.count; i++) {
		const struct loaded *one = &l->loads.items[i];

		image_event(&l->work->dirs, "load", one->config, one->config);
		if (!one->names)
			tell(l, "Loaded image ID", one->config);
		for (char **n = one->names; n && *n; n++) {
			auto_ref struct image_ref ref = { 0 };
			auto_free char *shown = NULL;

			if (image_ref_parse(*n, &ref, NULL) == 0)
				shown = image_ref_familiar(&ref);
			tell(l, "Loaded image", shown ? shown : *n);
		}
	}
}

static int load(struct load *l, struct err *err)
{
	int r = work_enter(l->work, err);

	if (r < 0) {
		work_drain();
		return r;
	}
	l->stage = stage_new(&l->work->dirs, l->work->single_id);
	r = read_archive(l, err);
	if (r == 0)
		r = understand(l, err);
	/* the connection comes when the body was complete; without it nothing is changed */
	if (r == 0)
		r = answer_wait(&l->work->answer, err);
	return r == 0 ? commit(l, err) : r;
}

int job_load(struct work *w, struct err *err)
{
	__attribute__((cleanup(load_clear))) struct load l = { .work = w };
	int r = load(&l, err);

	if (r == 0)
		tell_all(&l);
	else if (answer_wait(&w->answer, NULL) == 0)
		answer_error_record(&w->answer, err);
	answer_end(&w->answer);
	if (r == 0)
		work_sync_layers(&w->dirs);
	return r;
}
