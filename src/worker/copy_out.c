/* `docker cp` out of a container: what lies at a path, told in a header, or packed as well. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/fd.h"
#include "base/path.h"
#include "worker/container.h"
#include "worker/jobs.h"
#include "worker/merged.h"
#include "worker/pack.h"
#include "worker/place.h"
#include "worker/view.h"

#define TYPE_TAR    "application/x-tar"
#define STAT_HEADER "X-Docker-Container-Path-Stat: "

struct copy_out {
	struct view view;
	struct place place;
	struct buf header;
};

static void copy_clear(struct copy_out *c)
{
	place_clear(&c->place);
	view_close(&c->view);
	buf_free(&c->header);
}

static int look(struct work *w, struct copy_out *c, struct err *err)
{
	auto_buf struct buf json = { 0 };
	int r = view_open(w, false, &c->view, err);

	if (r == 0)
		r = place_open(&c->place, w, c->view.root, err);
	if (r < 0)
		return r;
	place_print(&c->place, &json);
	buf_adds(&c->header, STAT_HEADER);
	base64_encode(json.data, json.len, &c->header);
	w->answer.header = c->header.data;
	return 0;
}

int job_archive_stat(struct work *w, struct err *err)
{
	__attribute__((cleanup(copy_clear))) struct copy_out c = { .view = VIEW_NONE };
	int r;

	place_parse(work_get(w, "path", ""), &c.place);
	r = answer_head(&w->answer, look(w, &c, err), err);
	w->answer.header = NULL;
	return r;
}

static int send(void *arg, const void *data, size_t len, struct err *err)
{
	return answer_data(arg, TYPE_TAR, data, len, err);
}

/* A folder is the top of what is packed; anything else is the only thing packed of its own. */
static int pack(struct work *w, const struct copy_out *c, struct err *err)
{
	const struct place *p = &c->place;
	bool folder = S_ISDIR(p->st.st_mode);
	auto_free char *above = xstrndup(p->path, (size_t)(strrchr(p->path, '/') + 1 - p->path));
	auto_fd int up =
		folder ? FD_NONE : path_open_in_root(c->view.root, above, O_PATH | O_DIRECTORY, 0);
	const struct merged tree = { .dirs = { folder ? p->fd : up }, .count = 1, .mounts = true };
	struct pack_how how = { 0 };
	struct packed packed;
	struct stat root;

	if (!folder && up < 0)
		return place_fail(p, w, up, err);
	if (folder)
		how.top = str_eq(p->base, "/") ? "" : p->base;
	else
		how.only = p->base;
	/* the engine's own, which nobody wants among his files */
	if (c->view.runs && fstat(c->view.root, &root) == 0 && root.st_dev == p->st.st_dev &&
		root.st_ino == p->st.st_ino)
		how.hollow = "dev";
	return tree_pack(&tree, &how, send, &w->answer, &packed, err);
}

static int copy_out(struct work *w, struct copy_out *c, struct err *err)
{
	int r = look(w, c, err);

	if (r == 0)
		r = answer_wait(&w->answer, err);
	if (r < 0)
		return r;
	container_tell(w, "archive-path", NULL);
	return pack(w, c, err);
}

int job_archive_get(struct work *w, struct err *err)
{
	__attribute__((cleanup(copy_clear))) struct copy_out c = { .view = VIEW_NONE };
	int r;

	place_parse(work_get(w, "path", ""), &c.place);
	r = answer_stream(&w->answer, copy_out(w, &c, err), err);
	w->answer.header = NULL;
	return r;
}
