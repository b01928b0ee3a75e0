/* `docker cp` into a container: an archive, which comes over standard input, is unpacked in a folder.
 *
 * Whatever runs in the container may change it meanwhile. Every path is resolved anew, as if the
 * container's root were "/", and a file is made by descriptors from there on; so at worst the
 * container spoils what is copied into it. */
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/passwd.h"
#include "worker/archive.h"
#include "worker/container.h"
#include "worker/entries.h"
#include "worker/jobs.h"
#include "worker/place.h"
#include "worker/unpack.h"
#include "worker/view.h"

#define BLOCK (256 * 1024)

struct copy_in {
	struct view view;
	struct place place;
	char *to;        /* where the place's path leads: from the root on, without links */
	int dir;         /* that folder; O_PATH */
	bool keep_kinds; /* no folder becomes a file, nor a file a folder */
	struct entries entries;
};

static void copy_clear(struct copy_in *c)
{
	tree_free(c->entries.tree);
	(void)fd_close(c->dir);
	place_clear(&c->place);
	view_close(&c->view);
	free(c->to);
}

/* ---- where to */

static bool same_mount(int a, int b)
{
	struct statx x, y;

	if (statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
		statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) < 0)
		return false;
	return x.stx_mnt_id == y.stx_mnt_id;
}

static int check_writable(const struct copy_in *c, struct err *err)
{
	bool in_root = same_mount(c->dir, c->view.root);
	struct statvfs fs;

	if (fstatvfs(c->dir, &fs) < 0)
		return err_sys(err, errno, "look at %.300s", c->to);
	if (!(fs.f_flag & ST_RDONLY) && !(in_root && c->view.read_only))
		return 0;
	return err_set(err, ERR_INVALID, EROFS, "%s is marked read-only",
		in_root ? "container rootfs" : "mounted volume");
}

static int open_place(struct work *w, struct copy_in *c, struct err *err)
{
	struct stat st;

	c->to = place_follow(c->view.root, c->place.path);
	if (!c->to)
		return place_fail(&c->place, w, -ELOOP, err);
	c->dir = path_open_in_root(c->view.root, c->to, O_PATH | O_NOFOLLOW, 0);
	if (c->dir < 0 || fstat(c->dir, &st) < 0)
		return place_fail(&c->place, w, c->dir < 0 ? c->dir : -errno, err);
	if (S_ISDIR(st.st_mode))
		return check_writable(c, err);
	return c->place.folder
		? place_fail(&c->place, w, -ENOTDIR, err)
		: err_set(err, ERR_INVALID, ENOTDIR, "extraction point is not a directory");
}

/* Everything belongs to the container's user, as the container itself knows it, if that was asked for. */
static int read_owner(struct work *w, struct copy_in *c, struct err *err)
{
	const char *user = work_get(w, "user", "");
	auto_free char *passwd = NULL, *group = NULL;
	struct identity id = { 0 };
	int r;

	if (!*user)
		return 0;
	passwd = path_read_in_root(c->view.root, "/etc/passwd", PASSWD_MAX);
	group = path_read_in_root(c->view.root, "/etc/group", PASSWD_MAX);
	r = identity_resolve(user, (const char *const[]){ NULL }, passwd, group, &id, err);
	c->entries.owned = true;
	c->entries.uid = id.uid;
	c->entries.gid = id.gid;
	identity_clear(&id);
	return r;
}

/* ---- the archive */

/* "a/../b" is b, as in Docker; what leads out of the archive's top is refused. */
static int clean_name(const char *raw, char **ret, struct err *err)
{
	int depth = 0;

	for (const char *at = raw; *at; at += strspn(at, "/")) {
		size_t n = strcspn(at, "/");

		if (n == 2 && memcmp(at, "..", 2) == 0)
			depth--;
		else if (n > 1 || (n == 1 && *at != '.'))
			depth++;
		if (depth < 0)
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid archive: %.200s leads out of it", raw);
		at += n;
	}
	*ret = path_clean(raw);
	return 0;
}

/* As the tree wants it: from the root on, and without a slash before it. */
static int path_of(const struct copy_in *c, const char *raw, char **ret, struct err *err)
{
	auto_free char *name = NULL, *whole = NULL;
	int r = clean_name(raw, &name, err);

	if (r < 0)
		return r;
	whole = xasprintf("%s%s", str_eq(c->to, "/") ? "" : c->to, name);
	return tree_clean_path(whole, ret, err);
}

