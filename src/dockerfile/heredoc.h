/* dockerfile/heredoc.h - <<EOF, <<-EOF and <<'EOF' as words of ADD, COPY and RUN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dockerfile/dockerfile.h"

/* Whether the word begins a heredoc; then *ret has all but its content. */
bool heredoc_word(const char *word, struct df_heredoc *ret);

/* Those that the words of a line begin, in order. */
int heredoc_find(const char *line, struct df_heredoc **ret, size_t *count, struct err *err);

void heredoc_clear(struct df_heredoc *h);
/* Takes the tabs away from the beginning of every line. */
char *heredoc_strip_tabs(const char *content);
