/* dockerfile/instruction.h - one line becomes an instruction. */
#pragma once

#include "dockerfile/dockerfile.h"
#include "dockerfile/lines.h"

/* Takes over l's heredocs. *stage_name is the name behind AS of a FROM, else NULL; it may be NULL where
 * there cannot be a FROM. On failure *ret owns nothing. */
int instruction_parse(struct line *l, char escape, struct df_instruction *ret, char **stage_name,
	struct err *err);
void instruction_clear(struct df_instruction *in);

/* ---- flags.c */

/* Sets in->flags from the leading flags of text; *rest follows them. */
int flags_parse(const char *text, struct df_instruction *in, const char **rest, struct err *err);
void flags_clear(struct df_flags *f);

/* ---- mount.c */

int mount_parse(const char *text, struct df_mount *ret, struct err *err);
/* Expands the fields and sets the typed members from them. */
int mount_expand(struct df_mount *m, char escape, df_lookup *lookup, void *arg, struct err *err);
void mount_clear(struct df_mount *m);

/* ---- health.c */

/* The options as flags, as "interval" and "30s". */
int health_option(struct df_health *h, const char *name, const char *value, struct err *err);
