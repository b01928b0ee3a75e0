/* POST /containers/{id}/update: what may change after the creation, which is limits and the restart
 * policy. config.json first, for good; then the plan, for a monitor that lives. */
#include "core/containers.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "core/compile.h"
#include "core/config.h"
#include "core/container_state.h"
#include "core/delegation.h"
#include "core/records.h"
#include "core/restarts.h"
#include "json/text.h"

struct update {
	struct resources resources;
	struct restart_policy restart;
};

/* clang-format off */
static const struct jfield update_fields[] = {
	RESOURCE_FIELDS(struct update, resources.),
	JREFUSE("CgroupParent", NULL),
	JREFUSE("CpuRealtimePeriod", NULL),
	JREFUSE("CpuRealtimeRuntime", NULL),
	JREFUSE("Devices", NULL),
	JREFUSE("DeviceCgroupRules", NULL),
	JREFUSE("DeviceRequests", NULL),
	JIGNORE("KernelMemory", NULL),
	JIGNORE("KernelMemoryTCP", NULL),
	JREFUSE("Ulimits", NULL),
	JOBJECT("RestartPolicy", struct update, restart, struct restart_policy, restart_policy_fields),
	JEND,
};
/* clang-format on */

static void update_clear(struct update *u)
{
	jfields_clear(update_fields, u);
}
#define auto_update __attribute__((cleanup(update_clear)))

static int update_read(const char *body, struct update *ret, char ***w, struct err *err)
{
	auto_update struct update u = { 0 };
	auto_json json_object *doc = NULL;
	int r = json_parse(body, strlen(body), &doc, err);

	if (r == 0)
		r = jfields_read(update_fields, doc, "", &u, err);
	if (r == 0)
		r = resources_settle(&u.resources, true, w, err);
	if (r == 0 && !str_empty(u.restart.name))
		r = restart_policy_check(&u.restart, err);
	if (r < 0)
		return r;
	*ret = u;
	u = (struct update){ 0 };
	return 0;
}

static int check_state(const struct container *ct, struct err *err)
{
	if (ct->status.state != RUN_REMOVING && ct->status.state != RUN_DEAD)
		return 0;
	return err_set(err, ERR_CONFLICT, EBUSY,
		"Cannot update container %s: Container is marked for removal and cannot be \"update\".",
		ct->id);
}

static int change(struct host_config *h, struct update *u, char ***w, struct err *err)
{
	struct delegation delegation;
	int r = resources_change(&h->resources, &u->resources, err);

	if (r == 0 && !str_empty(u->restart.name))
		r = restart_policy_change(h, &u->restart, err);
	if (r < 0 || !resources_any(&u->resources))
		return r;
	delegation_read(&delegation);
	resources_warn(&u->resources, &delegation, w);
	return 0;
}

static int replace_host_config(
	struct core *c, const struct container *ct, const struct host_config *h, struct err *err)
{
	auto_fd int dir = dirs_container_data(&c->dirs, ct->id);
	auto_buf struct buf text = { 0 };
	struct jsonw w = JSONW(&text);
	json_object *host;
	int r;

	if (dir < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", ct->id);
	jw_object(&w, NULL);
	jfields_write(&w, host_config_fields, h);
	jw_object_end(&w);
	r = json_parse(text.data, text.len, &host, err);
	if (r < 0)
		return r;
	(void)json_object_object_add(ct->doc, "HostConfig", host);
	return record_replace(c, dir, ct->doc, err);
}

static int update_locked(struct core *c, const char *what, struct update *u, struct container **ret,
	char ***w, struct err *err)
{
	auto_container_config struct container_config config = { 0 };
	auto_host_config struct host_config h = { 0 };
	auto_container struct container *ct = NULL;
	int r = container_find(c, what, &ct, err);

	if (r == 0)
		r = check_state(ct, err);
	if (r == 0)
		r = compile_configs(ct, &config, &h, err);
	if (r == 0) {
		r = change(&h, u, w, err);
		if (r < 0)
			return err_prefix(err, "Cannot update container %s", ct->id);
		r = replace_host_config(c, ct, &h, err);
	}
	if (r < 0)
		return r;
	return container_find(c, ct->id, ret, err);
}

static void write_answer(struct buf *out, char *const *warnings)
{
	struct jsonw w = JSONW(out);

	jw_object(&w, NULL);
	jw_strv(&w, "Warnings", warnings);
	jw_object_end(&w);
}

int container_update(struct core *c, const char *what, const char *body, struct buf *out,
	struct container **ret, struct err *err)
{
	auto_container struct container *ct = NULL;
	auto_update struct update u = { 0 };
	auto_strv char **warnings = NULL;
	auto_fd int lock = FD_NONE;
	int r = update_read(body, &u, &warnings, err);

	if (r < 0)
		return r;
	lock = dirs_lock(&c->dirs);
	if (lock < 0)
		return err_sys(err, lock, "lock the data directory");
	r = update_locked(c, what, &u, &ct, &warnings, err);
	if (r == 0 && container_monitor_lives(c, ct->id))
		r = container_compile(c, ct, err);
	lock = fd_close(lock);
	if (r < 0)
		return r;
	container_event(c, ct, "update", NULL);
	write_answer(out, warnings);
	*ret = take_ptr(&ct);
	return 0;
}
