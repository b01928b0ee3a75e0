#include "core/modes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/containers.h"
#include "core/words.h"
#include "json/text.h"

#define CONTAINER  "container:"
#define KEEP_ID    "keep-id"
#define JOIN_DEPTH 8 /* containers in the network of one that is in the network of one … */

const char *mode_container(const char *mode)
{
	return mode && str_starts(mode, CONTAINER) ? mode + strlen(CONTAINER) : NULL;
}

static void set_str(char **s, const char *value)
{
	char *copy = xstrdup(value);

	free(*s);
	*s = copy;
}

/* ---- user namespaces */

static int bad_userns(struct err *err, const char *mode)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid userns mode: %.200s", mode);
}

static int read_id(const char *option, const char *key, uid_t *ret)
{
	size_t n = strlen(key);
	uint64_t id;

	if (strncmp(option, key, n) != 0)
		return 0;
	if (str_to_u64(option + n, &id) < 0 || id > INT32_MAX)
		return -EINVAL;
	*ret = (uid_t)id;
	return 1;
}

int keep_id_read(const char *mode, uid_t *uid, gid_t *gid, struct err *err)
{
	const char *rest = mode && str_starts(mode, KEEP_ID) ? mode + strlen(KEEP_ID) : NULL;
	auto_strv char **options = NULL;

	if (!rest || (*rest && *rest != ':'))
		return 0;
	*uid = geteuid();
	*gid = getegid();
	options = *rest ? strv_split(rest + 1, ',') : NULL;
	for (char **o = options; o && *o; o++)
		if (read_id(*o, "uid=", uid) <= 0 && read_id(*o, "gid=", gid) <= 0)
			return bad_userns(err, mode);
	return 1;
}

static int settle_userns(struct host_config *h, const struct container_config *c, struct err *err)
{
	const char *label = jmap_get(c->labels, LABEL_USERNS);
	uid_t uid;
	gid_t gid;
	int r;

	if (str_empty(h->userns_mode))
		set_str(&h->userns_mode, label ? label : "");
	if (str_eq(h->userns_mode, "host"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.UsernsMode: \"host\" is not supported: without root containers live in "
			"a user namespace of yours");
	r = keep_id_read(h->userns_mode, &uid, &gid, err);
	if (r < 0)
		return r;
	return r == 0 && *h->userns_mode ? bad_userns(err, h->userns_mode) : 0;
}

/* ---- the others */

/* Empty means missing_is. */
static int settle_mode(char **mode, const char *missing_is, const char *const *allowed,
	bool container, const char *name, struct err *err)
{
	const char *other;

	if (str_empty(*mode))
		set_str(mode, missing_is);
	if (word_among(allowed, *mode))
		return 0;
	other = container ? mode_container(*mode) : NULL;
	if (!str_empty(other))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL, "invalid %s mode: %.200s", name, *mode);
}

static int settle_simple_modes(struct host_config *h, bool shareable_ipc, struct err *err)
{
	static const char *const pid[] = { "", "host", NULL };
	static const char *const uts[] = { "", "host", NULL };
	static const char *const cgroupns[] = { "private", "host", NULL };
	static const char *const ipc[] = { "private", "host", "none", "shareable", NULL };
	int r;

	r = settle_mode(&h->pid_mode, "", pid, true, "PID", err);
	if (r == 0)
		r = settle_mode(&h->uts_mode, "", uts, false, "UTS", err);
	if (r == 0)
		r = settle_mode(
			&h->cgroupns_mode, "private", cgroupns, false, "cgroup namespace", err);
	if (r == 0)
		r = settle_mode(&h->ipc_mode, shareable_ipc ? "shareable" : "private", ipc, true,
			"IPC", err);
	if (r < 0)
		return r;
	if (str_empty(h->isolation))
		set_str(&h->isolation, "");
	if (*h->isolation && !str_eq(h->isolation, "default"))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid isolation \"%.100s\": linux only supports \"default\"",
			h->isolation);
	return 0;
}

/* ---- network */

static int conflict(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, EINVAL, "conflicting options: %s", what);
}

static bool has_ports(const struct host_config *h)
{
	return h->publish_all_ports ||
		(h->port_bindings && json_object_object_length(h->port_bindings) > 0);
}

/* What a container in another's network cannot have of its own. */
static int check_joined_network(
	const struct host_config *h, const struct container_config *c, struct err *err)
{
	if (!*mode_container(h->network_mode))
		return err_set(err, ERR_INVALID, EINVAL,
			"Invalid network mode: invalid container format container:<name|id>");
	if (!str_empty(c->hostname))
		return conflict(err, "hostname and the network mode");
	if (h->dns)
		return conflict(err, "dns and the network mode");
	if (h->extra_hosts)
		return conflict(err, "custom host-to-IP mapping and the network mode");
	if (has_ports(h))
		return conflict(err, "port publishing and the container type network mode");
	if (c->exposed_ports && json_object_object_length(c->exposed_ports) > 0)
		return conflict(err, "port exposing and the container type network mode");
	return 0;
}

