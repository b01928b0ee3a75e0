#include "core/execs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/compile.h"
#include "core/container_state.h"
#include "core/detach_keys.h"
#include "state/plan.h"
#include "json/field.h"
#include "json/text.h"

#define UNSTARTED_MAX  1000 /* of one container */
#define UNSTARTED_TIME (600 * NSEC_PER_SEC)
#define COUNT_PAUSE    NSEC_PER_SEC

struct exec_request {
	char *user, *working_dir, *detach_keys;
	bool privileged, tty, attach_stdin, attach_stdout, attach_stderr;
	char **env;
	struct jwords cmd;
	json_object *console_size;
};

/* clang-format off */
static const struct jfield exec_fields[] = {
	JSTR("User", struct exec_request, user),
	JBOOL("Privileged", struct exec_request, privileged),
	JBOOL("Tty", struct exec_request, tty),
	JARRAY("ConsoleSize", struct exec_request, console_size, NULL),
	JBOOL("AttachStdin", struct exec_request, attach_stdin),
	JBOOL("AttachStdout", struct exec_request, attach_stdout),
	JBOOL("AttachStderr", struct exec_request, attach_stderr),
	JSTR("DetachKeys", struct exec_request, detach_keys),
	JSTRV("Env", struct exec_request, env),
	JSTR("WorkingDir", struct exec_request, working_dir),
	JWORDS("Cmd", struct exec_request, cmd),
	JIGNORE("Detach", NULL),	/* of the start request; old clients send it here too */
	JEND,
};
/* clang-format on */

static void exec_request_clear(struct exec_request *q)
{
	jfields_clear(exec_fields, q);
}
#define auto_exec_request __attribute__((cleanup(exec_request_clear)))

static int read_request(const char *body, struct exec_request *ret, struct err *err)
{
	auto_exec_request struct exec_request q = { 0 };
	auto_json json_object *doc = NULL;
	int r;

	r = json_parse(body, strlen(body), &doc, err);
	if (r == 0)
		r = jfields_read(exec_fields, doc, "", &q, err);
	if (r < 0)
		return r;
	if (!q.cmd.list)
		return err_set(err, ERR_INVALID, EINVAL, "no exec command specified");
	if (!str_empty(q.working_dir) && *q.working_dir != '/')
		return err_set(err, ERR_INVALID, EINVAL,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			q.working_dir);
	r = q.detach_keys ? detach_keys_check(q.detach_keys, err) : 0;
	if (r < 0)
		return r;
	*ret = q;
	q = (struct exec_request){ 0 };
	return 0;
}

static int check_state(const struct container *ct, struct err *err)
{
	switch (ct->status.state) {
	case RUN_RUNNING: return 0;
	case RUN_PAUSED:
		return err_set(err, ERR_CONFLICT, EBUSY,
			"Container %s is paused, unpause the container before exec", ct->id);
	case RUN_RESTARTING:
		return err_set(err, ERR_CONFLICT, EBUSY,
			"Container %s is restarting, wait until the container is running", ct->id);
	case RUN_CREATED:
	case RUN_REMOVING:
	case RUN_EXITED:
	case RUN_DEAD:
	case RUN_STATE_COUNT: break;
	}
	return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", ct->id);
}

/* ---- the plan */

static void add_client(struct buf *plan, const struct exec_request *q)
{
	if (q->tty)
		plan_add(plan, "tty");
	if (q->tty && q->console_size && json_object_array_length(q->console_size) == 2) {
		auto_free char *h = xasprintf(
			"%d", json_object_get_int(json_object_array_get_idx(q->console_size, 0)));
		auto_free char *w = xasprintf(
			"%d", json_object_get_int(json_object_array_get_idx(q->console_size, 1)));

		plan_add(plan, "console-size", h, w);
	}
	if (q->attach_stdin) {
		plan_add(plan, "open-stdin");
		plan_add(plan, "attach-stdin");
	}
	if (q->attach_stdout)
		plan_add(plan, "attach-stdout");
	if (q->attach_stderr)
		plan_add(plan, "attach-stderr");
	if (!str_empty(q->detach_keys))
		plan_add(plan, "detach-keys", q->detach_keys);
}

static int compile_exec(struct core *core, const struct container *ct, const char *id,
	const struct exec_request *q, struct buf *plan, struct err *err)
{
	auto_container_config struct container_config c = { 0 };
	auto_host_config struct host_config h = { 0 };
	auto_security struct security security = { 0 };
	auto_free char *profile = NULL;
	int r;

	r = compile_configs(ct, &c, &h, err);
	if (r == 0)
		r = security_read(h.security_opt, h.privileged, &security, err);
	if (r < 0)
		return r;
	if (security.profile) /* written when the container started */
		profile = xasprintf("%s/containers/%s/seccomp.json", core->dirs.data_path, ct->id);
	compile_identity(plan, ct);
	plan_add(plan, "exec-id", id);
	add_client(plan, q);
	compile_process(plan,
		&(struct process_spec){
			.cmd = q->cmd.list,
			.env = q->env,
			.user = q->user,
			.working_dir = q->working_dir,
			.privileged = q->privileged,
			.tty = q->tty,
		},
		&c, &h, profile, &security);
	if (plan->len > PLAN_MAX)
		return err_set(err, ERR_INVALID, E2BIG, "argument list too long");
	return 0;
}

