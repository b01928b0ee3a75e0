/* The first line is a path, the rest a .dockerignore. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "dockerfile/ignore.h"
#include "dockerfile/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_patterns(const char *text, const char *path)
{
	auto_strv char **lines = strv_split(text, '\n');

	for (char **l = lines; *l; l++) {
		auto_pattern struct pattern *p = NULL;
		struct err err = { 0 };

		if (pattern_compile(*l, true, &p, &err) < 0)
			assert(err.kind == ERR_INVALID && err.msg[0]);
		else if (pattern_match(p, path))
			assert(pattern_match_tree(p, path));
	}
}

/* Nothing is kept in a folder that is left out, unless the list says so. */
static void check_folder(const struct ignore *ig, const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	if (*folder && ignore_match(ig, folder) && !ignore_may_keep_below(ig, folder))
		assert(ignore_match(ig, path));
}

/* As a walk gives it: no empty parts, no "." and "..". */
static bool is_clean(const char *path)
{
	auto_strv char **parts = strv_split(path, '/');

	for (char **p = parts; *p; p++)
		if (!**p || str_eq(*p, ".") || str_eq(*p, ".."))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	const char *rest = text + strcspn(text, "\n");
	auto_free char *path = xstrndup(text, (size_t)(rest - text));
	auto_ignore struct ignore *ig = NULL;
	struct err err = { 0 };

	rest += *rest == '\n';
	if (!is_clean(path))
		return 0;
	check_patterns(rest, path);
	if (ignore_parse(rest, strlen(rest), ".dockerignore", &ig, &err) < 0)
		assert(err.kind == ERR_INVALID && err.msg[0]);
	else
		check_folder(ig, path);
	return 0;
}
