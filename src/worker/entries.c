#include "worker/entries.h"

#include <archive_entry.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/archive.h"
#include "worker/disk.h"

static void read_meta(const struct entries *x, struct archive_entry *e, struct tree_meta *ret)
{
	*ret = (struct tree_meta){
		.mode = archive_entry_perm(e),
		.uid = (uid_t)archive_entry_uid(e),
		.gid = (gid_t)archive_entry_gid(e),
		.mtime = { .tv_sec = archive_entry_mtime(e),
			.tv_nsec = archive_entry_mtime_nsec(e) },
	};
	if (x->owned) {
		ret->uid = x->uid;
		ret->gid = x->gid;
	}
}

static int write_at(int fd, const char *p, size_t len, off_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

int entry_next(struct entries *x, struct archive_entry **ret)
{
	return x->ended ? ARCHIVE_EOF : archive_read_next_header(x->archive, ret);
}

/* libarchive looks for the rest of the block when it is asked for data behind the last. If the source has
 * ended, that is its error -1; if it has failed, there is an errno. */
static bool lacks_padding_only(struct entries *x, int r, int64_t got, int64_t size)
{
	return r == ARCHIVE_FATAL && got == size && archive_errno(x->archive) < 0;
}

static int copy_data(
	struct entries *x, struct archive_entry *e, int fd, const char *path, struct err *err)
{
	const void *data;
	la_int64_t offset = 0, end = 0;
	size_t n;
	int r;

	while ((r = archive_read_data_block(x->archive, &data, &n, &offset)) == ARCHIVE_OK ||
		r == ARCHIVE_WARN) {
		int w = write_at(fd, data, n, offset);

		if (w < 0)
			return err_sys(err, w, "unpack %.200s", path);
		end = offset + (la_int64_t)n;
		if (!disk_takes(x->dir, x->size, (int64_t)n))
			return err_sys(err, ENOSPC, "unpack %s", x->what);
		x->size += (int64_t)n;
	}
	x->ended = lacks_padding_only(x, r, end, archive_entry_size(e));
	if (r != ARCHIVE_EOF && !x->ended)
		return archive_invalid(x->archive, x->what, err);
	/* a sparse file may end with a hole */
	if (offset > end && ftruncate(fd, offset) < 0)
		return err_sys(err, errno, "unpack %.200s", path);
	return 0;
}

static int set_xattrs(
	struct entries *x, struct archive_entry *e, int fd, const char *path, struct err *err)
{
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		int r = name ? tree_xattr(x->tree, fd, path, name, value, len, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int unpack_file(struct entries *x, struct archive_entry *e, const char *path,
	const struct tree_meta *m, struct err *err)
{
	auto_fd int fd = FD_NONE;
	int r;

	r = tree_file_begin(x->tree, path, &fd, err);
	if (r == 0)
		r = copy_data(x, e, fd, path, err);
	if (r == 0 && archive_entry_sparse_count(e) > 0 && ftruncate(fd, archive_entry_size(e)) < 0)
		r = err_sys(err, errno, "unpack %.200s", path);
	if (r == 0)
		r = tree_file_end(x->tree, fd, path, m, err);
	/* after the owner, whose change takes capabilities away */
	if (r == 0)
		r = set_xattrs(x, e, fd, path, err);
	return r;
}

static int unpack_dir(struct entries *x, struct archive_entry *e, const char *path,
	const struct tree_meta *m, struct err *err)
{
	int r = tree_dir(x->tree, path, m, err);

	return r < 0 ? r : set_xattrs(x, e, FD_NONE, path, err);
}

int entry_put(struct entries *x, struct archive_entry *e, const char *path, const char *link,
	struct err *err)
{
	struct tree_meta m;

	if (link)
		return tree_hardlink(x->tree, path, link, err);
	read_meta(x, e, &m);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG: return unpack_file(x, e, path, &m, err);
	case AE_IFDIR: return unpack_dir(x, e, path, &m, err);
	case AE_IFLNK:
		if (!archive_entry_symlink(e))
			return err_set(err, ERR_INVALID, EBADMSG,
				"invalid %s: %.200s: a link without a target", x->what, path);
		return tree_symlink(x->tree, path, archive_entry_symlink(e), &m, err);
	case AE_IFIFO: return tree_fifo(x->tree, path, &m, err);
	default: return 0; /* device nodes and sockets: a container's are made by its runtime */
	}
}
