/* core/config.h - a container's configuration as structs: what a create request says (Docker's Config
 * and HostConfig), completed by the image and by Docker's defaults. The tables in config.c and
 * host_config.c say which members exist and which are refused.
 *
 * One life: read from the request, checked, completed, written to config.json; later read back from
 * there by the same tables. */
#pragma once

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "core/resources.h"
#include "json/field.h"

struct container_config {
	char *hostname, *domainname, *user;
	bool attach_stdin, attach_stdout, attach_stderr;
	json_object *exposed_ports;
	bool tty, open_stdin, stdin_once;
	char **env; /* as typed: an entry without '=' unsets */
	struct jwords cmd, entrypoint, shell;
	json_object *healthcheck, *volumes;
	char *image;
	char *working_dir;
	char **labels; /* map */
	char *stop_signal;
	int64_t stop_timeout; /* JINT_NONE: Docker's ten seconds */
	bool network_disabled;
};

struct restart_policy {
	char *name;
	int64_t max_retries;
};

struct log_config {
	char *type;
	char **options; /* map */
};

struct ulimit {
	char *name;
	int64_t soft, hard;
};

struct bind_options {
	char *propagation;
	bool non_recursive, create_mountpoint, ro_non_recursive, ro_force_recursive;
};

struct tmpfs_options {
	int64_t size, mode;
	json_object *options; /* lists of one word, or of two */
};

struct driver_config {
	char *name;
	json_object *options;
};

struct volume_options {
	bool no_copy;
	json_object *labels;
	struct driver_config driver;
	char *subpath;
};

/* An entry of HostConfig.Mounts. */
struct mount_spec {
	char *type, *source, *target, *consistency;
	bool read_only;
	json_object *bind_given, *tmpfs_given, *volume_given; /* the options as objects, or NULL */
};

/* In GroupAdd: the groups this user has on the host stay (podman's word). */
#define GROUPS_KEEP "keep-groups"

/* An entry of HostConfig.Devices. */
struct device_spec {
	char *on_host, *in_container, *permissions;
};

struct host_config {
	char **binds;
	char *container_id_file;
	struct log_config log;
	char *network_mode;
	json_object *port_bindings;
	bool publish_all_ports;
	struct restart_policy restart;
	bool auto_remove;
	char *volume_driver, **volumes_from;
	json_object *console_size;
	char **annotations; /* map */
	char **cap_add, **cap_drop;
	char *cgroupns_mode;
	char **dns, **dns_options, **dns_search, **extra_hosts, **group_add;
	char *ipc_mode;
	int64_t oom_score_adj;
	char *pid_mode;
	bool privileged, readonly_rootfs;
	char **security_opt;
	char **tmpfs; /* map */
	char *uts_mode, *userns_mode;
	int64_t shm_size;
	char **sysctls; /* map */
	char *runtime, *isolation;
	struct jlist devices; /* struct device_spec */
	struct resources resources;
	struct jlist ulimits; /* struct ulimit */
	struct jlist mounts;  /* struct mount_spec */
	struct jwords masked_paths, readonly_paths;
	int init; /* -1: not said */
};

extern const struct jfield restart_policy_fields[], container_config_fields[], host_config_fields[],
	mount_spec_fields[], bind_options_fields[], tmpfs_options_fields[], volume_options_fields[];

void container_config_clear(struct container_config *c);
void host_config_clear(struct host_config *h);
#define auto_container_config __attribute__((cleanup(container_config_clear)))
#define auto_host_config      __attribute__((cleanup(host_config_clear)))

/* What the request asks for and cannot have; then the image's part (image may be NULL). */
int container_config_check(const struct container_config *c, struct err *err);
int container_config_merge(
	struct container_config *c, json_object *image, char ***w, struct err *err);

/* Checks every field and fills in Docker's defaults. shareable_ipc: what an old API means by an empty
 * IpcMode. */
int host_config_settle(struct host_config *h, const struct container_config *c, bool shareable_ipc,
	char ***w, struct err *err);

/* For a container that exists already. */
int restart_policy_change(
	struct host_config *h, const struct restart_policy *policy, struct err *err);

/* Seconds between the stop signal and SIGKILL; -1: for ever. */
int container_stop_timeout(const struct container_config *c);
