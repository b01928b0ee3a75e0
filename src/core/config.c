#include "core/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/health.h"
#include "core/signals.h"
#include "json/text.h"

#define STOP_TIMEOUT_DEFAULT 10

/* clang-format off */
const struct jfield container_config_fields[] = {
	JSTR("Hostname", struct container_config, hostname),
	JSTR("Domainname", struct container_config, domainname),
	JSTR("User", struct container_config, user),
	JBOOL("AttachStdin", struct container_config, attach_stdin),
	JBOOL("AttachStdout", struct container_config, attach_stdout),
	JBOOL("AttachStderr", struct container_config, attach_stderr),
	JANY("ExposedPorts", struct container_config, exposed_ports, NULL),
	JBOOL("Tty", struct container_config, tty),
	JBOOL("OpenStdin", struct container_config, open_stdin),
	JBOOL("StdinOnce", struct container_config, stdin_once),
	JSTRV_NULL("Env", struct container_config, env),
	JWORDS("Cmd", struct container_config, cmd),
	JANY("Healthcheck", struct container_config, healthcheck, NULL),
	JIGNORE("ArgsEscaped", NULL),	/* Windows only */
	JSTR("Image", struct container_config, image),
	JANY("Volumes", struct container_config, volumes, "{}"),
	JSTR("WorkingDir", struct container_config, working_dir),
	JWORDS("Entrypoint", struct container_config, entrypoint),
	JBOOL("NetworkDisabled", struct container_config, network_disabled),
	JREFUSE("MacAddress", NULL),
	JIGNORE("OnBuild", "null"),	/* an image's business; means nothing for a container */
	JMAP("Labels", struct container_config, labels),
	JSTR("StopSignal", struct container_config, stop_signal),
	JINT64_OPT("StopTimeout", struct container_config, stop_timeout),
	JWORDS("Shell", struct container_config, shell),
	JEND,
};
/* clang-format on */

void container_config_clear(struct container_config *c)
{
	jfields_clear(container_config_fields, c);
}

static int check_health(const struct container_config *c, struct err *err)
{
	auto_healthcheck struct healthcheck h = { 0 };
	bool events;
	int r = healthcheck_read(c->healthcheck, &h, err);

	return r < 0 ? r : label_bool(c->labels, LABEL_HEALTH_EVENTS, true, &events, err);
}

static int check_env(char *const *env, struct err *err)
{
	for (; env && *env; env++)
		if (!**env || **env == '=')
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid environment variable: %s", *env);
	return 0;
}

static int check_hostname(const char *name, struct err *err)
{
	if (str_empty(name))
		return 0;
	if (strlen(name) > 63 || strpbrk(name, " \t\n/"))
		return err_set(err, ERR_INVALID, EINVAL, "invalid hostname format: %s", name);
	return 0;
}

int container_config_check(const struct container_config *c, struct err *err)
{
	int r, sig;

	if (!str_empty(c->working_dir) && *c->working_dir != '/')
		return err_set(err, ERR_INVALID, EINVAL,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			c->working_dir);
	if (c->stop_timeout != JINT_NONE && (c->stop_timeout < -1 || c->stop_timeout > INT32_MAX))
		return err_set(err, ERR_INVALID, ERANGE, "invalid StopTimeout: %lld",
			(long long)c->stop_timeout);
	if (!str_empty(c->stop_signal)) {
		r = signal_parse(c->stop_signal, &sig, err);
		if (r < 0)
			return r;
	}
	r = check_hostname(c->hostname, err);
	if (r == 0)
		r = check_env(c->env, err);
	return r < 0 ? r : check_health(c, err);
}

/* ---- the image's part */

static void inherit_str(char **mine, char **theirs)
{
	if (str_empty(*mine) && !str_empty(*theirs)) {
		free(*mine);
		*mine = take_ptr(theirs);
	}
}

static bool env_has(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=");

	for (; env && *env; env++)
		if (strncmp(*env, entry, n) == 0 && ((*env)[n] == '=' || (*env)[n] == '\0'))
			return true;
	return false;
}

static void merge_command(struct container_config *c, struct container_config *image)
{
	if (!c->entrypoint.given || !c->entrypoint.list) {
		if (!c->cmd.list) {
			strv_free(c->cmd.list);
			c->cmd = image->cmd;
			image->cmd = (struct jwords){ 0 };
		}
		if (!c->entrypoint.given) {
			c->entrypoint = image->entrypoint;
			image->entrypoint = (struct jwords){ 0 };
		}
	}
	/* [""] is how the CLI's --entrypoint "" asks for none; by now it has kept the image's Cmd out */
	if (strv_len(c->entrypoint.list) == 1 && !*c->entrypoint.list[0]) {
		strv_free(c->entrypoint.list);
		c->entrypoint = (struct jwords){ 0 };
	}
}

static void merge_object(json_object **mine, json_object *theirs)
{
	if (!theirs)
		return;
	if (!*mine)
		*mine = json_object_new_object();
	json_object_object_foreach(
		theirs, key, value) if (!json_object_object_get_ex(*mine, key, NULL))(void)
		json_object_object_add(*mine, key, json_object_get(value));
}

static void merge_fields(struct container_config *c, struct container_config *image)
{
	inherit_str(&c->user, &image->user);
	inherit_str(&c->working_dir, &image->working_dir);
	inherit_str(&c->stop_signal, &image->stop_signal);
	merge_object(&c->exposed_ports, image->exposed_ports);
	for (char **e = image->env; e && *e; e++)
		if (!env_has(c->env, *e))
			strv_add(&c->env, *e);
	for (char **l = image->labels; l && *l; l += 2)
		if (!jmap_get(c->labels, l[0])) {
			strv_add(&c->labels, l[0]);
			strv_add(&c->labels, l[1]);
		}
	if (!c->shell.given) {
		c->shell = image->shell;
		image->shell = (struct jwords){ 0 };
	}
	if (image->volumes && json_object_object_length(image->volumes))
		merge_object(&c->volumes, image->volumes);
	healthcheck_merge(&c->healthcheck, image->healthcheck);
}

/* Docker only says so in its log. */
static int warn_health(const struct container_config *c, char ***w, struct err *err)
{
	auto_healthcheck struct healthcheck h = { 0 };
	const char *unknown;
	int r = healthcheck_read(c->healthcheck, &h, err);

	if (r == 0 && !healthcheck_runs(&h, &unknown) && unknown)
		strv_add_take(w,
			xasprintf("Unknown healthcheck type '%.64s' (expected 'CMD'): no health "
				  "check will run.",
				unknown));
	return r;
}

int container_config_merge(
	struct container_config *c, json_object *image, char ***w, struct err *err)
{
	auto_container_config struct container_config from = { 0 };
	int r;

	if (image) {
		r = jfields_read(container_config_fields, image, "", &from, err);
		if (r < 0)
			return err_prefix(err, "configuration of image %s", c->image);
		merge_fields(c, &from);
	}
	r = warn_health(c, w, err);
	if (r < 0)
		return r;
	merge_command(c, &from);
	if (!c->entrypoint.list && !c->cmd.list)
		return err_set(err, ERR_INVALID, EINVAL, "no command specified");
	return 0;
}

int container_stop_timeout(const struct container_config *c)
{
	return c->stop_timeout == JINT_NONE ? STOP_TIMEOUT_DEFAULT : (int)c->stop_timeout;
}
