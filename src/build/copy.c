/* COPY and ADD: files of the context, of another stage or of an image, written over the stage's own in a
 * process that sees those (inside.h). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "build/build.h"
#include "build/files.h"
#include "build/git.h"
#include "build/inside.h"
#include "oci/reference.h"
#include "runtime/passwd.h"
#include "worker/archive.h"
#include "worker/changes.h"
#include "worker/download.h"
#include "worker/merged.h"
#include "worker/unpack.h"
#include "json/text.h"

#define DIR_MODE 0755 /* of folders that a copy needs */

struct copy {
	struct stage_run *s;
	const struct df_instruction *in;
	const char *what; /* "COPY" */
	char **words;     /* sources that are paths */
	char **urls;      /* and those to be downloaded */
	const char *dest; /* as written */
	char *to;         /* absolute, cleaned of nothing yet */
	struct ignore *except;
	struct draft from;   /* --from an image; doc NULL: none */
	char *const *layers; /* --from: of the stage or image */
	bool from_layers;
	int here; /* folder with what is no file of a source: heredocs, downloads; FD_NONE */
	char **here_names;
	int *repos; /* folders of git repositories: what is in them is copied */
	size_t repo_count;
	struct step step;
};

static void copy_clear(struct copy *c)
{
	strv_free(c->words);
	strv_free(c->urls);
	free(c->to);
	ignore_free(c->except);
	draft_clear(&c->from);
	(void)fd_close(c->here);
	strv_free(c->here_names);
	for (size_t i = 0; i < c->repo_count; i++)
		(void)fd_close(c->repos[i]);
	free(c->repos);
	free(c->step.created_by);
}

/* ---- what is copied from where */

static int check_flags(const struct copy *c, struct err *err)
{
	const struct df_flags *f = &c->in->flags;
	const char *first = c->in->words[0];
	bool lone_url = strv_len(c->in->words) == 2 && url_is_http(first) && !git_is_url(first);

	if (f->checksum && !(lone_url && digest_valid(f->checksum)))
		return err_set(err, ERR_INVALID, EINVAL,
			"ADD --checksum wants one URL and a digest sha256:HEX");
	return 0;
}

static int read_words(struct copy *c, struct err *err)
{
	size_t n = strv_len(c->in->words), sources = n - 1 + c->in->heredoc_count;
	const char *cwd = json_get_str(c->s->draft.config, "WorkingDir", "/");
	int r;

	c->dest = c->in->words[n - 1];
	for (size_t i = 0; i + 1 < n; i++)
		if (c->in->kind == DF_ADD &&
			(url_is_http(c->in->words[i]) || git_is_url(c->in->words[i])))
			strv_add(&c->urls, c->in->words[i]);
		else
			strv_add(&c->words, c->in->words[i]);
	if (sources > 1 && !str_ends(c->dest, "/") && !str_eq(c->dest, ".") &&
		!str_ends(c->dest, "/."))
		return err_set(err, ERR_INVALID, EINVAL,
			"When using %s with more than one source file, the destination must be a "
			"directory and end with a /",
			c->what);
	c->to = *c->dest == '/' ? xstrdup(c->dest)
				: xasprintf("%s/%s", str_eq(cwd, "/") ? "" : cwd, c->dest);
	r = check_flags(c, err);
	if (r == 0 && c->in->flags.exclude)
		r = ignore_of(c->in->flags.exclude, &c->except, err);
	return r;
}

/* --from: a stage built before, or an image. */
static int read_from(struct copy *c, struct err *err)
{
	const struct df_flags *f = &c->in->flags;
	struct build *b = c->s->build;
	int r;

	if (!f->from)
		return 0;
	c->from_layers = true;
	if (f->from_stage >= 0 && !b->drafts[f->from_stage].doc) /* of an ONBUILD trigger */
		return err_set(err, ERR_INVALID, EINVAL,
			"%s --from=%.100s: that stage is not built before this one", c->what,
			f->from);
	if (f->from_stage >= 0) {
		c->layers = b->drafts[f->from_stage].diff_ids;
		return 0;
	}
	r = build_image_draft(b, f->from, b->opt.platform, &c->from, err);
	c->layers = c->from.diff_ids;
	return r < 0 ? err_prefix(err, "%s --from=%.100s", c->what, f->from) : 0;
}

