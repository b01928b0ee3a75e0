#include "build/git.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "worker/disk.h"
#include "worker/download.h"

#define PATIENCE  (600 * NSEC_PER_SEC) /* for one command */
#define LOOK      1000                 /* ms: how often the disk is looked at meanwhile */
#define SAID_MAX  2000                 /* what of its messages is kept */
#define NOT_FOUND 127                  /* exit code, as a shell's */

/* A URL, taken apart. */
struct source {
	char *url;
	char *ref;    /* branch, tag or commit; "HEAD" */
	char *folder; /* "": all of it */
};

static void source_clear(struct source *s)
{
	free(s->url);
	free(s->ref);
	free(s->folder);
}

bool git_is_url(const char *word)
{
	auto_free char *bare = xstrndup(word, strcspn(word, "#?"));

	return str_starts(word, "git://") || str_starts(word, "git@") ||
		str_starts(word, "ssh://") || str_starts(word, "github.com/") ||
		(url_is_http(word) && str_ends(bare, ".git"));
}

/* It becomes a word of a command line. */
static bool ref_valid(const char *ref)
{
	for (const char *c = ref; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("~^:?*[\\", *c))
			return false;
	return *ref != '-' && !strstr(ref, "..");
}

static int source_read(const char *word, struct source *ret, struct err *err)
{
	const char *hash = strchrnul(word, '#'), *fragment = *hash ? hash + 1 : hash;
	const char *colon = strchrnul(fragment, ':');
	bool bare = str_starts(word, "github.com/");

	*ret = (struct source){
		.url = xasprintf("%s%.*s", bare ? "https://" : "", (int)(hash - word), word),
		.ref = colon == fragment ? xstrdup("HEAD")
					 : xstrndup(fragment, (size_t)(colon - fragment)),
		.folder = xstrdup(*colon ? colon + 1 : ""),
	};
	if (!ref_valid(ret->ref))
		return err_set(err, ERR_INVALID, EINVAL, "invalid git reference: %.100s", ret->ref);
	return 0;
}

/* ---- one command */

static void add_kept(char ***env, const char *name)
{
	const char *value = getenv(name);

	if (value)
		strv_add_take(env, xasprintf("%s=%s", name, value));
}

/* Nothing of the user's configuration counts, but how to reach the net and who to be there. */
static char **environment(void)
{
	static const char *const kept[] = { "PATH", "HOME", "SSH_AUTH_SOCK", "http_proxy",
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR" };
	static const char *const set[] = { "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
		"GIT_ALLOW_PROTOCOL=http:https:ssh:git", "GIT_PROTOCOL_FROM_USER=0",
		"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=30",
		"GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME=60",
		"GIT_LFS_SKIP_SMUDGE=1" };
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		add_kept(&env, kept[i]);
	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		strv_add(&env, set[i]);
	return env;
}

static _Noreturn void execute(char *const *argv, char *const *env, int said)
{
	const struct rlimit size = { DOWNLOAD_MAX, DOWNLOAD_MAX };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	(void)setrlimit(RLIMIT_FSIZE, &size);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022);
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
		dup2(said, STDERR_FILENO) >= 0)
		(void)execvpe(argv[0], argv, env);
	_exit(errno == ENOENT ? NOT_FOUND : EXIT_FAILURE);
}

/* Until it is done: 0, or why it may not go on. */
static int attend(struct build *b, int said, struct buf *text)
{
	int64_t end = time_monotonic() + PATIENCE;
	char block[1024];

	while (time_monotonic() < end) {
		struct pollfd p = { .fd = said, .events = POLLIN };
		int n = poll(&p, 1, LOOK);

		if (disk_room(b->scratch.dir) < 0)
			return -ENOSPC;
		if (n <= 0)
			continue;
		n = (int)read(said, block, sizeof(block));
		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		if (n > 0 && text->len + (size_t)n <= SAID_MAX)
			buf_add(text, block, (size_t)n);
	}
	return -ETIMEDOUT;
}

/* What it said last, without its own "fatal: "; of a transport that failed, which git only says it did,
 * what that said before. Advice comes after an empty line. */
