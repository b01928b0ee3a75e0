/* A container's new volumes get what its image has at their places, as Docker does when it creates the
 * container: owners and modes are the image's, and only a volume that is empty is filled.
 *
 * In three steps, so that a volume never shows a part of it that was cut short: a copy is made beside
 * _data ("filling"), renamed ("filled") when it is complete, and then its entries are renamed into _data one by
 * one; the last step is taken up again by whoever finds a "filled". Running containers that have the volume
 * keep it all the while. The container's file "unfilled" says that this is still to be done; it goes last,
 * and the container cannot start before. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "state/events.h"
#include "state/remove.h"
#include "state/volumes.h"
#include "worker/container.h"
#include "worker/jobs.h"
#include "worker/pack.h"
#include "worker/unpack.h"
#include "json/text.h"

#define FILLING    "filling"
#define FILLED     "filled"
#define LINKS_MAX  40
#define RECORD_MAX (1u << 20)

struct fill {
	struct work *w;
	const struct merged *image;
	const char *name; /* the volume's */
	int volume, data; /* its folder, and where its files are */
};

/* ---- a place in the image */

static void at_folder(const struct merged *m, const char *path, struct merged_at *ret)
{
	auto_strv char **parts = strv_split(path, '/');
	auto_buf struct buf done = { 0 };

	merged_root(m, ret);
	for (char **p = parts; *p && **p; p++) {
		struct merged_at up = *ret;

		buf_printf(&done, "%s%s", done.len ? "/" : "", *p);
		merged_down(m, &up, done.data, ret);
	}
}

static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

static int read_link(const struct merged *m, unsigned char layer, const char *folder,
	const char *name, char ret[PATH_MAX])
{
	auto_fd int dir = merged_open_folder(m, layer, folder);
	ssize_t n = dir < 0 ? dir : readlinkat(dir, name, ret, PATH_MAX - 1);

	if (n < 0)
		return dir < 0 ? dir : -errno;
	ret[n] = '\0';
	return 0;
}

struct walk {
	char *done, *rest; /* done: without links, "" is the root */
	unsigned links;
	struct stat st; /* of what done is */
};

static void walk_clear(struct walk *k)
{
	free(k->done);
	free(k->rest);
}

/* One name further. -ENOENT: there is nothing. */
static int walk_step(const struct merged *m, struct walk *k, const char *name)
{
	struct merged_at at;
	unsigned char layer;
	char target[PATH_MAX];
	char *next;
	int r;

	at_folder(m, k->done, &at);
	r = merged_find(m, &at, k->done, name, &k->st, &layer);
	if (r < 0)
		return r;
	if (!S_ISLNK(k->st.st_mode)) {
		next = *k->done ? xasprintf("%s/%s", k->done, name) : xstrdup(name);
		free(k->done);
		k->done = next;
		return 0;
	}
	if (++k->links > LINKS_MAX)
		return -ELOOP;
	r = read_link(m, layer, k->done, name, target);
	if (r < 0)
		return r;
	if (*target == '/')
		*k->done = '\0';
	next = xasprintf("%s/%s", target, k->rest);
	free(k->rest);
	k->rest = next;
	return 0;
}

/* Follows links inside the image. */
static int walk_image(const struct merged *m, struct walk *k)
{
	int r = 0;

	while (r == 0) {
		char *at = k->rest + strspn(k->rest, "/");
		auto_free char *name = xstrndup(at, strcspn(at, "/"));

		if (!*name)
			break;
		memmove(k->rest, at + strlen(name), strlen(at + strlen(name)) + 1);
		if (str_eq(name, ".."))
			go_up(k->done);
		else if (!str_eq(name, "."))
			r = walk_step(m, k, name);
	}
	return r;
}

/* The folder that the image has at path, as a stack of its own. 1: it has none. */
static int open_place(
	const struct merged *m, const char *path, struct merged *ret, struct stat *ret_st)
{
	__attribute__((cleanup(walk_clear))) struct walk k = { .done = xstrdup(""),
		.rest = xstrdup(path) };
	struct merged_at at;
	int r = walk_image(m, &k);

	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && (!*k.done || !S_ISDIR(k.st.st_mode))))
		return 1;
	if (r < 0)
		return r;
	at_folder(m, k.done, &at);
	for (size_t i = 0; i < at.count; i++) {
		int fd = merged_open_folder(m, at.layers[i], k.done);

		if (fd < 0)
			return fd;
		ret->dirs[ret->count++] = fd;
	}
	*ret_st = k.st;
	return 0;
}

