/* unit/state/tree.h - both state trees, in a private folder. */
#pragma once

#include "../unit.h"
#include "state/dirs.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct tree {
	struct folder folder;
	struct dirs dirs;
};

static inline void tree_make(struct tree *t)
{
	char path[96];

	t->folder = make_folder();
	(void)snprintf(path, sizeof(path), "%s/data", t->folder.path);
	assert_int_equal(setenv("XDG_DATA_HOME", path, 1), 0);
	(void)snprintf(path, sizeof(path), "%s/run", t->folder.path);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", path, 1), 0);
	assert_int_equal(dirs_open(&t->dirs, NULL), 0);
}

static inline void tree_drop(struct tree *t)
{
	dirs_close(&t->dirs);
	drop_folder(&t->folder);
}

/* Makes the container's data folder and opens it. */
static inline int tree_container(struct tree *t, const char *id)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	fd = dir_open_make_at(t->dirs.data, path, 0700);
	assert_true(fd >= 0);
	return fd;
}
