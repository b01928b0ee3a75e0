/* unit/state/events_tree.h - a tree of the test's own with its journal's folder open. */
#pragma once

#include "tree.h"

static struct tree tree;
static int events; /* data/events */

static int setup(void **unused)
{
	(void)unused;
	tree_make(&tree);
	events = openat(tree.dirs.data, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	(void)fd_close(events);
	tree_drop(&tree);
	return 0;
}
