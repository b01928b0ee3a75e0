/* runtime/program.h - execvp(3)'s search, with reasons. */
#pragma once

/* Finds name in the folders of path_list (as it stands if it holds a slash). *ret is owned. -ENOENT,
 * -EACCES, -EISDIR, … if it cannot be executed; without a slash only -ENOENT, as the next folder may
 * have a better one. */
int program_search(const char *name, const char *path_list, char **ret);