/* ---- copying it */

static int to_file(void *arg, const void *data, size_t len, struct err *err)
{
	int r = fd_write_all(*(int *)arg, data, len);

	return r < 0 ? err_sys(err, r, "write the copy") : 0;
}

/* By way of an archive: what packs and unpacks layers knows all that a file can be. */
static int copy_into(struct fill *f, const struct merged *place, int dir, struct err *err)
{
	const struct pack_how pack = { 0 };
	const struct unpack_how unpack = {
		.squash = f->w->single_id, .literal = true, .entries_max = LAYER_ENTRIES_MAX
	};
	auto_fd int file = openat(f->volume, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct source source;
	struct unpacked done;
	struct packed packed;
	int r;

	if (file < 0)
		return err_sys(err, errno, "make a scratch file");
	r = tree_pack(place, &pack, to_file, &file, &packed, err);
	if (r < 0 || packed.entries == 0)
		return r;
	source_init(&source, file, lseek(file, 0, SEEK_CUR), true);
	r = layer_unpack(&source, dir, &unpack, &done, err);
	source_destroy(&source);
	return r;
}

static int set_meta(struct fill *f, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (!f->w->single_id && fchown(f->data, st->st_uid, st->st_gid) < 0)
		return err_sys(err, errno, "change the owner of volume %s", f->name);
	if (fchmod(f->data, st->st_mode & 07777) < 0 || futimens(f->data, times) < 0)
		return err_sys(err, errno, "change the mode of volume %s", f->name);
	return 0;
}

/* What somebody has put there meanwhile stays. */
static int move_entries(int from, int to)
{
	int copy = fcntl(from, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		(void)fd_close(copy);
		return -errno;
	}
	while (r == 0 && (e = readdir(dir))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (renameat2(from, e->d_name, to, e->d_name, RENAME_NOREPLACE) < 0 &&
			errno != EEXIST)
			r = -errno;
	}
	(void)closedir(dir);
	return r;
}

static int is_empty(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int n = 0;

	if (!d) {
		(void)fd_close(copy);
		return -errno;
	}
	while (n <= 2 && (e = readdir(d)))
		n++;
	(void)closedir(d);
	return n <= 2;
}

/* The complete copy, where one is. */
static int move_in(struct fill *f, const struct stat *st, struct err *err)
{
	auto_fd int filled =
		openat(f->volume, FILLED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (filled < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open the copy");
	r = move_entries(filled, f->data);
	if (r < 0)
		return err_sys(err, r, "fill volume %s", f->name);
	r = set_meta(f, st, err);
	if (r == 0)
		r = tree_remove_at(f->volume, FILLED, NULL);
	return r;
}

static int make_copy(struct fill *f, const struct merged *place, struct err *err)
{
	auto_fd int filling = FD_NONE;
	int r;

	r = tree_remove_at(f->volume, FILLING, NULL); /* of one that was cut short */
	if (r == 0)
		r = filling = dir_open_make_at(f->volume, FILLING, 0700);
	if (r < 0)
		return err_sys(err, r, "fill volume %s", f->name);
	r = copy_into(f, place, filling, err);
	if (r < 0) {
		(void)tree_remove_at(f->volume, FILLING, NULL);
		return r;
	}
	if (renameat(f->volume, FILLING, f->volume, FILLED) < 0)
		return err_sys(err, errno, "fill volume %s", f->name);
	return 0;
}

/* A folder of the host is not ours to rename things into: it is filled in place. */
static int fill_from(struct fill *f, const struct merged *place, const struct stat *st,
	bool elsewhere, struct err *err)
{
	int r = move_in(f, st, err), empty;

	if (r < 0)
		return r;
	empty = is_empty(f->data);
	if (empty <= 0)
		return empty < 0 ? err_sys(err, empty, "read volume %s", f->name) : 0;
	if (elsewhere) {
		r = copy_into(f, place, f->data, err);
		return r < 0 ? r : set_meta(f, st, err);
	}
	r = make_copy(f, place, err);
	return r < 0 ? r : move_in(f, st, err);
}

/* ---- the volumes of a container */

/* Where a volume's options say its files are; NULL: in it. Owned. */
static char *device_of(int volume)
{
	auto_free char *text = NULL;
	auto_json json_object *doc = NULL;
	const char *device;
	size_t len;

	if (record_text_at(volume, VOLUME_RECORD, RECORD_MAX, &text, &len) < 0 ||
		json_parse(text, len, &doc, NULL) < 0)
		return NULL;
	device = json_get_str(json_get(doc, "Options"), "device", NULL);
	return device ? xstrdup(device) : NULL;
}

static int fill_volume(struct fill *f, const char *target, struct err *err)
{
	auto_merged struct merged place = { 0 };
	auto_free char *device = device_of(f->volume);
	struct stat st;
	int r;

	if (device && *device != '/')
		return 0; /* in memory: made anew for each run */
	r = open_place(f->image, target, &place, &st);
	if (r != 0)
		return r < 0 ? err_sys(err, r, "look for %s in the image", target) : 0;
	f->data = device ? open(device, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			 : openat(f->volume, VOLUME_DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->data < 0)
		return device ? 0 : err_sys(err, errno, "open volume %s", f->name);
	r = fill_from(f, &place, &st, device != NULL, err);
	f->data = fd_close(f->data);
	return r;
}

static int fill_point(
	struct work *w, const struct merged *image, json_object *point, struct err *err)
{
	struct fill f = {
		.w = w, .image = image, .name = json_get_str(point, "Name", ""), .data = FD_NONE
	};
	auto_fd int volume = FD_NONE;
	char path[VOLUME_PATH];

	if (!str_eq(json_get_str(point, "Type", ""), "volume") || !json_get_bool(point, "Copy") ||
		!volume_name_valid(f.name))
		return 0;
	(void)snprintf(path, sizeof(path), "volumes/%s", f.name);
	volume = openat(w->dirs.data, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (volume < 0)
		return err_sys(err, errno, "open volume %s", f.name);
	while (flock(volume, LOCK_EX) < 0) /* two containers may want to fill it */
		if (errno != EINTR)
			return err_sys(err, errno, "lock volume %s", f.name);
	f.volume = volume;
	return fill_volume(&f, json_get_str(point, "Target", ""), err);
}

static int fill_points(struct work *w, struct err *err)
{
	auto_container_files struct container_files c = { 0 };
	json_object *points;
	int r = container_files_open(w, &c, err);

	points = r == 0 ? json_get(c.doc, "MountPoints") : NULL;
	if (!json_object_is_type(points, json_type_array))
		return r;
	for (size_t i = 0; r == 0 && i < json_object_array_length(points); i++)
		r = fill_point(w, &c.tree, json_object_array_get_idx(points, i), err);
	return r;
}

/* The lock on the container's file keeps a second worker waiting until there is nothing left to do. */
static int fill(struct work *w, struct err *err)
{
	char path[32 + ID_SIZE];
	auto_fd int mark = FD_NONE;
	int r = work_enter(w, err);

	if (r < 0)
		return r;
	(void)snprintf(
		path, sizeof(path), "containers/%.64s/" CONTAINER_UNFILLED, work_get(w, "id", ""));
	mark = openat(w->dirs.data, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (mark < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open %s", path);
	while (flock(mark, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "lock %s", path);
	r = fill_points(w, err);
	if (r == 0 && unlinkat(w->dirs.data, path, 0) < 0 && errno != ENOENT)
		r = err_sys(err, errno, "remove %s", path);
	return r;
}

/* Nobody was told of it yet. */
static void take_back(struct work *w)
{
	const char *id = work_get(w, "id", "");
	auto_strv char **volumes = volume_links(&w->dirs, id, true);
	auto_fd int lock = dirs_lock(&w->dirs);

	if (lock >= 0 &&
		container_take_away(&w->dirs, id, work_get(w, "name", ""), true, NULL) == 0)
		volumes_take_away(&w->dirs, volumes, false);
	container_tell(w, "destroy", NULL);
}

/* With answer=, the reply of the request that created the container; without, after a crash. */
int job_fill(struct work *w, struct err *err)
{
	const char *answer = work_get(w, "answer", NULL);
	auto_free char *text = answer ? xasprintf("%s\n", answer) : NULL;
	int r = fill(w, err);

	if (!answer)
		return r;
	if (r < 0)
		take_back(w);
	if (answer_wait(&w->answer, NULL) < 0)
		return r;
	if (r < 0)
		answer_error(&w->answer, err);
	else
		answer_json(&w->answer, 201, text);
	return r;
}
