/* dockerfile/dockerfile.h - the Dockerfile language: from text to instructions that can be carried out.
 *
 * Nothing here reads a file, a clock or the environment. The order of use:
 *
 *   dockerfile_parse()    text becomes stages and instructions; everything that is wrong regardless of
 *                         arguments is found here, with its line
 *   dockerfile_resolve()  build arguments become known: global ARGs get their values, FROM its base, and
 *                         names of stages become indices
 *   dockerfile_order()    the stages that a target takes, in order; the others are skipped
 *   df_expand()           just before an instruction is carried out: $VARIABLES, with the stage's
 *                         environment as it is by then
 *
 * The text is hostile; the limits below are errors that name themselves. All messages are ERR_INVALID in
 * BuildKit's words where it has some, ERR_UNSUPPORTED for what is known and not offered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DF_TEXT_MAX         (1024 * 1024)
#define DF_LINE_MAX         65535 /* as in BuildKit; without continuation lines */
#define DF_INSTRUCTIONS_MAX 4096  /* of all stages together */
#define DF_STAGES_MAX       256
#define DF_HEREDOCS_MAX     64            /* of one instruction */
#define DF_MOUNTS_MAX       64            /* of one instruction */
#define DF_VALUE_MAX        (1024 * 1024) /* of one word once it is expanded */

enum df_kind {
	DF_ADD,
	DF_ARG,
	DF_CMD,
	DF_COPY,
	DF_ENTRYPOINT,
	DF_ENV,
	DF_EXPOSE,
	DF_FROM,
	DF_HEALTHCHECK,
	DF_LABEL,
	DF_MAINTAINER,
	DF_ONBUILD,
	DF_RUN,
	DF_SHELL,
	DF_STOPSIGNAL,
	DF_USER,
	DF_VOLUME,
	DF_WORKDIR,
	DF_KINDS
};

const char *df_kind_name(enum df_kind kind); /* "ADD" */

/* ENV, LABEL, ARG. */
struct df_pair {
	char *name;
	char *value; /* NULL: ARG without a default */
};

struct df_heredoc {
	char *name;    /* the word that ends it */
	char *content; /* tabs already stripped after <<-; expanded by df_expand() for COPY and ADD */
	bool expand;   /* the name was not quoted */
	bool strip_tabs;
};

enum df_mount_type { DF_MOUNT_BIND, DF_MOUNT_CACHE, DF_MOUNT_TMPFS, DF_MOUNT_SECRET, DF_MOUNT_SSH };
enum df_sharing { DF_SHARED, DF_PRIVATE, DF_LOCKED };

/* One --mount of RUN. Typed members are right after df_expand(); before, those whose text holds a
 * variable are not. */
struct df_mount {
	enum df_mount_type type;
	char *target; /* NULL: not given (secret, ssh) */
	char *source; /* NULL: not given, the root of what it comes from */
	char *from; /* bind, cache: as written; NULL: the context (bind), an empty folder (cache) */
	int from_stage; /* after dockerfile_resolve(): index, or -1: an image, or no from at all */
	char *id; /* cache: NULL means the target; secret, ssh: NULL means "default" or by target */
	char *env; /* secret: as this variable; NULL: as a file */
	enum df_sharing sharing;
	bool read_only;
	bool required;
	int64_t size;     /* tmpfs: bytes, 0: no limit */
	int mode;         /* -1: not given. cache 0755, secret 0400 */
	int64_t uid, gid; /* 0: not given */
	char **fields;    /* "key=value" as written */
};

struct df_flags {
	char *platform;      /* FROM */
	char *from;          /* COPY: as written */
	int from_stage;      /* after dockerfile_resolve(): index, or -1: an image (or no --from) */
	char *chown, *chmod; /* ADD, COPY */
	char **exclude;      /* ADD, COPY: patterns */
	bool link;           /* ADD, COPY */
	char *checksum;      /* ADD */
	bool keep_git_dir;   /* ADD */
	int unpack;          /* ADD: -1 not given, else a boolean */
	char *network;       /* RUN: NULL, "default", "none" or "host" */
	struct df_mount *mounts; /* RUN */
	size_t mount_count;
};

/* HEALTHCHECK; the command is in words. */
struct df_health {
	bool none;
	int64_t interval, timeout, start_period, start_interval; /* ns; 0: not given */
	int64_t retries;                                         /* 0: not given */
};

struct df_instruction {
	enum df_kind kind;
	unsigned line, last_line; /* in the file, from 1, with continuation lines and heredocs */
	char *text;               /* for "Step k/n : TEXT": continuation lines joined */
	char escape;
	struct df_flags flags;

	/* ADD, COPY                     sources (without heredocs), then the destination: the last one
	 * CMD, ENTRYPOINT, RUN          exec: the words; else one word, the line for the shell with its
	 *                               heredocs in place. RUN with nothing but a heredoc: see script
	 * HEALTHCHECK CMD               the same; NONE: no words
	 * EXPOSE, VOLUME                one for each
	 * MAINTAINER, ONBUILD, STOPSIGNAL, USER, WORKDIR   one word
	 * SHELL                         the words
	 * FROM                          the base as written; with AS, the name is in the stage */
	char **words;
	bool exec;             /* words came from a JSON list */
	struct df_pair *pairs; /* ARG, ENV, LABEL */
	size_t pair_count;
	/* ADD, COPY: files to create, each called as its name; RUN: already part of words */
	struct df_heredoc *heredocs;
	size_t heredoc_count;
	/* RUN: the only word is the content of a heredoc that begins with "#!": a file, which BuildKit
	 * calls /dev/pipes/SCRIPT and gives the shell to run. script is the heredoc's name, else NULL. */
	char *script;
	struct df_health health;
};

