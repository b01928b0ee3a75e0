/* state/logrecord.h - one line of a json-file log, ours or Docker's: any order of members, any blanks,
 * any escapes, members nobody asked for. */
#pragma once

#include "state/logfile.h"

/* Remembers what followed the last record's text, since neighbours mostly have the same stream and
 * time. Zero-initialised is ready. */
struct log_decoder {
	char tail[256];
	size_t tail_len;
	struct log_record tail_says; /* its pointers lead nowhere */
	size_t attrs_at;             /* of its attributes, in the tail */
};

/* Decodes a line without its newline. The text is decoded over itself, so line is changed and the
 * record points into it. False if it is no record, for instance torn by a crash. */
bool log_decode(struct log_decoder *d, char *line, size_t len, struct log_record *ret);
