/* POST /build: receives the context, builds the stages that the target takes, commits the image, tells
 * its id. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "build/build.h"
#include "build/context.h"
#include "build/together.h"
#include "oci/doc.h"
#include "oci/event.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "registry/auth.h"
#include "worker/jobs.h"
#include "worker/leftovers.h"
#include "worker/platform.h"
#include "json/text.h"

#define BUILD_ARGS_MAX (1024 * 1024)

static void build_clear(struct build *b)
{
	size_t n = b->file ? b->file->stage_count : 0;

	for (size_t i = 0; b->drafts && i < n; i++)
		draft_clear(&b->drafts[i]);
	free(b->drafts);
	free(b->order);
	dockerfile_free(b->file);
	strv_free(b->platform_args);
	strv_free(b->args_used);
	free(b->failure);
	free(b->credentials);
	strv_free(b->pulled);
	strv_free(b->warned);
	b->context = fd_close(b->context);
	stage_free(b->stage);
	scratch_close(&b->work->dirs, &b->scratch);
	options_clear(&b->opt);
	say_clear(&b->say);
	core_free(b->core);
}

/* ---- before the first byte of the answer */

static int read_file(struct build *b, struct err *err)
{
	char machine[PLATFORM_TEXT], platform[PLATFORM_TEXT];
	struct platform host, target;
	auto_free char *text = NULL;
	size_t len;
	int r;

	r = context_dockerfile(b, b->opt.dockerfile, &text, &len, err);
	if (r == 0)
		r = dockerfile_parse(text, len, b->opt.dockerfile, &b->file, err);
	if (r == 0)
		r = platform_read(b->opt.platform, &target, err);
	if (r < 0)
		return r;
	platform_host(&host);
	b->platform_args =
		df_platform_args(platform_text(&host, machine), platform_text(&target, platform));
	r = dockerfile_resolve(b->file, options_build_arg, &b->opt, b->platform_args, err);
	if (r == 0)
		r = dockerfile_target(b->file, b->opt.target, &b->target, err);
	if (r < 0)
		return r;
	b->order = xcalloc(b->file->stage_count, sizeof(*b->order));
	return dockerfile_order(b->file, b->target, b->order, &b->order_count, err);
}

/* A line of standard input without its end. The body follows, so not a byte more may be taken. */
static int read_line(size_t max, char **ret, struct err *err)
{
	auto_buf struct buf line = { 0 };
	char c;

	while (fd_read_upto(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
		if (line.len == max)
			return err_set(err, ERR_INVALID, EFBIG, "a parameter is too long");
		buf_addc(&line, c);
	}
	*ret = buf_steal(&line);
	return 0;
}

/* What a command line would show to everybody: X-Registry-Config, and the build arguments. */
static int read_secrets(struct build *b, char **ret_args, struct err *err)
{
	int r = read_line(2 * CREDENTIALS_MAX, &b->credentials, err);

	return r == 0 ? read_line(BUILD_ARGS_MAX, ret_args, err) : r;
}

/* Monitors are started from inside the user namespace, where everybody is root: what a program takes from
 * the user's own id otherwise has to be said. */
static void say_where(const struct dirs *d)
{
	const char *const paths[][2] = { { "XDG_DATA_HOME", d->data_path },
		{ "XDG_RUNTIME_DIR", d->run_path } };

	for (size_t i = 0; geteuid() != 0 && i < ARRAY_SIZE(paths); i++) {
		const char *slash = strrchr(paths[i][1], '/');
		auto_free char *above = xstrndup(paths[i][1], (size_t)(slash - paths[i][1]));

		(void)setenv(paths[i][0], above, 1);
	}
}

static int prepare(struct build *b, struct err *err)
{
	auto_free char *args = NULL;
	struct work *w = b->work;
	int r;

	r = read_secrets(b, &args, err);
	if (r == 0)
		r = options_read(w, args, &b->opt, err);
	if (r == 0)
		r = core_open(&b->core, err);
	if (r == 0)
		r = scratch_open(&w->dirs, &b->scratch, err);
	if (r == 0)
		r = context_clone(b, err);
	if (r == 0) {
		say_where(&w->dirs);
		r = work_enter(w, err);
	}
	if (r < 0)
		return r;
	layers_drop_unfinished(&w->dirs);
	b->stage = stage_new(&w->dirs, w->single_id);
	r = context_receive(b, err);
	return r == 0 ? read_file(b, err) : r;
}

/* ---- the stages */

static size_t count_steps(const struct build *b, const size_t *order, size_t count)
{
	json_object *labels = b->opt.labels;
	size_t n = b->file->arg_count;

	for (size_t i = 0; i < count; i++)
		n += 1 + b->file->stages[order[i]].count;
	return n + (labels && json_object_object_length(labels) > 0);
}

/* ARGs before the first FROM were evaluated long ago. */
static void tell_globals(struct build *b)
{
	for (size_t i = 0; i < b->file->arg_count; i++) {
		const struct df_instruction *in = &b->file->args[i];

		say_text(&b->say, "Step %zu/%zu : %s", ++b->step, b->steps, in->text);
		say_text(&b->say, "\n");
		for (size_t p = 0; p < in->pair_count; p++)
			strv_add(&b->args_used, in->pairs[p].name);
	}
}

static int build_stages(struct build *b, struct err *err)
{
	b->drafts = xcalloc(b->file->stage_count, sizeof(*b->drafts));
	b->steps = count_steps(b, b->order, b->order_count);
	for (char **w = b->file->warnings; w && *w; w++)
		say_text(&b->say, "[Warning] %s\n", *w);
	tell_globals(b);
	return b->order_count > 1 ? build_together(b, err) : build_stage(b, b->order[0], err);
}

/* As Docker: a warning, not an error, for one that no ARG has asked for. */
static void tell_unused_args(struct build *b)
{
	auto_buf struct buf names = { 0 };

	if (!b->opt.build_args)
		return;
	json_object_object_foreach(b->opt.build_args, name, value)
	{
		if (!value || strv_has(b->args_used, name) || df_arg_is_proxy(name, strlen(name)) ||
			str_eq(name, "SOURCE_DATE_EPOCH") || str_starts(name, "BUILDKIT_"))
			continue;
		buf_printf(&names, "%s%s", names.len ? " " : "", name);
	}
	if (names.len)
		say_text(&b->say, "[Warning] One or more build-args [%s] were not consumed\n",
			names.data);
}

/* ---- the image */

static void print_manifest(
	const struct draft *d, const char *config, int64_t config_size, struct buf *out)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_int(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_MANIFEST);
	jw_object(&w, "config");
	jw_str(&w, "mediaType", OCI_CONFIG);
	jw_str(&w, "digest", config);
	jw_int(&w, "size", config_size);
	jw_object_end(&w);
	json_write(&w, "layers", d->layers);
	jw_object_end(&w);
}

