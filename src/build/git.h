/* build/git.h - files from a git repository, for a build's context and for ADD: URL#REF:FOLDER.
 *
 * The clone is made by the host's git(1): as the user, without hooks, templates, filters and the user's own
 * configuration, and only over http, https, ssh and git. One commit is fetched where the server can do that,
 * with its submodules, as Docker does it. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "build/build.h"

/* "https://host/x.git#branch:folder", "git@host:x", "ssh://…", "git://…", "github.com/…" */
bool git_is_url(const char *word);
/* Clones into the new folder `into` below the build's scratch folder and opens what the URL names of it.
 * The folder .git is only kept if that is wanted and no other folder is named. ERR_UNSUPPORTED without
 * git(1); ERR_INVALID with git's own words. */
int git_clone(struct build *b, const char *url, const char *into, bool keep_git, int *ret,
	struct err *err);