static const char *last_words(struct buf *text)
{
	static const char fatal[] = "fatal: ",
			  vague[] = "fatal: Could not read from remote repository.";
	char *advice = text->len ? strstr(text->data, "\n\n") : NULL, *line;

	if (advice)
		text->len = (size_t)(advice - text->data);
	while (text->len && text->data[text->len - 1] == '\n')
		text->len--;
	if (!text->len)
		return "it gave no reason";
	text->data[text->len] = '\0';
	line = strrchr(text->data, '\n');
	if (line && str_eq(line + 1, vague)) {
		*line = '\0';
		line = strrchr(text->data, '\n');
	}
	line = line ? line + 1 : text->data;
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return str_starts(line, fatal) ? line + strlen(fatal) : line;
}

static int failed(int why, int status, struct buf *text, struct err *err)
{
	if (why < 0)
		return err_sys(err, why, "git");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"git is not installed on the host: send the repository's files instead");
	return err_set(err, ERR_INVALID, EBADMSG, "%.300s", last_words(text));
}

/* git -C path WORD… */
static int run(struct build *b, const char *path, const char *const *words, struct err *err)
{
	auto_strv char **argv = NULL, **env = environment();
	auto_buf struct buf text = { 0 };
	int ends[2], status = 0, why;
	pid_t pid;

	strv_add(&argv, "git");
	strv_add(&argv, "-c");
	strv_add(&argv, "core.hooksPath=/dev/null");
	strv_add(&argv, "-C");
	strv_add(&argv, path);
	for (; *words; words++)
		strv_add(&argv, *words);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		execute(argv, env, ends[1]);
	(void)fd_close(ends[1]);
	why = pid < 0 ? -errno : attend(b, ends[0], &text);
	(void)fd_close(ends[0]);
	if (pid > 0 && why < 0)
		(void)kill(-pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return failed(why, status, &text, err);
}

#define RUN(...) run(b, path, (const char *const[]){ __VA_ARGS__, NULL }, err)

/* ---- the clone */

static bool is_hex(const char *ref)
{
	return strlen(ref) >= 7 && !ref[strspn(ref, "0123456789abcdef")];
}

/* Not every server can give a single commit, and not every one by its name. */
static int fetch(struct build *b, const char *path, const struct source *s, struct err *err)
{
	int r = RUN("fetch", "-q", "--depth", "1", "origin", s->ref);

	if (r == -EBADMSG)
		r = RUN("fetch", "-q", "origin", s->ref);
	if (r == 0)
		return RUN("checkout", "-q", "FETCH_HEAD");
	if (r != -EBADMSG || !is_hex(s->ref))
		return r;
	r = RUN("fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*");
	return r < 0 ? r : RUN("checkout", "-q", s->ref);
}

static int clone(
	struct build *b, const char *path, int dir, const struct source *s, struct err *err)
{
	int r = RUN("-c", "init.defaultBranch=none", "init", "-q", "--template=");

	if (r == 0)
		r = RUN("remote", "add", "origin", s->url);
	if (r == 0)
		r = fetch(b, path, s, err);
	if (r == 0 && faccessat(dir, ".gitmodules", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = RUN("submodule", "-q", "update", "--init", "--recursive", "--depth", "1");
	return r;
}

static int open_folder(int dir, const struct source *s, int *ret, struct err *err)
{
	int fd = path_open_in_root(dir, *s->folder ? s->folder : ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return err_set(
			err, ERR_INVALID, -fd, "%.100s is no folder of the repository", s->folder);
	*ret = fd;
	return 0;
}

int git_clone(struct build *b, const char *url, const char *into, bool keep_git, int *ret,
	struct err *err)
{
	__attribute__((cleanup(source_clear))) struct source s = { 0 };
	auto_free char *path = xasprintf("%s/%s", b->scratch.path, into);
	auto_fd int dir = dir_open_make_at(b->scratch.dir, into, 0755);
	int r = source_read(url, &s, err);

	if (r == 0 && dir < 0)
		r = err_sys(err, dir, "make a folder for the repository");
	if (r == 0)
		r = clone(b, path, dir, &s, err);
	if (r == 0 && (!keep_git || *s.folder))
		r = tree_remove_at(dir, ".git", NULL) < 0
			? err_set(err, ERR_SYSTEM, EIO, "the clone cannot be cleaned")
			: 0;
	if (r == 0)
		r = open_folder(dir, &s, ret, err);
	return r < 0 ? err_prefix(err, "unable to clone %.150s", url) : 0;
}
