#include "worker/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"

#define LINKS_MAX 255 /* as many as Docker follows */

void place_parse(const char *typed, struct place *ret)
{
	size_t len = strlen(typed);
	const char *slash;
	bool here;

	*ret = (struct place){
		.typed = typed, .path = path_clean(typed), .fd = FD_NONE, .target = xstrdup("")
	};
	while (len > 1 && typed[len - 1] == '/')
		len--;
	here = len == 1 ? typed[0] == '.' : len > 1 && memcmp(typed + len - 2, "/.", 2) == 0;
	ret->folder = here || str_ends(typed, "/");
	slash = strrchr(ret->path, '/');
	ret->base = xstrdup(here ? "." : slash[1] ? slash + 1 : "/");
}

void place_clear(struct place *p)
{
	free(take_ptr(&p->path));
	free(take_ptr(&p->base));
	free(take_ptr(&p->target));
	p->fd = fd_close(p->fd);
}

/* ---- links */

/* Adds a name to the way so far, or takes the way a link of this name shows: then it is what is left. */
static char *take_name(int root, struct buf *done, const char *name)
{
	auto_fd int fd = FD_NONE;
	char target[PATH_MAX];
	size_t before = done->len;
	ssize_t n = -1;

	buf_printf(done, "/%s", name);
	fd = path_open_in_root(root, done->data, O_PATH | O_NOFOLLOW, 0);
	if (fd >= 0)
		n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	done->len = *target == '/' ? 0 : before;
	done->data[done->len] = '\0';
	return xstrdup(target);
}

char *place_follow(int root, const char *path)
{
	auto_free char *rest = xstrdup(path);
	auto_buf struct buf done = { 0 };
	unsigned links = 0;

	for (const char *at = rest; *at;) {
		const char *end = strchrnul(at, '/');
		auto_free char *name = xstrndup(at, (size_t)(end - at)), *link = NULL, *all = NULL;

		at = end + (*end == '/');
		if (str_eq(name, ".."))
			path_up(&done);
		else if (*name && !str_eq(name, "."))
			link = take_name(root, &done, name);
		if (!link)
			continue;
		if (++links > LINKS_MAX)
			return NULL;
		all = xasprintf("%s/%s", link, at);
		free(rest);
		at = rest = take_ptr(&all);
	}
	return done.len ? buf_steal(&done) : xstrdup("/");
}

/* ---- */

int place_fail(const struct place *p, const struct work *w, int r, struct err *err)
{
	switch (-r) {
	case ENOENT:
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"Could not find the file %.300s in container %.128s", p->typed,
			work_get(w, "typed", ""));
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return err_set(err, ERR_INVALID, -r, "%.300s: %s", p->path, strerror(-r));
	case EACCES:
	case EPERM: return err_set(err, ERR_DENIED, -r, "%.300s: %s", p->path, strerror(-r));
	default: return err_sys(err, r, "look at %.300s", p->path);
	}
}

int place_open(struct place *p, const struct work *w, int root, struct err *err)
{
	p->fd = path_open_in_root(root, p->path, p->folder ? O_PATH : O_PATH | O_NOFOLLOW, 0);
	if (p->fd < 0)
		return place_fail(p, w, p->fd, err);
	if (fstat(p->fd, &p->st) < 0)
		return place_fail(p, w, -errno, err);
	if (p->folder && !S_ISDIR(p->st.st_mode))
		return place_fail(p, w, -ENOTDIR, err);
	if (!S_ISLNK(p->st.st_mode))
		return 0;
	free(p->target);
	p->target = place_follow(root, p->path);
	return p->target ? 0 : place_fail(p, w, -ELOOP, err);
}

uint32_t place_go_mode(mode_t mode)
{
	uint32_t go = mode & 0777;

	switch (mode & S_IFMT) {
	case S_IFDIR: go |= 1u << 31; break;
	case S_IFLNK: go |= 1u << 27; break;
	case S_IFBLK: go |= 1u << 26; break;
	case S_IFCHR: go |= 1u << 26 | 1u << 21; break;
	case S_IFIFO: go |= 1u << 25; break;
	case S_IFSOCK: go |= 1u << 24; break;
	default: break;
	}
	return go | (mode & S_ISUID ? 1u << 23 : 0) | (mode & S_ISGID ? 1u << 22 : 0) |
		(mode & S_ISVTX ? 1u << 20 : 0);
}

void place_print(const struct place *p, struct buf *out)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_str(&w, "name", p->base);
	jw_int(&w, "size", p->st.st_size);
	jw_uint(&w, "mode", place_go_mode(p->st.st_mode));
	jw_time_known(&w, "mtime", p->st.st_mtim.tv_sec * NSEC_PER_SEC + p->st.st_mtim.tv_nsec);
	jw_str(&w, "linkTarget", p->target);
	jw_object_end(&w);
}