/* In the user namespace everybody is root, and ssh would look for root's keys. */
static int fetch_repo(struct copy *c, const char *url, struct err *err)
{
	struct build *b = c->s->build;
	auto_free char *into = xasprintf("repo-%zu-%zu", b->step, c->repo_count);
	int fd, r;

	if (str_starts(url, "ssh://") || str_starts(url, "git@"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"ADD %.200s: repositories are only cloned over http, https and git here; let "
			"it be the build's context, or a part of that",
			url);
	r = git_clone(b, url, into, c->in->flags.keep_git_dir, &fd, err);
	if (r < 0)
		return r;
	c->repos = xreallocarray(c->repos, c->repo_count + 1, sizeof(*c->repos));
	c->repos[c->repo_count++] = fd;
	return 0;
}

/* One URL; as in Docker nobody but its owner may read the file. */
static int fetch(struct copy *c, const char *url, struct err *err)
{
	auto_free char *name = url_file_name(url);
	auto_fd int fd = FD_NONE;
	int64_t seconds = 0;
	int r;

	if (!name)
		return err_set(err, ERR_INVALID, EINVAL,
			"cannot determine filename for source URL %.200s", url);
	fd = openat(c->here, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "make a file for %.200s", url);
	r = download(url, c->in->flags.checksum, fd, NULL, &seconds, err);
	if (r == 0 && seconds) {
		const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

		(void)futimens(fd, times);
	}
	strv_add(&c->here_names, name);
	return r;
}

/* Files that are written in the Dockerfile itself, and those from URLs. */
static int write_here(struct copy *c, struct err *err)
{
	struct build *b = c->s->build;
	auto_free char *name = xasprintf("here-%zu", b->step);

	if (!c->in->heredoc_count && !c->urls)
		return 0;
	c->here = dir_open_make_at(b->scratch.dir, name, 0700);
	if (c->here < 0)
		return err_sys(err, c->here, "write heredoc");
	for (char **u = c->urls; u && *u; u++) {
		int r = git_is_url(*u) ? fetch_repo(c, *u, err) : fetch(c, *u, err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < c->in->heredoc_count; i++) {
		const struct df_heredoc *h = &c->in->heredocs[i];
		auto_fd int fd = FD_NONE;
		int r;

		if (strchr(h->name, '/') || str_eq(h->name, ".") || str_eq(h->name, ".."))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid heredoc name: %.100s", h->name);
		fd = openat(c->here, h->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : fd_write_all(fd, h->content, strlen(h->content));
		if (r < 0)
			return err_sys(err, r, "write heredoc %.100s", h->name);
		strv_add(&c->here_names, h->name);
	}
	return 0;
}

/* ---- the key */

static int hash_all(struct copy *c, int root, char *const *paths, struct hash *h, struct err *err)
{
	int r = 0;

	for (; r == 0 && paths && *paths; paths++) {
		hash_add(h, *paths, strlen(*paths) + 1);
		r = files_hash(root, *paths, c->except, h, err);
	}
	return r;
}

/* Contents of the context's files; of another stack of layers, which ones and what of them. */
static int hash_sources(struct copy *c, struct hash *h, struct err *err)
{
	auto_strv char **paths = NULL;
	int r = 0;

	if (c->from_layers) {
		for (char *const *l = c->layers; l && *l; l++)
			hash_add(h, *l, strlen(*l) + 1);
		for (char **w = c->words; w && *w; w++)
			hash_add(h, *w, strlen(*w) + 1);
	} else if (c->words) {
		r = files_match(c->s->build->context, c->words, c->what, &paths, err);
		if (r == 0)
			r = hash_all(c, c->s->build->context, paths, h, err);
	}
	if (r == 0 && c->here_names)
		r = hash_all(c, c->here, c->here_names, h, err);
	for (size_t i = 0; r == 0 && i < c->repo_count; i++)
		r = files_hash(c->repos[i], "", c->except, h, err);
	return r;
}

static void add_flag(char key[DIGEST_SIZE], const char *name, const char *value)
{
	auto_free char *text = value ? xasprintf("%s=%s", name, value) : NULL;

	if (text)
		key_add(key, text);
}

static int make_key(struct copy *c, struct err *err)
{
	const struct df_flags *f = &c->in->flags;
	auto_hash struct hash *h = hash_new();
	char digest[DIGEST_SIZE];
	int r = hash_sources(c, h, err);

	if (r < 0)
		return r;
	hash_end(h, digest);
	c->step.created_by = xasprintf("/bin/sh -c #(nop) %s %s:%s in %s ", c->what,
		strv_len(c->words) + strv_len(c->here_names) + c->repo_count > 1 ? "multi" : "file",
		digest_hex(digest), c->dest);
	memcpy(c->step.key, c->s->draft.key, sizeof(c->step.key));
	key_add(c->step.key, c->step.created_by);
	add_flag(c->step.key, "to", c->to);
	add_flag(c->step.key, "chown", f->chown);
	add_flag(c->step.key, "chmod", f->chmod);
	for (char **e = f->exclude; e && *e; e++)
		add_flag(c->step.key, "exclude", *e);
	if (f->unpack >= 0)
		key_add(c->step.key, f->unpack ? "unpack" : "no unpack");
	return 0;
}

/* ---- in the stage's files */

struct copying {
	const struct copy *c;
	const struct inside *inside;
	struct tree *tree;
	struct files_how how;
	char *to;    /* clean, without links as far as it exists */
	bool to_dir; /* it is a folder, or has to be one */
	bool exists;
};

/* "user", "user:group", numbers; a number alone is both. */
static int read_owner(struct copying *g, struct err *err)
{
	const char *spec = g->c->in->flags.chown;
	auto_free char *passwd = NULL, *group = NULL, *both = NULL;
	struct identity id = { 0 };
	uint64_t n;
	int r;

	/* the context belongs to nobody; what comes from an image keeps its owners */
	g->how.own = spec || !g->c->from_layers;
	if (!spec)
		return 0;
	passwd = path_read_in_root(g->inside->root, "etc/passwd", PASSWD_MAX);
	group = path_read_in_root(g->inside->root, "etc/group", PASSWD_MAX);
	if (str_to_u64(spec, &n) == 0)
		both = xasprintf("%s:%s", spec, spec);
	r = identity_resolve(
		both ? both : spec, (const char *const[]){ NULL }, passwd, group, &id, err);
	g->how.uid = id.uid;
	g->how.gid = id.gid;
	identity_clear(&id);
	return r < 0 ? err_prefix(err, "--chown=%.100s", spec) : 0;
}

/* Where a path that exists really is: its links lead around in the root. */
static char *real_path(int root, int fd)
{
	char own[40], top[PATH_MAX], path[PATH_MAX];
	ssize_t n, m;

	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	n = readlink(own, path, sizeof(path) - 1);
	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", root);
	m = readlink(own, top, sizeof(top) - 1);
	if (n < 0 || m < 0 || n < m || memcmp(path, top, (size_t)m) != 0)
		return NULL;
	path[n] = '\0';
	return xstrdup(path + m + (path[m] == '/'));
}

static int find_dest(struct copying *g, struct err *err)
{
	const char *to = g->c->to;
	auto_free char *clean = NULL;
	auto_fd int fd = FD_NONE;
	struct stat st;
	int r = tree_clean_path(to, &clean, err);

	if (r < 0)
		return r;
	fd = path_open_in_root(g->inside->root, *clean ? clean : ".", O_PATH, 0);
	g->exists = fd >= 0 && fstat(fd, &st) == 0;
	g->to_dir = str_ends(to, "/") || str_ends(to, "/.") || !*clean ||
		(g->exists && S_ISDIR(st.st_mode));
	if (g->exists && str_ends(to, "/") && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, ENOTDIR,
			"%s failed: destination %.200s is not a directory", g->c->what, to);
	g->to = g->exists ? real_path(g->inside->root, fd) : NULL;
	if (!g->to)
		g->to = take_ptr(&clean);
	return 0;
}

/* The folder and those above it, as far as they are missing, belong to whom the copy does. */
static int make_dirs(struct copying *g, const char *path, struct err *err)
{
	struct tree_meta m = { .mode = DIR_MODE, .uid = g->how.uid, .gid = g->how.gid };
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &m.mtime);
	for (const char *p = path; r == 0 && *p;) {
		const char *end = strchrnul(p, '/');
		auto_free char *part = xstrndup(path, (size_t)(end - path));
		auto_fd int fd = path_open_in_root(g->inside->root, part, O_PATH | O_DIRECTORY, 0);

		if (fd == -ENOENT)
			r = tree_dir(g->tree, part, &m, err);
		else if (fd < 0)
			r = err_sys(err, fd, "%s failed: %.200s", g->c->what, part);
		p = *end ? end + 1 : end;
	}
	return r;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}

/* Only archives of the context; what was downloaded stays as it is. */
static bool wants_unpacking(const struct copying *g, int root, int fd)
{
	const struct copy *c = g->c;

	if (c->in->kind != DF_ADD || root == c->here || c->from_layers || c->in->flags.unpack == 0)
		return false;
	return archive_is_tar(fd);
}

static int unpack(struct copying *g, int fd, off_t size, struct err *err)
{
	const struct unpack_how how = { .squash = g->c->s->build->work->single_id,
		.literal = true,
		.entries_max = LAYER_ENTRIES_MAX };
	struct unpacked done;
	struct source source;
	auto_fd int dir = FD_NONE;
	int r = make_dirs(g, g->to, err);

	if (r < 0)
		return r;
	dir = path_open_in_root(g->inside->root, *g->to ? g->to : ".", O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_sys(err, dir, "open %.200s", g->to);
	source_init(&source, fd, size, true);
	r = layer_unpack(&source, dir, &how, &done, err);
	source_destroy(&source);
	return r;
}

static int copy_one(struct copying *g, int root, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	auto_free char *to = NULL, *above = NULL;
	struct stat st;
	auto_fd int fd = files_open(root, path, &st, err);
	int r;

	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode)) {
		if (g->exists && !g->to_dir)
			return err_set(err, ERR_INVALID, ENOTDIR,
				"%s failed: cannot copy a directory over the file %.200s",
				g->c->what, g->to);
		r = make_dirs(g, g->to, err);
		return r < 0 ? r : files_copy(root, path, g->tree, g->to, &g->how, err);
	}
	if (wants_unpacking(g, root, fd))
		return unpack(g, fd, st.st_size, err);
	to = !g->to_dir ? xstrdup(g->to) : *g->to ? xasprintf("%s/%s", g->to, name) : xstrdup(name);
	above = parent_of(to);
	r = make_dirs(g, above, err);
	return r < 0 ? r : files_copy(root, path, g->tree, to, &g->how, err);
}

static int copy_set(struct copying *g, int root, char *const *words, struct err *err)
{
	auto_strv char **paths = NULL;
	int r = words ? files_match(root, words, g->c->what, &paths, err) : 0;

	/* what a wildcard finds may be more than the words let expect */
	if (r == 0 && strv_len(paths) > 1 && !g->to_dir)
		r = err_set(err, ERR_INVALID, EINVAL,
			"When using %s with more than one source file, the destination must be a "
			"directory and end with a /",
			g->c->what);
	for (char **p = paths; r == 0 && p && *p; p++)
		r = copy_one(g, root, *p, err);
	return r;
}

static int copy_inside(const struct inside *i, void *arg, struct err *err)
{
	const struct copy *c = arg;
	struct copying g = { .c = c,
		.inside = i,
		.tree = tree_new(i->root, c->s->build->work->single_id),
		.how = { .chmod = c->in->flags.chmod, .except = c->except } };
	int r = read_owner(&g, err);

	if (r == 0)
		r = find_dest(&g, err);
	if (r == 0)
		r = copy_set(&g, i->from, c->words, err);
	if (r == 0)
		r = copy_set(&g, c->here, c->here_names, err);
	for (size_t n = 0; r == 0 && n < c->repo_count; n++)
		r = copy_one(&g, c->repos[n], "", err);
	if (r == 0)
		r = tree_finish(g.tree, err);
	tree_free(g.tree);
	free(g.to);
	return r;
}

/* ---- the step */

static int make(struct copy *c, struct err *err)
{
	struct build *b = c->s->build;
	struct stage_tree tree;
	struct cached made;
	int r = stage_tree_new(b->stage, &tree, err);

	if (r < 0)
		return r;
	r = inside_run(b,
		&(struct inside_what){
			.below = c->s->draft.diff_ids,
			.tree = &tree,
			.from_layers = c->from_layers,
			.from_below = c->layers,
			.from_dir = b->context,
		},
		copy_inside, c, err);
	if (r < 0) {
		stage_tree_drop(b->stage, &tree);
		return r;
	}
	r = stage_keep_layer(c->s, &tree, NULL, &made, err);
	if (r == 0)
		step_done(c->s, &c->step, &made);
	return r;
}

int copy_step(struct stage_run *s, const struct df_instruction *in, struct err *err)
{
	__attribute__((cleanup(copy_clear))) struct copy c = {
		.s = s, .in = in, .what = df_kind_name(in->kind), .here = FD_NONE
	};
	int r = read_words(&c, err);

	if (r == 0)
		r = read_from(&c, err);
	if (r == 0)
		r = write_here(&c, err);
	if (r == 0)
		r = make_key(&c, err);
	if (r < 0)
		return r;
	return step_cached(s, &c.step) ? 0 : make(&c, err);
}

/* ---- WORKDIR */

static int mkdir_inside(const struct inside *i, void *arg, struct err *err)
{
	struct copy c = { .what = "WORKDIR" };
	struct copying g = { .c = &c, .inside = i, .tree = tree_new(i->root, false) };
	auto_free char *clean = NULL;
	int r = tree_clean_path(arg, &clean, err);

	if (r == 0)
		r = make_dirs(&g, clean, err);
	if (r == 0)
		r = tree_finish(g.tree, err);
	tree_free(g.tree);
	return r;
}

/* The folder, if it is not there: most often it is, and then there is no layer. */
static int make_workdir(struct stage_run *s, char *path, struct cached *ret, struct err *err)
{
	struct build *b = s->build;
	auto_merged struct merged m = { 0 };
	struct stage_tree tree;
	struct stat st;
	int r = merged_open(&b->work->dirs, FD_NONE, s->draft.diff_ids, &m, err);

	*ret = (struct cached){ .created = build_now(b) };
	if (r < 0)
		return r;
	if (path[1] && merged_stat(&m, path + 1, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	r = stage_tree_new(b->stage, &tree, err);
	if (r < 0)
		return r;
	r = inside_run(b,
		&(struct inside_what){
			.below = s->draft.diff_ids, .tree = &tree, .from_dir = FD_NONE },
		mkdir_inside, path, err);
	if (r < 0) {
		stage_tree_drop(b->stage, &tree);
		return r;
	}
	return stage_keep_layer(s, &tree, NULL, ret, err);
}

int workdir_step(struct stage_run *s, const struct df_instruction *in, struct err *err)
{
	json_object *config = s->draft.config;
	int r = change_apply(config, in, err);
	auto_free char *path = xstrdup(json_get_str(config, "WorkingDir", "/"));
	struct step step = { .created_by = xasprintf("/bin/sh -c #(nop) WORKDIR %s", path) };
	struct cached made;

	memcpy(step.key, s->draft.key, sizeof(step.key));
	key_add(step.key, step.created_by);
	if (r == 0 && !step_cached(s, &step)) {
		r = make_workdir(s, path, &made, err);
		if (r == 0)
			step_done(s, &step, &made);
	}
	free(step.created_by);
	return r;
}
