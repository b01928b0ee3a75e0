/* api/handlers.h - one handler per operation, named after it; grouped by file. */
#pragma once

#include "api/request.h"

/* system.c */
handler_fn api_system_ping, api_system_version, api_system_info, api_system_events, api_system_auth,
	api_system_df;
/* containers.c, containers_run.c */
handler_fn api_container_list, api_container_create, api_container_inspect, api_container_logs,
	api_container_start, api_container_stop, api_container_restart, api_container_kill,
	api_container_rename, api_container_wait, api_container_attach,
	api_container_attach_websocket, api_container_resize, api_container_remove,
	api_container_prune, api_container_top;
/* containers_resources.c */
handler_fn api_container_stats, api_container_pause, api_container_unpause, api_container_update;
/* execs.c */
handler_fn api_exec_create, api_exec_start, api_exec_resize, api_exec_inspect;
/* images.c */
handler_fn api_image_list, api_image_inspect, api_image_attestations, api_image_history,
	api_image_tag, api_image_remove, api_image_prune, api_image_load, api_image_create,
	api_image_push, api_image_search, api_distribution_inspect;
/* archives.c */
handler_fn api_container_export, api_container_changes, api_image_commit, api_image_get,
	api_image_get_all;
/* copies.c */
handler_fn api_container_archive_info, api_container_archive, api_container_archive_put;
/* build.c */
handler_fn api_build, api_build_prune, api_buildkit;
/* networks.c, volumes.c */
handler_fn api_network_list, api_network_inspect, api_network_remove, api_network_prune;
handler_fn api_volume_list, api_volume_create, api_volume_inspect, api_volume_remove,
	api_volume_update, api_volume_prune;
/* refused.c: known to Docker's API, answered by a clear refusal that names the operation */
handler_fn api_not_supported, api_swarm_inactive, api_swarm_leave, api_swarm_refused,
	api_plugin_list, api_plugin_missing, api_plugin_refused;
