/* RUN: a container on what the stage has so far; what it changes is the step's layer. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "build/build.h"
#include "build/container.h"
#include "build/mounts.h"
#include "oci/doc.h"
#include "worker/changes.h"
#include "json/text.h"

#define SCRIPTS "/dev/pipes" /* where BuildKit has them: no layer ever has anything in /dev */

struct run {
	struct stage_run *s;
	const struct df_instruction *in;
	char **command;
	char **args; /* sorted "NAME=VALUE": the ARGs that the command sees */
	struct run_mounts mounts;
	struct step step;
};

static void run_clear(struct run *r)
{
	strv_free(r->command);
	strv_free(r->args);
	run_mounts_clear(&r->mounts);
	free(r->step.created_by);
}

/* ---- what is run */

static void read_command(struct run *r)
{
	if (r->in->script) {
		strv_add_take(&r->command, xasprintf(SCRIPTS "/%s", r->in->script));
		return;
	}
	r->command = change_command(r->s->draft.config, r->in);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ENV covers an ARG of the same name. */
static void read_args(struct run *r)
{
	auto_strv char **env = json_get_strv(r->s->draft.config, "Env");

	for (char **a = r->s->args; a && *a; a++) {
		size_t len = strcspn(*a, "=");

		if (strv_find_key(env, *a, len) < 0 && !df_arg_is_proxy(*a, len))
			strv_add(&r->args, *a);
	}
	if (r->args)
		qsort(r->args, strv_len(r->args), sizeof(*r->args), compare);
}

static void add_words(struct buf *out, char *const *words)
{
	for (; words && *words; words++)
		buf_printf(out, "%s%s", out->len ? " " : "", *words);
}

/* "|1 NAME=VALUE /bin/sh -c make" */
static char *describe(const struct run *r)
{
	auto_buf struct buf out = { 0 };

	if (r->args) {
		buf_printf(&out, "|%zu", strv_len(r->args));
		add_words(&out, r->args);
	}
	if (r->in->script)
		buf_printf(&out, "%s%s", out.len ? " " : "", r->in->words[0]);
	else
		add_words(&out, r->command);
	return buf_steal(&out);
}

static int make_key(struct run *r, struct err *err)
{
	memcpy(r->step.key, r->s->draft.key, sizeof(r->step.key));
	key_add(r->step.key, "RUN");
	for (char **c = r->command; c && *c; c++)
		key_add(r->step.key, *c);
	key_add(r->step.key, r->step.created_by);
	if (r->in->flags.network)
		key_add(r->step.key, r->in->flags.network);
	return run_mounts_key(r->s, r->in, r->step.key, err);
}

/* ---- the container */

static void write_env(struct run *r, struct jsonw *w)
{
	auto_strv char **env = json_get_strv(r->s->draft.config, "Env");
	json_object *given = r->s->build->opt.build_args;

	jw_array(w, "Env");
	for (char **e = env; e && *e; e++)
		jw_str(w, NULL, *e);
	for (char **a = r->args; a && *a; a++)
		jw_str(w, NULL, *a);
	if (given) {
		json_object_object_foreach(given, name, value)
		{
			auto_free char *pair = NULL;

			if (!value || !df_arg_is_proxy(name, strlen(name)))
				continue;
			pair = xasprintf("%s=%s", name, json_object_get_string(value));
			if (strv_find_key(env, name, strlen(name)) < 0)
				jw_str(w, NULL, pair);
		}
	}
	jw_array_end(w);
}

/* A heredoc that begins with "#!" is a file the container executes. */
static int write_script(struct run *r, struct jsonw *w, struct err *err)
{
	struct build *b = r->s->build;
	auto_free char *name = xasprintf("script-%zu", b->step), *source = NULL, *target = NULL;
	const char *text = r->in->words[0];
	auto_fd int fd = FD_NONE;
	int n;

	if (!r->in->script)
		return 0;
	fd = openat(b->scratch.dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	n = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	if (n < 0)
		return err_sys(err, n, "write the script of RUN");
	source = xasprintf("%s/%s", b->scratch.path, name);
	target = xasprintf(SCRIPTS "/%s", r->in->script);
	mount_write_bind(w, source, target, true);
	return 0;
}

static int write_host_config(struct run *r, struct jsonw *w, struct err *err)
{
	const struct options *o = &r->s->build->opt;
	const char *network = r->in->flags.network;
	int n;

	jw_object(w, "HostConfig");
	jw_members(w, o->host_config);
	jw_str(w, "NetworkMode", network && !str_eq(network, "default") ? network : o->network);
	jw_array(w, "Mounts");
	n = write_script(r, w, err);
	if (n == 0)
		n = run_mounts_write(r->s, r->in, w, &r->mounts, err);
	jw_array_end(w);
	jw_object_end(w);
	return n;
}

static int write_body(struct run *r, struct buf *out, struct err *err)
{
	json_object *config = r->s->draft.config;
	struct jsonw w = JSONW(out);
	char id[DIGEST_SIZE];
	int n;

	draft_id(&r->s->draft, id);
	jw_object(&w, NULL);
	jw_str(&w, "Image", id);
	jw_strv(&w, "Cmd", r->command);
	jw_str(&w, "User", json_get_str(config, "User", ""));
	jw_str(&w, "WorkingDir", json_get_str(config, "WorkingDir", ""));
	if (doc_object(config, "Labels"))
		json_write(&w, "Labels", doc_object(config, "Labels"));
	jw_raw(&w, "Healthcheck",
		"{\"Test\":[\"NONE\"]}"); /* the image's is for what it will run */
	write_env(r, &w);
	n = write_host_config(r, &w, err);
	jw_object_end(&w);
	return n;
}

static void failed(struct run *r, int code)
{
	struct build *b = r->s->build;
	auto_buf struct buf command = { 0 };

	if (r->in->script)
		buf_adds(&command, r->in->script);
	else
		add_words(&command, r->command);
	b->exit_code = code;
	free(b->failure);
	b->failure = xasprintf("The command '%s' returned a non-zero code: %d", command.data, code);
}

/* upper: where the container's changes go; NULL: it keeps them. */
static int run_in(struct run *r, const char *upper, char id[ID_SIZE], struct err *err)
{
	auto_buf struct buf body = { 0 };
	int code = 0, n;

	n = write_body(r, &body, err);
	if (n == 0)
		n = container_run(r->s->build,
			&(struct step_container){
				.body = body.data, .on = &r->s->draft, .upper = upper },
			id, &code, err);
	run_mounts_release(&r->mounts);
	if (n < 0 || code == 0)
		return n;
	failed(r, code);
	return err_set(err, ERR_SYSTEM, ECHILD, "the command returned a non-zero code: %d", code);
}

/* Where its mounts were: of what their start has made nothing gets into the layer. */
static char *const *targets(const struct run *r)
{
	static char *const none[] = { NULL };

	return r->mounts.targets ? r->mounts.targets : none;
}

static int make(struct run *r, struct cached *made, struct err *err)
{
	struct build *b = r->s->build;
	auto_free char *upper = NULL;
	struct stage_tree tree;
	char id[ID_SIZE];
	int n = stage_tree_new(b->stage, &tree, err);

	if (n < 0)
		return n;
	upper = xasprintf("%s/diff", tree.path);
	n = run_in(r, upper, id, err);
	if (n < 0) {
		stage_tree_drop(b->stage, &tree);
		return n;
	}
	n = stage_keep_layer(r->s, &tree, targets(r), made, err);
	if (n == 0)
		say_text(&b->say, " ---> Removed intermediate container %.12s\n", id);
	return n;
}

/* --rm=false: the container stays with what it has changed, and its layer is a copy of that. */
static int make_kept(struct run *r, struct cached *made, struct err *err)
{
	struct build *b = r->s->build;
	auto_fd int dir = FD_NONE, upper = FD_NONE;
	char id[ID_SIZE];
	int n = run_in(r, NULL, id, err);

	if (n < 0)
		return n;
	dir = dirs_container_data(&b->work->dirs, id);
	upper = dir < 0 ? dir : openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return err_sys(err, dir < 0 ? dir : errno, "open the layer of container %.12s", id);
	return stage_copy_layer(r->s, upper, targets(r), made, err);
}

/* A Dockerfile is a stranger's, and on the host's network listen many who trust what is on it. */
static int check_network(const struct run *r, struct err *err)
{
	const char *network = r->in->flags.network;

	if (!network || !str_eq(network, "host") || str_eq(r->s->build->opt.network, "host"))
		return 0;
	return err_set(err, ERR_INVALID, EPERM,
		"RUN --network=host: network.host is not allowed unless the build has it (docker build "
		"--network host)");
}

int run_step(struct stage_run *s, const struct df_instruction *in, struct err *err)
{
	__attribute__((cleanup(run_clear))) struct run r = { .s = s, .in = in };
	struct cached made;
	int n = check_network(&r, err);

	if (n < 0)
		return n;
	read_command(&r);
	read_args(&r);
	r.step.created_by = describe(&r);
	n = make_key(&r, err);
	if (n < 0)
		return n;
	if (step_cached(s, &r.step))
		return 0;
	n = s->build->opt.keep ? make_kept(&r, &made, err) : make(&r, &made, err);
	if (n == 0)
		step_done(s, &r.step, &made);
	return n;
}