static int settle_ports(const struct host_config *h, char ***w, struct err *err)
{
	if (!has_ports(h))
		return 0;
	if (!str_eq(h->network_mode, "host"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.%s is not supported yet: there are no networks",
			h->publish_all_ports ? "PublishAllPorts" : "PortBindings");
	strv_add(w, "Published ports are discarded when using host network mode");
	return 0;
}

static int settle_network(
	struct host_config *h, const struct container_config *c, char ***w, struct err *err)
{
	if (str_empty(h->network_mode) || str_eq(h->network_mode, "default"))
		set_str(&h->network_mode, "bridge");
	if (mode_container(h->network_mode))
		return check_joined_network(h, c, err);
	if (str_eq(h->network_mode, "none") || str_eq(h->network_mode, "host"))
		return settle_ports(h, w, err);
	if (!str_eq(h->network_mode, "bridge"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.NetworkMode: \"%.200s\" is not supported yet", h->network_mode);
	if (!c->network_disabled)
		strv_add(w,
			"Networks are not supported yet: the container gets a private network "
			"with only a loopback interface.");
	return settle_ports(h, w, err);
}

int modes_settle(struct host_config *h, const struct container_config *c, bool shareable_ipc,
	char ***w, struct err *err)
{
	int r;

	r = settle_simple_modes(h, shareable_ipc, err);
	if (r == 0)
		r = settle_userns(h, c, err);
	if (r == 0)
		r = settle_network(h, c, w, err);
	if (r == 0 && str_eq(h->uts_mode, "host") && !str_empty(c->hostname))
		r = conflict(err, "hostname and the UTS mode");
	return r;
}

/* ---- joining */

static void name_by_id(struct core *c, char **mode)
{
	const char *other = mode_container(*mode);
	char id[ID_SIZE];

	if (!other || container_resolve(c, other, id, NULL) < 0)
		return;
	free(*mode);
	*mode = xasprintf(CONTAINER "%s", id);
}

void modes_name_by_id(struct core *c, struct host_config *h)
{
	name_by_id(c, &h->network_mode);
	name_by_id(c, &h->pid_mode);
	name_by_id(c, &h->ipc_mode);
}

static int check_up(const struct container *ct, bool net, struct err *err)
{
	if (ct->status.state == RUN_RESTARTING)
		return err_set(err, ERR_CONFLICT, EBUSY,
			"Container %s is restarting, wait until the container is running", ct->id);
	if (ct->status.state == RUN_RUNNING || ct->status.state == RUN_PAUSED)
		return 0;
	if (net)
		return err_set(err, ERR_CONFLICT, ESRCH,
			"cannot join network of a non running container: %s", ct->id);
	return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", ct->id);
}

/* mode: "container:X" or anything else. */
static int join_find(struct core *c, const char *mode, bool net, char **ret_folder,
	struct container **ret, struct err *err)
{
	auto_container struct container *other = NULL;
	const char *what = mode_container(mode);
	int r;

	if (!what)
		return 0;
	r = container_find(c, what, &other, err);
	if (r == 0)
		r = check_up(other, net, err);
	if (r < 0)
		return r;
	*ret_folder = xasprintf("%s/containers/%s", c->dirs.run_path, other->id);
	*ret = take_ptr(&other);
	return 0;
}

/* A network has the names of who made it, not of who joined it. */
static int find_names(struct core *c, struct container **owner, struct err *err)
{
	for (int depth = 0; *owner && depth < JOIN_DEPTH; depth++) {
		const char *what =
			mode_container(json_get_str((*owner)->host_config, "NetworkMode", ""));
		struct container *next;
		int r;

		if (!what)
			break;
		r = container_find(c, what, &next, err);
		if (r < 0)
			return r;
		container_free(*owner);
		*owner = next;
	}
	return 0;
}

/* Docker shares what lies in a folder of the engine's for that purpose. */
static int check_shareable(const struct container *other, struct err *err)
{
	const char *mode = json_get_str(other->host_config, "IpcMode", "");

	if (!str_eq(mode, "private") && !str_eq(mode, "none"))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL,
		"container %s: non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
		other->id);
}

int joins_find(struct core *c, const char *id, const struct host_config *h, struct joins *ret,
	struct err *err)
{
	auto_container struct container *ipc = NULL, *pid = NULL;
	auto_joins struct joins j = { 0 };
	const char *net = mode_container(h->network_mode);
	int r;

	if (net && str_eq(id, net))
		return err_set(err, ERR_INVALID, EINVAL, "cannot join own network");
	r = join_find(c, h->network_mode, true, &j.net, &j.names, err);
	if (r == 0)
		r = find_names(c, &j.names, err);
	if (r < 0)
		return r;
	r = join_find(c, h->ipc_mode, false, &j.ipc, &ipc, err);
	if (r == 0 && ipc)
		r = check_shareable(ipc, err);
	if (r < 0)
		return err_prefix(err, "failed to join IPC namespace");
	r = join_find(c, h->pid_mode, false, &j.pid, &pid, err);
	if (r < 0)
		return err_prefix(err, "failed to join PID namespace");
	*ret = j;
	j = (struct joins){ 0 };
	return 0;
}

void joins_clear(struct joins *j)
{
	free(j->net);
	free(j->pid);
	free(j->ipc);
	container_free(j->names);
	*j = (struct joins){ 0 };
}