/* ---- room */

static DIR *sessions_open(struct core *c, const char *container)
{
	char path[32 + ID_SIZE];
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%.64s/exec", container);
	fd = openat(c->dirs.run, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		(void)fd_close(fd);
	return dir;
}

/* Created, but not started: the monitor has not written its status, so it is ours still. */
static bool is_unstarted(int sessions, const char *id, int64_t *ret_created)
{
	char path[16 + ID_SIZE];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.64s/status", id);
	if (faccessat(sessions, path, F_OK, 0) == 0)
		return false;
	(void)snprintf(path, sizeof(path), "%.64s/plan", id);
	if (fstatat(sessions, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_created = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	return true;
}

/* Those nobody has started for long go; how many are left. */
static unsigned drop_forgotten(struct core *c, const char *container, DIR *sessions)
{
	int64_t created, now = time_now();
	unsigned left = 0;
	struct dirent *e;

	while ((e = readdir(sessions))) {
		if (!id_valid(e->d_name) || !is_unstarted(dirfd(sessions), e->d_name, &created))
			continue;
		if (created + UNSTARTED_TIME > now)
			left++;
		else
			dirs_exec_remove(&c->dirs, container, e->d_name);
	}
	return left;
}

static unsigned count_unstarted(struct core *c, const char *container)
{
	DIR *sessions = sessions_open(c, container);
	unsigned left;

	if (!sessions)
		return 0;
	left = drop_forgotten(c, container, sessions);
	(void)closedir(sessions);
	return left;
}

/* A client that creates and never starts must not fill the memory that holds the run folder. Counting
 * takes milliseconds when there are many, so it is done neither for each session that is granted nor
 * for each that is refused. */
static int make_room(struct core *c, const struct container *ct, struct err *err)
{
	bool known = str_eq(c->exec_room.container, ct->id);
	int64_t now = time_monotonic();

	if (!known || (c->exec_room.left == 0 && now >= c->exec_room.count_again)) {
		unsigned count = count_unstarted(c, ct->id);

		memcpy(c->exec_room.container, ct->id, ID_SIZE);
		c->exec_room.left = count < UNSTARTED_MAX ? UNSTARTED_MAX - count : 0;
		c->exec_room.count_again = now + COUNT_PAUSE;
	}
	if (c->exec_room.left == 0)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"container %s has %d exec sessions that were never started", ct->id,
			UNSTARTED_MAX);
	c->exec_room.left--;
	return 0;
}

/* ---- creating */

static int store(struct core *c, const struct container *ct, const char *id, const struct buf *plan,
	struct err *err)
{
	auto_fd int dir = dirs_exec(&c->dirs, ct->id, id, true);
	char path[16 + ID_SIZE];
	int r;

	if (dir < 0)
		return err_sys(err, dir, "make folder of exec %.12s", id);
	r = file_replace_at(dir, "plan", plan->data, plan->len, 0600, 0);
	if (r < 0)
		return err_sys(err, r, "write plan of exec %.12s", id);
	(void)snprintf(path, sizeof(path), "execs/%.64s", id);
	if (symlinkat(ct->id, c->dirs.run, path) < 0)
		return err_sys(err, errno, "link exec %.12s", id);
	return 0;
}

static void tell(struct core *c, const struct container *ct, const char *id, char *const *cmd)
{
	auto_buf struct buf action = { 0 }, more = { 0 };
	struct jsonw w = JSONW(&more);

	buf_adds(&action, "exec_create:");
	for (; *cmd; cmd++)
		buf_printf(&action, " %s", *cmd);
	jw_str(&w, "execID", id);
	container_event(c, ct, action.data, more.data);
}

int exec_create(
	struct core *c, const char *container, const char *body, struct buf *out, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_exec_request struct exec_request q = { 0 };
	auto_buf struct buf plan = { 0 };
	struct jsonw w = JSONW(out);
	char id[ID_SIZE];
	int r;

	r = read_request(body, &q, err);
	if (r == 0)
		r = container_find(c, container, &ct, err);
	if (r == 0)
		r = check_state(ct, err);
	if (r < 0)
		return r;
	id_new(id);
	r = make_room(c, ct, err);
	if (r == 0)
		r = compile_exec(c, ct, id, &q, &plan, err);
	if (r == 0)
		r = store(c, ct, id, &plan, err);
	if (r < 0)
		return r;
	tell(c, ct, id, q.cmd.list);
	jw_object(&w, NULL);
	jw_str(&w, "Id", id);
	jw_object_end(&w);
	return 0;
}

/* ---- looking */

static int not_found(struct err *err, const char *id)
{
	return err_set(err, ERR_NOT_FOUND, ENOENT, "No such exec instance: %s", id);
}

/* Whose exec it is, by the link. */
static int find_container(struct core *c, const char *id, char ret[ID_SIZE])
{
	char path[16 + ID_SIZE], target[ID_SIZE + 1];
	ssize_t n;

	if (!id_valid(id))
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "execs/%s", id);
	n = readlinkat(c->dirs.run, path, target, sizeof(target));
	if (n != ID_LEN)
		return -ENOENT;
	target[n] = '\0';
	memcpy(ret, target, ID_SIZE);
	return id_valid(ret) ? 0 : -ENOENT;
}

struct session {
	char container[ID_SIZE];
	struct plan plan;
	struct status status;
};

static void session_clear(struct session *s)
{
	plan_clear(&s->plan);
}
#define auto_session __attribute__((cleanup(session_clear)))

static int session_open(struct core *c, const char *id, struct session *ret, struct err *err)
{
	auto_session struct session s = { 0 };
	auto_fd int dir = FD_NONE;

	if (find_container(c, id, s.container) < 0)
		return not_found(err, id);
	dir = dirs_exec(&c->dirs, s.container, id, false);
	if (dir < 0 || plan_read(dir, "plan", &s.plan, NULL) < 0)
		return not_found(err, id);
	if (status_read(dir, FD_NONE, &s.status) < 0)
		return err_set(err, ERR_SYSTEM, EBADMSG, "status of exec %.12s is damaged", id);
	(void)status_settle(&s.status, true);
	*ret = s;
	s = (struct session){ 0 };
	return 0;
}

int exec_find(struct core *c, const char *id, struct exec *ret, struct err *err)
{
	auto_session struct session s = { 0 };
	int r = session_open(c, id, &s, err);

	if (r < 0)
		return r;
	*ret = (struct exec){
		.tty = plan_has(&s.plan, "tty"),
		.started = s.status.state != RUN_CREATED,
		.running = s.status.state == RUN_RUNNING,
		.attach_stdin = plan_has(&s.plan, "attach-stdin"),
		.attach_stdout = plan_has(&s.plan, "attach-stdout"),
		.attach_stderr = plan_has(&s.plan, "attach-stderr"),
	};
	memcpy(ret->id, id, ID_SIZE);
	memcpy(ret->container, s.container, ID_SIZE);
	return 0;
}

static void write_process(struct jsonw *w, const struct plan *p)
{
	auto_free const char **args = plan_words(p, "arg");

	jw_object(w, "ProcessConfig");
	jw_bool(w, "tty", plan_has(p, "tty"));
	jw_str(w, "entrypoint", args[0]);
	jw_strv(w, "arguments", (char *const *)(uintptr_t)(args[0] ? args + 1 : args));
	jw_bool(w, "privileged", plan_has(p, "privileged"));
	jw_str(w, "user", plan_get(p, "user", ""));
	jw_object_end(w);
}

int exec_inspect(struct core *c, const char *id, struct buf *out, struct err *err)
{
	auto_session struct session s = { 0 };
	struct jsonw w = JSONW(out);
	bool running;
	int r;

	r = session_open(c, id, &s, err);
	if (r < 0)
		return r;
	running = s.status.state == RUN_RUNNING;
	jw_object(&w, NULL);
	jw_str(&w, "ID", id);
	jw_bool(&w, "Running", running);
	if (s.status.state == RUN_EXITED || s.status.state == RUN_DEAD)
		jw_int(&w, "ExitCode", s.status.exit_code);
	else
		jw_null(&w, "ExitCode");
	write_process(&w, &s.plan);
	jw_bool(&w, "OpenStdin", plan_has(&s.plan, "attach-stdin"));
	jw_bool(&w, "OpenStderr", plan_has(&s.plan, "attach-stderr"));
	jw_bool(&w, "OpenStdout", plan_has(&s.plan, "attach-stdout"));
	jw_bool(&w, "CanRemove", !running && s.status.state != RUN_CREATED);
	jw_str(&w, "ContainerID", s.container);
	jw_str(&w, "DetachKeys", plan_get(&s.plan, "detach-keys", ""));
	jw_int(&w, "Pid", s.status.pid);
	jw_object_end(&w);
	return 0;
}

static bool is_live(struct core *c, const char *container, const char *id)
{
	auto_fd int dir = dirs_exec(&c->dirs, container, id, false);
	struct status st;

	if (dir < 0 || status_read(dir, FD_NONE, &st) < 0)
		return false;
	(void)status_settle(&st, false);
	return st.state != RUN_EXITED && st.state != RUN_DEAD;
}

char **exec_ids(struct core *c, const char *container)
{
	DIR *dir = sessions_open(c, container);
	char **ids = NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (id_valid(e->d_name) && is_live(c, container, e->d_name))
			strv_add(&ids, e->d_name);
	if (dir)
		(void)closedir(dir);
	return ids;
}
