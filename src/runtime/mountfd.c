#include "runtime/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h> /* not beside sys/mount.h: glibc 2.36 declares the same again */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/enter.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int mount_clone(int dir, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	long fd;

	if (recursive)
		flags |= AT_RECURSIVE;
	fd = syscall(SYS_open_tree, dir, path, flags);
	return fd < 0 ? -errno : (int)fd;
}

int mount_attach(int tree, int target)
{
	if (syscall(SYS_move_mount, tree, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* ---- before mount_setattr (Linux 5.12) each mount has to be found and changed by name */

#define MOUNTINFO_MAX (16u << 20)

/* A row of /proc/self/mountinfo: "ID PARENT DEVICE ROOT POINT OPTIONS …". */
struct row {
	int id, parent;
	char *point;
};

struct table {
	struct row *rows;
	size_t count;
};

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->rows[i].point);
	free(t->rows);
}

/* Blanks and backslashes are written as \ooo. */
static char *unescape(const char *text, size_t len)
{
	char *out = xstrndup(text, len), *to = out;

	for (const char *at = out; *at; at++) {
		unsigned byte;

		if (*at == '\\' && sscanf(at, "\\%3o", &byte) == 1) {
			*to++ = (char)byte;
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	return out;
}

static int table_read(struct table *ret)
{
	auto_free char *text = NULL;
	struct table t = { 0 };
	int r;

	r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (const char *line = text; *line;) {
		struct row row;
		int point = 0;

		if (sscanf(line, "%d %d %*s %*s %n", &row.id, &row.parent, &point) != 2 || !point) {
			table_free(&t);
			return -EBADMSG;
		}
		row.point = unescape(line + point, strcspn(line + point, " \n"));
		t.rows = xreallocarray(t.rows, t.count + 1, sizeof(row));
		t.rows[t.count++] = row;
		line = strchrnul(line, '\n');
		line += *line == '\n';
	}
	*ret = t;
	return 0;
}

static int mount_id(int fd)
{
	auto_free char *text = NULL;
	const char *line;
	char name[48];

	(void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (file_read_at(AT_FDCWD, name, 4096, &text, NULL) < 0)
		return -1;
	line = strstr(text, "mnt_id:");
	return line ? atoi(line + strlen("mnt_id:")) : -1;
}

int mount_remount(int tree, const char *name, uint64_t flags)
{
	struct statvfs st;

	if (fstatvfs(tree, &st) < 0)
		return -errno;
	/* what is not repeated would be taken away, and in a user namespace the host's are locked */
	flags |= st.f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	return syscall(SYS_mount, NULL, name, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno
											    : 0;
}

static int remount_below(const struct table *t, int parent, uint64_t flags)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		auto_fd int fd = FD_NONE;
		char name[FD_PATH];
		int r = 0;

		if (row->parent != parent || row->id == parent)
			continue;
		/* what another mount hides has no name, but nobody gets at it either */
		fd = open(row->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && mount_id(fd) == row->id)
			r = mount_remount(fd, fd_path(fd, name), flags);
		if (r == 0)
			r = remount_below(t, row->id, flags);
		if (r < 0)
			return r;
	}
	return 0;
}

static int remount(int tree, bool recursive, uint64_t flags)
{
	struct table table = { 0 };
	char name[FD_PATH];
	int r;

	r = mount_remount(tree, fd_path(tree, name), flags);
	if (r < 0 || !recursive)
		return r;
	r = table_read(&table);
	if (r == 0)
		r = remount_below(&table, mount_id(tree), flags);
	table_free(&table);
	return r;
}

static int change_by_name(int tree, bool recursive, uint64_t flags, uint64_t propagation)
{
	char name[FD_PATH];

	if (propagation &&
		syscall(SYS_mount, NULL, fd_path(tree, name), NULL,
			propagation | (recursive ? MS_REC : 0), NULL) < 0)
		return -errno;
	return flags ? remount(tree, recursive, flags) : 0;
}

/* ---- */

int mount_change(int tree, bool recursive, uint64_t flags, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = flags, .propagation = propagation };
	unsigned at = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	if (syscall(SYS_mount_setattr, tree, "", at, &attr, sizeof(attr)) == 0)
		return 0;
	return errno == ENOSYS ? change_by_name(tree, recursive, flags, propagation) : -errno;
}
