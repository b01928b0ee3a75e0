/* unit/unit.h - what every unit test needs: cmocka with what it wants included first, and a private
 * folder. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the above */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

/* An empty folder of the test's own, opened; drop_folder() removes it again. */
struct folder {
	int fd;
	char path[64];
};

static inline struct folder make_folder(void)
{
	struct folder f;

	(void)snprintf(f.path, sizeof(f.path), "/tmp/dayfly-unit-XXXXXX");
	assert_non_null(mkdtemp(f.path));
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f.fd >= 0);
	return f;
}

static inline void drop_folder(struct folder *f)
{
	(void)fd_close(f->fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, f->path, NULL), 0);
}

static inline void put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	(void)fd_close(fd);
}

static inline void assert_file(int dir, const char *name, const char *text)
{
	char *have;

	assert_int_equal(file_read_at(dir, name, 64 << 20, &have, NULL), 0);
	assert_string_equal(have, text);
	free(have);
}