struct df_stage {
	struct df_instruction
		from; /* its text, line, flags.platform; words[0]: the base as written */
	char *name;   /* lower case; NULL without AS */
	/* After dockerfile_resolve(): */
	char *base;     /* image reference, "scratch", or the name of an earlier stage */
	int base_stage; /* index of that stage, or -1 */
	char *platform; /* NULL: not given */
	struct df_instruction *items;
	size_t count;
};

struct dockerfile {
	char escape;
	struct df_instruction *args; /* ARGs before the first FROM */
	size_t arg_count;
	char **globals; /* after dockerfile_resolve(): "NAME=VALUE" of those that have a value, and the
			 * platform's; what "ARG NAME" without a default gives in a stage */
	struct df_stage *stages;
	size_t stage_count;
	char **warnings; /* for the build's output, one line each */
};

/* file is the name for messages ("Dockerfile"). *ret is freed with dockerfile_free(). */
int dockerfile_parse(
	const char *text, size_t len, const char *file, struct dockerfile **ret, struct err *err);
void dockerfile_free(struct dockerfile *f);
static inline void dockerfile_free_ptr(struct dockerfile **f)
{
	dockerfile_free(*f);
}
#define auto_dockerfile __attribute__((cleanup(dockerfile_free_ptr)))

/* All of "Step k/n": global ARGs, FROMs and instructions. */
size_t dockerfile_steps(const struct dockerfile *f);

/* Instructions without a file around them: an image's ONBUILD trigger, or --change of import and commit.
 * There may be none (empty text, comments). FROM is refused. */
struct df_list {
	struct df_instruction *items;
	size_t count;
};
int df_list_parse(const char *text, struct df_list *ret, struct err *err);
void df_list_free(struct df_list *l);
#define auto_df_list __attribute__((cleanup(df_list_free)))

/* ---- variables */

/* The value of a variable, or NULL if it is not set. Borrowed until the next call. */
typedef const char *df_lookup(void *arg, const char *name, size_t len);

/* One word: variables replaced, quotes and escapes removed. escape is "\\" or "`". */
int df_expand_word(
	const char *word, char escape, df_lookup *lookup, void *arg, char **ret, struct err *err);

/* Replaces the variables in all of an instruction where the language does so (not in RUN, CMD,
 * ENTRYPOINT, HEALTHCHECK, SHELL, which leave that to the shell, nor in ONBUILD). To be called once,
 * before the instruction is carried out, also when it has no variables: quotes go here as well. All
 * pairs of one ENV see the environment before it. */
int df_expand(struct df_instruction *in, df_lookup *lookup, void *arg, struct err *err);

/* ---- stages */

/* build_args gives --build-arg, platform_args is df_platform_args(). Evaluates global ARGs in order, then
 * every FROM. Once per file. */
int dockerfile_resolve(struct dockerfile *f, df_lookup *build_args, void *arg,
	char *const *platform_args, struct err *err);

/* The stage that --from of an instruction in stage `in` means: by name (without regard to case), the
 * nearest one before it, else one after it; by number. -1: none, so it is an image. ERR_INVALID for a number
 * without a stage. dockerfile_resolve() has done this for all that stands in the file; an ONBUILD trigger is
 * looked up by this. */
int dockerfile_find(
	const struct dockerfile *f, const char *from, size_t in, int *ret, struct err *err);

/* target: a name, a number, or NULL or "" for the last one. ERR_INVALID if there is none. */
int dockerfile_target(const struct dockerfile *f, const char *target, size_t *ret, struct err *err);

/* The stages that target takes, directly or through others (FROM, COPY --from, RUN --mount from=), and
 * target itself as the last one: each comes after all that it takes. order has room for stage_count. A
 * circle is ERR_INVALID. */
int dockerfile_order(
	const struct dockerfile *f, size_t target, size_t *order, size_t *count, struct err *err);
/* The stages that this one takes directly: it can start as soon as those are built. taken has room for
 * stage_count. */
void dockerfile_takes(const struct dockerfile *f, size_t stage, bool *taken);

/* ---- arguments that need no ARG */

/* HTTP_PROXY and its like: usable without ARG, in neither history nor cache key. */
bool df_arg_is_proxy(const char *name, size_t len);
/* TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT and the same with BUILD, as "NAME=VALUE". A
 * platform is "os/arch" or "os/arch/variant". Global: a stage sees them after "ARG TARGETARCH". */
char **df_platform_args(const char *build, const char *target);

/* ---- values */

/* The ports of an expanded EXPOSE as "80/tcp", ranges taken apart. */
int df_ports(char *const *words, char ***ret, struct err *err);

/* --chmod of ADD and COPY, expanded: "755", "0644", or symbolic, "u=rwX,go=rX". What a file of that mode
 * becomes. */
int df_chmod(const char *text, unsigned mode, bool is_dir, unsigned *ret, struct err *err);
