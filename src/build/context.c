#include "build/context.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "build/git.h"
#include "dockerfile/ignore.h"
#include "oci/doc.h"
#include "worker/archive.h"
#include "worker/disk.h"
#include "worker/download.h"
#include "worker/tree.h"
#include "worker/unpack.h"

#define READ_BLOCK (1024 * 1024)
#define IGNORE     ".dockerignore"

/* ---- receiving */

/* Standard input cannot be read twice, and an unpacker looks at its beginning first. */
static int spool(int to, off_t *ret_size, struct err *err)
{
	auto_free char *block = xmalloc(READ_BLOCK);
	ssize_t n;

	while ((n = read(STDIN_FILENO, block, READ_BLOCK)) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read the build context");
		r = disk_takes(to, *ret_size, n) ? fd_write_all(to, block, (size_t)n) : -ENOSPC;
		if (r < 0)
			return err_sys(err, r, "keep the build context");
		*ret_size += n;
	}
	return 0;
}

static int unpack(struct build *b, int fd, off_t size, struct err *err)
{
	const struct unpack_how how = {
		.squash = true, .literal = true, .entries_max = CONTEXT_ENTRIES_MAX
	};
	struct unpacked done;
	struct source source;
	int r;

	source_init(&source, fd, size, true);
	r = layer_unpack(&source, b->context, &how, &done, err);
	source_destroy(&source);
	return r < 0 ? err_prefix(err, "build context") : 0;
}

/* A tar, or a Dockerfile alone. */
static int receive_remote(struct build *b, int file, struct err *err)
{
	auto_fd int to = FD_NONE;
	auto_free char *text = NULL;
	struct stat st;
	int64_t seconds;
	size_t len;
	int r = download(b->opt.remote, NULL, file, NULL, &seconds, err);

	if (r < 0)
		return r;
	if (fstat(file, &st) < 0)
		return err_sys(err, errno, "look at what was downloaded");
	if (archive_is_tar(file))
		return unpack(b, file, st.st_size, err);
	r = fd_read_text(file, DF_TEXT_MAX, &text, &len);
	if (r < 0)
		return err_set(err, ERR_INVALID, -r, "%.200s is neither a tar nor a Dockerfile",
			b->opt.remote);
	b->opt.dockerfile = "Dockerfile";
	to = openat(b->context, "Dockerfile", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	r = to < 0 ? -errno : fd_write_all(to, text, len);
	return r < 0 ? err_sys(err, r, "keep the Dockerfile") : 0;
}

/* ---- .dockerignore */

/* The client's files are all here, so what is ignored is removed: then no step sees it. */
static int drop_ignored(const struct ignore *ig, int dir, const char *path)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d) {
		(void)fd_close(copy);
		return -errno;
	}
	while (r == 0 && (e = readdir(d))) {
		auto_free char *below = NULL;
		auto_fd int folder = FD_NONE;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		below = *path ? xasprintf("%s/%s", path, e->d_name) : xstrdup(e->d_name);
		folder = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (ignore_match(ig, below) && (folder < 0 || !ignore_may_keep_below(ig, below)))
			r = tree_remove_at(dir, e->d_name, NULL);
		else if (folder >= 0)
			r = drop_ignored(ig, folder, below);
	}
	(void)closedir(d);
	return r;
}

static int apply_ignore(struct build *b, struct err *err)
{
	auto_ignore struct ignore *ig = NULL;
	auto_free char *text = NULL;
	auto_fd int fd = path_open_in_root(b->context, IGNORE, O_RDONLY | O_NONBLOCK, 0);
	size_t len;
	int r;

	if (fd < 0)
		return 0;
	r = fd_read_text(fd, IGNORE_TEXT_MAX, &text, &len);
	if (r < 0)
		return err_set(err, ERR_INVALID, -r, IGNORE " cannot be read, or is too large");
	r = ignore_parse(text, len, IGNORE, &ig, err);
	if (r < 0)
		return r;
	r = drop_ignored(ig, b->context, "");
	return r < 0 ? err_sys(err, r, "apply " IGNORE) : 0;
}

/* ---- */

int context_clone(struct build *b, struct err *err)
{
	const char *keep = doc_str(b->opt.build_args, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");

	if (!git_is_url(b->opt.remote))
		return 0;
	return git_clone(b, b->opt.remote, "context",
		keep && (str_eq(keep, "1") || str_eq(keep, "true")), &b->context, err);
}

int context_receive(struct build *b, struct err *err)
{
	auto_fd int file = FD_NONE;
	off_t size = 0;
	int r;

	if (b->context >= 0)
		return 0;
	file = openat(b->scratch.dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (file < 0)
		return err_sys(err, errno, "keep the build context");
	b->context = dir_open_make_at(b->scratch.dir, "context", 0755);
	if (b->context < 0)
		return err_sys(err, b->context, "make a folder for the build context");
	if (*b->opt.remote)
		return receive_remote(b, file, err);
	r = spool(file, &size, err);
	return r == 0 ? unpack(b, file, size, err) : r;
}

int context_dockerfile(
	struct build *b, const char *path, char **ret, size_t *ret_len, struct err *err)
{
	auto_free char *clean = NULL;
	auto_fd int fd = FD_NONE;
	int r = tree_clean_path(path, &clean, NULL);

	if (r < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"forbidden path outside the build context: %.200s ()", path);
	fd = path_open_in_root(b->context, *clean ? clean : ".", O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, ERR_INVALID, ENOENT,
			"Cannot locate specified Dockerfile: %.200s", path);
	r = fd_read_text(fd, DF_TEXT_MAX, ret, ret_len);
	if (r == -EFBIG)
		return err_set(err, ERR_INVALID, EFBIG, "the Dockerfile is larger than %d bytes",
			DF_TEXT_MAX);
	if (r < 0)
		return err_set(err, ERR_INVALID, -r, "cannot read the Dockerfile %.200s", path);
	return apply_ignore(b, err);
}
