/* GET /containers/{id}/json: everything any client reads, whatever API version it speaks. */
#include "core/containers.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "core/container_state.h"
#include "core/execs.h"
#include "core/health.h"
#include "core/images.h"
#include "core/networks.h"
#include "core/records.h"
#include "json/text.h"

static void write_state(struct jsonw *w, const struct status *st, int run_dir)
{
	bool up =
		st->state == RUN_RUNNING || st->state == RUN_PAUSED || st->state == RUN_RESTARTING;

	jw_object(w, "State");
	jw_str(w, "Status", run_state_name(st->state));
	jw_bool(w, "Running", up);
	jw_bool(w, "Paused", st->state == RUN_PAUSED);
	jw_bool(w, "Restarting", st->state == RUN_RESTARTING);
	jw_bool(w, "OOMKilled", st->oom_killed);
	jw_bool(w, "Dead", st->state == RUN_DEAD);
	jw_int(w, "Pid", up ? st->pid : 0);
	jw_int(w, "ExitCode", up && st->state != RUN_RESTARTING ? 0 : st->exit_code);
	jw_str(w, "Error", st->error);
	jw_time(w, "StartedAt", st->started);
	jw_time(w, "FinishedAt", st->finished);
	totals_write(w, &st->totals);
	health_write(w, st, run_dir);
	jw_object_end(w);
}

/* The overlay as it is mounted while the container runs. */
static void write_graph_driver(
	struct jsonw *w, struct core *c, const struct container *ct, const char *folder)
{
	auto_buf struct buf lower = { 0 };
	auto_free char *upper = xasprintf("%s/upper", folder), *work = xasprintf("%s/work", folder);

	for (size_t i = strv_len(ct->diff_ids); i > 0; i--) {
		auto_free char *path = NULL;

		if (image_layer_path(c, ct->diff_ids[i - 1], &path, NULL) == 0)
			buf_printf(&lower, "%s%s", lower.len ? ":" : "", path);
	}
	jw_object(w, "GraphDriver");
	jw_object(w, "Data");
	jw_str(w, "ID", ct->id);
	jw_str(w, "LowerDir", lower.data);
	jw_str(w, "MergedDir", ""); /* seen by the container alone */
	jw_str(w, "UpperDir", upper);
	jw_str(w, "WorkDir", work);
	jw_object_end(w);
	jw_str(w, "Name", "overlay2");
	jw_object_end(w);
}

static void write_file_path(struct jsonw *w, const char *key, const char *folder, const char *file)
{
	auto_free char *path = xasprintf("%s/%s", folder, file);

	jw_str(w, key, path);
}

static void write_paths(struct jsonw *w, const struct container *ct, const char *folder)
{
	auto_free char *log = xasprintf("%s-json.log", ct->id);
	bool logged = str_eq(
		json_get_str(json_get(ct->host_config, "LogConfig"), "Type", ""), "json-file");

	write_file_path(w, "ResolvConfPath", folder, "resolv.conf");
	write_file_path(w, "HostnamePath", folder, "hostname");
	write_file_path(w, "HostsPath", folder, "hosts");
	if (logged)
		write_file_path(w, "LogPath", folder, log);
	else
		jw_str(w, "LogPath", "");
}

static void write_exec_ids(struct jsonw *w, struct core *c, const char *id)
{
	auto_strv char **ids = exec_ids(c, id);

	if (ids)
		jw_strv(w, "ExecIDs", ids);
	else
		jw_null(w, "ExecIDs");
}

static void write_container(struct jsonw *w, struct core *c, const struct container *ct, bool size)
{
	auto_free char *folder = xasprintf("%s/containers/%s", c->dirs.data_path, ct->id);
	auto_free char *name = xasprintf("/%s", ct->name);
	auto_fd int run = dirs_container_run(&c->dirs, ct->id, false);

	jw_str(w, "Id", ct->id);
	json_write(w, "Created", json_get(ct->doc, "Created"));
	json_write(w, "Path", json_get(ct->doc, "Path"));
	json_write(w, "Args", json_get(ct->doc, "Args"));
	write_state(w, &ct->status, run);
	jw_str(w, "Image", ct->image_id);
	write_paths(w, ct, folder);
	jw_str(w, "Name", name);
	jw_int(w, "RestartCount", ct->status.restart_count);
	jw_str(w, "Driver", "overlay2");
	jw_str(w, "Platform", "linux");
	jw_str(w, "MountLabel", "");
	jw_str(w, "ProcessLabel", "");
	jw_str(w, "AppArmorProfile", "");
	write_exec_ids(w, c, ct->id);
	json_write(w, "HostConfig", ct->host_config);
	write_graph_driver(w, c, ct, folder);
	if (size) {
		int64_t rw = container_size_rw(c, ct->id);

		jw_int(w, "SizeRw", rw);
		jw_int(w, "SizeRootFs", container_size_root(c, ct, rw));
	}
	if (json_get(ct->doc, "Mounts"))
		json_write(w, "Mounts", json_get(ct->doc, "Mounts"));
	else
		jw_raw(w, "Mounts", "[]");
	json_write(w, "Config", ct->config);
	network_settings_write(
		w, "NetworkSettings", json_get_str(ct->host_config, "NetworkMode", "bridge"));
}

int container_inspect(struct core *c, const char *what, bool size, struct buf *out, struct err *err)
{
	auto_container struct container *ct = NULL;
	struct jsonw w = JSONW(out);
	int r;

	r = container_find(c, what, &ct, err);
	if (r < 0)
		return r;
	jw_object(&w, NULL);
	write_container(&w, c, ct, size);
	jw_object_end(&w);
	return 0;
}
