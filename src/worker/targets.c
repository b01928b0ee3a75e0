#include "worker/targets.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

static const char *const always[] = { "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf", "proc",
	"sys" };

/* Whether a mount is at path, or (way) somewhere below it. */
static bool leads_to(const char *path, const char *target, bool way)
{
	size_t len = strlen(path);

	return strncmp(path, target, len) == 0 && target[len] == (way ? '/' : '\0');
}

static bool is_target(const struct targets *t, const char *path, bool way)
{
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (leads_to(path, always[i], way))
			return true;
	for (char *const *m = t->more; m && *m; m++)
		if (leads_to(path, *m, way))
			return true;
	return false;
}

/* A folder of the layers below that is in this layer, too: because of what was made in it, or because the
 * command has changed it. */
static bool is_as_below(const struct merged *tree, const char *path, const struct stat *st,
	const struct stat *below)
{
	auto_fd int fd = merged_open_folder(tree, 0, path);

	return fd >= 0 && !is_opaque(fd) && below->st_mode == st->st_mode &&
		below->st_uid == st->st_uid && below->st_gid == st->st_gid;
}

/* Recursion ends: targets are as deep as paths can be. */
static bool folder_left_out(
	const struct merged *tree, const struct targets *t, const char *path, const struct stat *st)
{
	auto_names struct merged_names n = { 0 };
	struct merged_at at;
	struct stat below;
	bool is_below = t->below && merged_stat(t->below, path, &below) == 0;

	if (!is_target(t, path, true) && (is_below || !is_target(t, path, false)))
		return false;
	if (is_below && !is_as_below(tree, path, st, &below))
		return false;
	merged_root(tree, &at);
	if (merged_list(tree, &at, path, &n) < 0)
		return false;
	for (size_t i = 0; i < n.count; i++) {
		auto_free char *inside = xasprintf("%s/%s", path, n.items[i].name);
		struct stat its;

		if (merged_stat(tree, inside, &its) < 0 || !target_left_out(tree, t, inside, &its))
			return false;
	}
	return n.count || !is_below;
}

bool target_left_out(
	const struct merged *tree, const struct targets *t, const char *path, const struct stat *st)
{
	struct stat below;

	if (S_ISDIR(st->st_mode))
		return folder_left_out(tree, t, path, st);
	return S_ISREG(st->st_mode) && st->st_size == 0 && is_target(t, path, false) &&
		!(t->below && merged_stat(t->below, path, &below) == 0);
}

/* The first folder on the way that is there for it alone goes with all there is in it. */
static void remove_target(const struct merged *tree, const struct targets *t, const char *target)
{
	for (const char *end = target; *end; end += *end == '/') {
		auto_free char *path = NULL;
		auto_fd int folder = FD_NONE;
		char *slash;
		struct stat st;

		end = strchrnul(end, '/');
		path = xstrndup(target, (size_t)(end - target));
		if (merged_stat(tree, path, &st) < 0)
			return;
		if (!target_left_out(tree, t, path, &st))
			continue;
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
		folder = merged_open_folder(tree, 0, slash ? path : "");
		if (folder >= 0)
			(void)tree_remove_at(folder, slash ? slash + 1 : path, NULL);
		return;
	}
}

void targets_remove(int dir, const struct targets *t)
{
	const struct merged tree = { .dirs = { dir }, .count = 1, .raw = true };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		remove_target(&tree, t, always[i]);
	for (char *const *m = t->more; m && *m; m++)
		remove_target(&tree, t, *m);
}
