/* dockerfile/lines.h - from the text of a Dockerfile to instructions as lines: continuation lines joined,
 * comments left out, heredocs taken along, parser directives obeyed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dockerfile/dockerfile.h"

struct line {
	unsigned first, last; /* numbers in the file */
	char *text;           /* without blanks around it */
	struct df_heredoc *heredocs;
	size_t heredoc_count;
	bool gap; /* there were empty lines inside */
};

/* Zero but for text and end. */
struct lines {
	const char *p, *end;
	unsigned line; /* number of the one read last */
	char escape;
	bool directives_done;
	unsigned directives_seen;
};

void lines_begin(struct lines *s, const char *text, size_t len);
/* 1 and the next instruction, to be cleared; 0 at the end. Failures begin with "dockerfile parse error on
 * line N: ". */
int lines_next(struct lines *s, struct line *ret, struct err *err);
void line_clear(struct line *l);
#define auto_line __attribute__((cleanup(line_clear)))

/* Puts where it happened before the message. */
int lines_error(struct err *err, unsigned line);