static int check_kind(
	const struct copy_in *c, struct archive_entry *e, const char *path, struct err *err)
{
	bool folder = !archive_entry_hardlink(e) && archive_entry_filetype(e) == AE_IFDIR;
	auto_fd int there = FD_NONE;
	struct stat st;

	if (!c->keep_kinds)
		return 0;
	there = path_open_in_root(c->view.root, path, O_PATH | O_NOFOLLOW, 0);
	if (there < 0 || fstat(there, &st) < 0 || S_ISDIR(st.st_mode) == folder)
		return 0;
	return err_set(err, ERR_INVALID, EISDIR,
		"cannot overwrite %s \"/%.180s\" with %s \"%.180s\"",
		folder ? "non-directory" : "directory", path,
		folder ? "directory" : "non-directory", c->to);
}

static int put(struct copy_in *c, struct archive_entry *e, struct err *err)
{
	const char *raw = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	auto_free char *path = NULL, *name = NULL, *target = NULL;
	int r;

	if (!raw)
		return err_set(
			err, ERR_INVALID, EBADMSG, "invalid archive: an entry without a name");
	r = clean_name(raw, &name, err);
	if (r < 0 || str_eq(name, "/")) /* the folder itself stays as it is */
		return r;
	r = path_of(c, raw, &path, err);
	if (r == 0)
		r = check_kind(c, e, path, err);
	if (r == 0 && link)
		r = path_of(c, link, &target, err);
	return r < 0 ? r : entry_put(&c->entries, e, path, target, err);
}

static int put_all(struct copy_in *c, struct archive *a, struct err *err)
{
	unsigned left = LAYER_ENTRIES_MAX;
	struct archive_entry *e;
	int r;

	while ((r = entry_next(&c->entries, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (left-- == 0)
			return err_set(err, ERR_INVALID, E2BIG, "the archive has too many entries");
		r = put(c, e, err);
		if (r < 0)
			return r;
	}
	return r == ARCHIVE_EOF ? tree_finish(c->entries.tree, err)
				: archive_invalid(a, "archive", err);
}

static int unpack(struct copy_in *c, struct err *err)
{
	struct archive *a = archive_reader_new();
	int r;

	(void)archive_read_support_format_tar(a);
	(void)archive_read_support_format_empty(a);
	c->entries.archive = a;
	if (archive_read_open_fd(a, STDIN_FILENO, BLOCK) != ARCHIVE_OK)
		r = archive_invalid(a, "archive", err);
	else
		r = put_all(c, a, err);
	(void)archive_read_free(a);
	return r;
}

/* What the container's files are like is not our failure. */
static int blame(int r, struct err *err)
{
	static const int theirs[] = { EROFS, EBUSY, ELOOP, ENOTDIR, EISDIR, ENAMETOOLONG, EPERM,
		EACCES, ENOENT, ESTALE, EINVAL, ENOTEMPTY, EEXIST };

	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		if (err->kind == ERR_SYSTEM && r == -theirs[i])
			err->kind = ERR_INVALID;
	return r;
}

static int copy_in(struct work *w, struct copy_in *c, struct err *err)
{
	int r = view_open(w, true, &c->view, err);

	if (r == 0)
		r = open_place(w, c, err);
	if (r == 0)
		r = read_owner(w, c, err);
	if (r < 0)
		return r;
	c->entries.tree = tree_new(c->view.root, w->single_id);
	tree_set_live(c->entries.tree);
	c->entries.dir = c->dir;
	c->entries.what = "archive";
	r = unpack(c, err);
	return r < 0 ? blame(r, err) : 0;
}

/* The container may start once the client hears that all is there: so the view is closed before. */
int job_archive_put(struct work *w, struct err *err)
{
	struct copy_in c = { .view = VIEW_NONE,
		.dir = FD_NONE,
		.keep_kinds = str_eq(work_get(w, "keep-kinds", "0"), "1") };
	int r;

	place_parse(work_get(w, "path", ""), &c.place);
	r = copy_in(w, &c, err);
	copy_clear(&c);
	work_drain();
	if (answer_wait(&w->answer, NULL) < 0)
		return r;
	if (r < 0) {
		answer_error(&w->answer, err);
		return r;
	}
	container_tell(w, "extract-to-dir", NULL);
	answer_empty(&w->answer);
	return 0;
}
