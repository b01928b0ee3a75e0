#include "worker/inodes.h"

#include <stdlib.h>

#include "base/alloc.h"

#define ROOM_FIRST 64

struct inode_name {
	dev_t dev;
	ino_t ino;
	char *name; /* NULL: a free place */
};

void inodes_clear(struct inodes *n)
{
	for (size_t i = 0; i < n->room; i++)
		free(n->items[i].name);
	free(n->items);
	*n = (struct inodes){ 0 };
}

static struct inode_name *place_of(const struct inodes *n, dev_t dev, ino_t ino)
{
	size_t i = (ino * 0x9e3779b97f4a7c15u >> 20 ^ dev) & (n->room - 1);

	while (n->items[i].name && (n->items[i].ino != ino || n->items[i].dev != dev))
		i = (i + 1) & (n->room - 1);
	return &n->items[i];
}

static void grow(struct inodes *n)
{
	struct inode_name *old = n->items;
	size_t room = n->room;

	n->room = room ? 2 * room : ROOM_FIRST;
	n->items = xcalloc(n->room, sizeof(*n->items));
	for (size_t i = 0; i < room; i++)
		if (old[i].name)
			*place_of(n, old[i].dev, old[i].ino) = old[i];
	free(old);
}

const char *inodes_find(const struct inodes *n, const struct stat *st)
{
	return n->room ? place_of(n, st->st_dev, st->st_ino)->name : NULL;
}

void inodes_add(struct inodes *n, const struct stat *st, const char *name)
{
	if (2 * (n->count + 1) > n->room)
		grow(n);
	*place_of(n, st->st_dev, st->st_ino) =
		(struct inode_name){ st->st_dev, st->st_ino, xstrdup(name) };
	n->count++;
}