/* Layers of earlier steps were put into the store without waiting for the disk: an image waits. */
static int sync_layer(struct build *b, const char *digest, struct err *err)
{
	auto_fd int fd = oci_blob_open(&b->work->dirs, digest);

	if (fd < 0)
		return err_set(err, ERR_SYSTEM, EAGAIN,
			"%s was removed while it was being used; try again", digest);
	return fsync(fd) < 0 ? err_sys(err, errno, "write blob to disk") : 0;
}

static int want_layers(struct build *b, const struct draft *d, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < doc_len(d->layers); i++) {
		const char *digest = doc_str(doc_object_at(d->layers, i), "digest");

		if (i > 0 && str_eq(d->diff_ids[i], d->diff_ids[i - 1]))
			continue;
		r = sync_layer(b, digest, err);
		if (r == 0) /* its tree is there: every step ran on it */
			r = stage_want(b->stage, digest, err);
	}
	return r;
}

/* A build that found every step in the cache comes to an image that is here already, with its names: then
 * there is nothing to write. */
static bool have_image(struct build *b, const char *id)
{
	auto_index struct oci_index ix = { 0 };
	char *const *names = b->opt.names;
	bool here = false;

	if (oci_index_read(&b->work->dirs, &ix, NULL) < 0)
		return false;
	for (; names && *names; names++) {
		ssize_t i = oci_index_find(&ix, *names);

		if (i < 0 || !str_eq(ix.entries[i].config, id))
			return false;
	}
	for (size_t i = 0; i < ix.count; i++)
		here = here || str_eq(ix.entries[i].config, id);
	return here;
}

static int commit(struct build *b, char ret_id[DIGEST_SIZE], struct err *err)
{
	const struct draft *d = &b->drafts[b->target];
	auto_buf struct buf config = { 0 }, manifest = { 0 };
	struct stage_blob *config_blob, *manifest_blob;
	int r;

	draft_print(d, &config);
	r = stage_bytes(b->stage, config.data, config.len, &config_blob, err);
	if (r < 0)
		return r;
	memcpy(ret_id, config_blob->digest, DIGEST_SIZE);
	if (have_image(b, ret_id))
		return 0;
	print_manifest(d, config_blob->digest, config_blob->size, &manifest);
	r = stage_bytes(b->stage, manifest.data, manifest.len, &manifest_blob, err);
	if (r == 0)
		r = want_layers(b, d, err);
	if (r < 0)
		return r;
	config_blob->wanted = manifest_blob->wanted = true;
	return stage_commit(b->stage,
		&(struct stage_image){
			.manifest = manifest_blob->digest,
			.config = config_blob->digest,
			.manifest_size = manifest_blob->size,
			.names = b->opt.names,
		},
		1, err);
}

static void tell_image(struct build *b, const char *id)
{
	image_event(&b->work->dirs, "create", id, id);
	say_id(&b->say, id);
	say_text(&b->say, "Successfully built %.12s\n", digest_hex(id));
	for (size_t i = 0; b->opt.shown && b->opt.shown[i]; i++) {
		image_event(&b->work->dirs, "tag", id, b->opt.shown[i]);
		say_text(&b->say, "Successfully tagged %s\n", b->opt.shown[i]);
	}
	if (b->opt.quiet)
		say_result(&b->say, id);
}

static int build(struct build *b, struct err *err)
{
	char id[DIGEST_SIZE];
	int r = build_stages(b, err);

	if (r < 0)
		return r;
	tell_unused_args(b);
	r = commit(b, id, err);
	if (r == 0)
		tell_image(b, id);
	return r;
}

/* ---- */

static void tell_failure(struct build *b, const struct err *err)
{
	if (!b->work->answer.begun && !b->say.kept && !b->step)
		answer_error(&b->work->answer, err);
	else
		say_failure(&b->say, b->exit_code, b->failure ? b->failure : err->msg);
}

int job_build(struct work *w, struct err *err)
{
	__attribute__((cleanup(build_clear))) struct build b = {
		.work = w, .context = FD_NONE, .scratch.dir = FD_NONE, .say.answer = &w->answer
	};
	int r = prepare(&b, err);

	work_drain();
	b.say.quiet = b.opt.quiet;
	/* the connection comes when the body was complete; without it nothing is built */
	if (answer_wait(&w->answer, NULL) < 0)
		return r < 0 ? r : -EPIPE;
	if (r == 0)
		r = build(&b, err);
	if (r < 0)
		tell_failure(&b, err);
	answer_end(&w->answer);
	work_sync_layers(&w->dirs);
	return r;
}
