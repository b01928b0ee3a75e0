#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/caps.h"
#include "core/config.h"
#include "core/devices.h"
#include "core/log_config.h"
#include "core/modes.h"
#include "core/restarts.h"
#include "core/rlimits.h"
#include "core/runtimes.h"
#include "core/security.h"
#include "core/words.h"
#include "json/text.h"

#define SHM_SIZE_DEFAULT (INT64_C(64) << 20)

/* clang-format off */
static const struct jfield log_config_fields[] = {
	JSTR("Type", struct log_config, type),
	JMAP("Config", struct log_config, options),
	JEND,
};

const struct jfield restart_policy_fields[] = {
	JSTR("Name", struct restart_policy, name),
	JINT64("MaximumRetryCount", struct restart_policy, max_retries),
	JEND,
};

static const struct jfield ulimit_fields[] = {
	JSTR("Name", struct ulimit, name),
	JINT64("Hard", struct ulimit, hard),
	JINT64("Soft", struct ulimit, soft),
	JEND,
};

static const struct jfield device_fields[] = {
	JSTR("PathOnHost", struct device_spec, on_host),
	JSTR("PathInContainer", struct device_spec, in_container),
	JSTR("CgroupPermissions", struct device_spec, permissions),
	JEND,
};

const struct jfield bind_options_fields[] = {
	JSTR("Propagation", struct bind_options, propagation),
	JBOOL("NonRecursive", struct bind_options, non_recursive),
	JBOOL("CreateMountpoint", struct bind_options, create_mountpoint),
	JBOOL("ReadOnlyNonRecursive", struct bind_options, ro_non_recursive),
	JBOOL("ReadOnlyForceRecursive", struct bind_options, ro_force_recursive),
	JEND,
};

static const struct jfield driver_config_fields[] = {
	JSTR("Name", struct driver_config, name),
	JANY("Options", struct driver_config, options, NULL),
	JEND,
};

const struct jfield volume_options_fields[] = {
	JBOOL("NoCopy", struct volume_options, no_copy),
	JANY("Labels", struct volume_options, labels, NULL),
	JOBJECT("DriverConfig", struct volume_options, driver, struct driver_config, driver_config_fields),
	JSTR("Subpath", struct volume_options, subpath),
	JEND,
};

const struct jfield tmpfs_options_fields[] = {
	JINT64("SizeBytes", struct tmpfs_options, size),
	JINT64("Mode", struct tmpfs_options, mode),
	JARRAY("Options", struct tmpfs_options, options, NULL),
	JEND,
};

const struct jfield mount_spec_fields[] = {
	JSTR("Type", struct mount_spec, type),
	JSTR("Source", struct mount_spec, source),
	JSTR("Target", struct mount_spec, target),
	JBOOL("ReadOnly", struct mount_spec, read_only),
	JSTR("Consistency", struct mount_spec, consistency), /* for macOS; recorded */
	JANY("BindOptions", struct mount_spec, bind_given, NULL),
	JANY("TmpfsOptions", struct mount_spec, tmpfs_given, NULL),
	JANY("VolumeOptions", struct mount_spec, volume_given, NULL),
	JEND,
};

const struct jfield host_config_fields[] = {
	JSTRV_NULL("Binds", struct host_config, binds),
	JSTR("ContainerIDFile", struct host_config, container_id_file),
	JOBJECT("LogConfig", struct host_config, log, struct log_config, log_config_fields),
	JSTR("NetworkMode", struct host_config, network_mode),
	JANY("PortBindings", struct host_config, port_bindings, "{}"),
	JOBJECT("RestartPolicy", struct host_config, restart, struct restart_policy, restart_policy_fields),
	JBOOL("AutoRemove", struct host_config, auto_remove),
	JSTR("VolumeDriver", struct host_config, volume_driver),
	JSTRV_NULL("VolumesFrom", struct host_config, volumes_from),
	JARRAY("ConsoleSize", struct host_config, console_size, "[0,0]"),
	JMAP_OMIT("Annotations", struct host_config, annotations),
	JSTRV_NULL("CapAdd", struct host_config, cap_add),
	JSTRV_NULL("CapDrop", struct host_config, cap_drop),
	JSTR("CgroupnsMode", struct host_config, cgroupns_mode),
	JSTRV("Dns", struct host_config, dns),
	JSTRV("DnsOptions", struct host_config, dns_options),
	JSTRV("DnsSearch", struct host_config, dns_search),
	JSTRV_NULL("ExtraHosts", struct host_config, extra_hosts),
	JSTRV_NULL("GroupAdd", struct host_config, group_add),
	JSTR("IpcMode", struct host_config, ipc_mode),
	JREFUSE("Cgroup", "\"\""),
	JREFUSE_WHY("Links", "null", "there are no networks yet"),
	JINT64("OomScoreAdj", struct host_config, oom_score_adj),
	JSTR("PidMode", struct host_config, pid_mode),
	JBOOL("Privileged", struct host_config, privileged),
	JBOOL("PublishAllPorts", struct host_config, publish_all_ports),
	JBOOL("ReadonlyRootfs", struct host_config, readonly_rootfs),
	JSTRV_NULL("SecurityOpt", struct host_config, security_opt),
	JREFUSE_WHY("StorageOpt", NULL, "size takes project quotas, which only root of the host may set; a mount "
		    "of type tmpfs can have a size"),
	JMAP_OMIT("Tmpfs", struct host_config, tmpfs),
	JSTR("UTSMode", struct host_config, uts_mode),
	JSTR("UsernsMode", struct host_config, userns_mode),
	JINT64("ShmSize", struct host_config, shm_size),
	JMAP_OMIT("Sysctls", struct host_config, sysctls),
	JSTR("Runtime", struct host_config, runtime),
	JSTR("Isolation", struct host_config, isolation),
	RESOURCE_FIELDS(struct host_config, resources.),
	JREFUSE_WHY("CgroupParent", "\"\"", "each container has a scope of its own in dayfly.slice of the user's systemd"),
	JREFUSE_WHY("CpuRealtimePeriod", "0", "kernel does not support CPU real-time scheduler"),
	JREFUSE_WHY("CpuRealtimeRuntime", "0", "kernel does not support CPU real-time scheduler"),
	JLIST("Devices", struct host_config, devices, struct device_spec, device_fields),
	JREFUSE_WHY("DeviceCgroupRules", "null", "device rules of a cgroup take root on the host"),
	JREFUSE_WHY("DeviceRequests", "null", "there are no device drivers (--gpus); Devices shows single ones"),
	JIGNORE("KernelMemory", NULL),	/* gone with API 1.42 and from the kernel */
	JIGNORE("KernelMemoryTCP", NULL),
	JLIST("Ulimits", struct host_config, ulimits, struct ulimit, ulimit_fields),
	JIGNORE("CpuCount", "0"),	/* this and the next three: Windows only */
	JIGNORE("CpuPercent", "0"),
	JIGNORE("IOMaximumIOps", "0"),
	JIGNORE("IOMaximumBandwidth", "0"),
	{ .key = "Mounts", .type = J_LIST, .offset = J_IS(struct host_config, mounts, struct jlist),
	  .fields = mount_spec_fields, .size = sizeof(struct mount_spec) },
	JNULLSTRV("MaskedPaths", struct host_config, masked_paths),
	JNULLSTRV("ReadonlyPaths", struct host_config, readonly_paths),
	JBOOL_OPT("Init", struct host_config, init),
	JEND,
};

static const char *const default_masked[] = {
	"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	"/sys/devices/virtual/powercap", NULL,
};

static const char *const default_readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};
/* clang-format on */

void host_config_clear(struct host_config *h)
{
	jfields_clear(host_config_fields, h);
}

static void set_str(char **s, const char *value)
{
	char *copy = xstrdup(value);

	free(*s);
	*s = copy;
}

static int settle_restart(struct host_config *h, struct err *err)
{
	int r = restart_policy_check(&h->restart, err);

	if (r == 0 && h->auto_remove && !str_eq(h->restart.name, "no"))
		r = err_set(err, ERR_INVALID, EINVAL,
			"can't create 'AutoRemove' container with restart policy");
	return r;
}

int restart_policy_change(
	struct host_config *h, const struct restart_policy *policy, struct err *err)
{
	if (h->auto_remove && !str_eq(policy->name, "no"))
		return err_set(err, ERR_CONFLICT, EINVAL,
			"Restart policy cannot be updated because AutoRemove is enabled for the "
			"container");
	set_str(&h->restart.name, policy->name);
	h->restart.max_retries = policy->max_retries;
	return settle_restart(h, err);
}

static int check_dns(const struct host_config *h, struct err *err)
{
	unsigned char addr[16];

	for (char **d = h->dns; d && *d; d++)
		if (inet_pton(AF_INET, *d, addr) != 1 && inet_pton(AF_INET6, *d, addr) != 1)
			return err_set(err, ERR_INVALID, EINVAL, "invalid IP address: %s", *d);
	for (char **s = h->dns_search; s && *s; s++)
		if (strpbrk(*s, " \t\r\n"))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid DNS search domain: %s", *s);
	for (char **o = h->dns_options; o && *o; o++)
		if (strpbrk(*o, "\r\n"))
			return err_set(err, ERR_INVALID, EINVAL, "invalid DNS option: %s", *o);
	return 0;
}

/* NAME:ADDRESS, as it goes to etc/hosts. */
static int check_extra_hosts(char *const *hosts, const char *network, char ***w, struct err *err)
{
	unsigned char raw[16];

	for (; hosts && *hosts; hosts++) {
		const char *colon = strchr(*hosts, ':');
		auto_free char *addr = NULL;
		size_t n;

		if (!colon || colon == *hosts || strpbrk(*hosts, " \t\r\n"))
			return err_set(err, ERR_INVALID, EINVAL, "bad format for add-host: \"%s\"",
				*hosts);
		if (str_eq(colon + 1, "host-gateway")) {
			if (!str_eq(network, "host"))
				strv_add_take(w,
					xasprintf("The host has no address in this container's "
						  "network: \"%s\" is left out of its hosts file.",
						*hosts));
			continue;
		}
		n = strlen(colon + 1);
		addr = colon[1] == '[' && colon[n] == ']' ? xstrndup(colon + 2, n - 2)
							  : xstrdup(colon + 1);
		if (inet_pton(AF_INET, addr, raw) != 1 && inet_pton(AF_INET6, addr, raw) != 1)
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid IP address in add-host: \"%s\"", colon + 1);
	}
	return 0;
}

/* A container may only turn what its own namespaces hold; the words are those of Docker's runtime. */
static int check_sysctl(
	const struct host_config *h, const char *key, const char *value, struct err *err)
{
	static const char *const ipc[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced", NULL };
	bool plain = !strstr(key, "..") && !strchr(key, '/') && !strchr(value, '\n');

	if (plain && (word_among(ipc, key) || str_starts(key, "fs.mqueue.")))
		return !str_eq(h->ipc_mode, "host")
			? 0
			: err_set(err, ERR_INVALID, EINVAL,
				  "sysctl \"%s\" is not allowed in the hosts ipc namespace", key);
	if (plain && str_starts(key, "net."))
		return !str_eq(h->network_mode, "host")
			? 0
			: err_set(err, ERR_INVALID, EINVAL,
				  "sysctl \"%s\" not allowed in host network namespace", key);
	if (str_eq(key, "kernel.hostname"))
		return err_set(err, ERR_INVALID, EINVAL,
			"sysctl \"%s\" is not allowed as it conflicts with the OCI \"hostname\" field",
			key);
	if (str_eq(key, "kernel.domainname") && !str_eq(h->uts_mode, "host"))
		return 0;
	return err_set(err, ERR_INVALID, EINVAL,
		"sysctl \"%s\" is not in a separate kernel namespace", key);
}

static int check_sysctls(const struct host_config *h, struct err *err)
{
	int r = 0;

	for (char **s = h->sysctls; r == 0 && s && *s; s += 2)
		r = check_sysctl(h, s[0], s[1], err);
	return r;
}

static int check_console_size(json_object *size, struct err *err)
{
	if (!size)
		return 0;
	if (json_object_array_length(size) != 2)
		goto bad;
	for (size_t i = 0; i < 2; i++) {
		json_object *n = json_object_array_get_idx(size, i);

		if (!json_object_is_type(n, json_type_int) || json_object_get_int64(n) < 0 ||
			json_object_get_int64(n) > UINT16_MAX)
			goto bad;
	}
	return 0;
bad:
	return err_set(err, ERR_INVALID, EINVAL,
		"invalid JSON: HostConfig.ConsoleSize must be [height, width]");
}

/* "keep-groups" (podman's word) leaves the process in the groups this user has on the host. */
static int check_groups(char *const *groups, struct err *err)
{
	if (strv_len(groups) > 1 && strv_has(groups, GROUPS_KEEP))
		return err_set(err, ERR_INVALID, EINVAL,
			"HostConfig.GroupAdd: \"" GROUPS_KEEP
			"\" cannot be combined with other groups");
	return 0;
}

/* Lowering takes a privilege on the host; Docker's rootless mode raises such a wish without a word. */
static void warn_oom_score(const struct host_config *h, char ***w)
{
	int own = proc_oom_score_adj();

	if (h->oom_score_adj && h->oom_score_adj < own)
		strv_add_take(w,
			xasprintf("OomScoreAdj %lld is below the engine's own, which only root of "
				  "the host may go below: it will be %d.",
				(long long)h->oom_score_adj, own));
}

static int check_rest(struct host_config *h, char ***w, struct err *err)
{
	if (h->shm_size < 0)
		return err_set(err, ERR_INVALID, EINVAL, "SHM size can not be less than 0");
	if (h->shm_size == 0)
		h->shm_size = SHM_SIZE_DEFAULT;
	if (h->oom_score_adj < -1000 || h->oom_score_adj > 1000)
		return err_set(err, ERR_INVALID, ERANGE,
			"invalid value %lld for OomScoreAdj, range for oom score adj is [-1000, 1000]",
			(long long)h->oom_score_adj);
	warn_oom_score(h, w);
	return log_config_settle(&h->log, err);
}

/* null means Docker's default; a list, even an empty one, is meant. Privileged and
 * systempaths=unconfined hide nothing. */
static void settle_paths(struct jwords *paths, const char *const *standard, bool open)
{
	if (paths->given || open)
		return;
	paths->given = true;
	for (; *standard; standard++)
		strv_add(&paths->list, *standard);
}

static int settle_resources(struct host_config *h, char ***w, struct err *err)
{
	struct delegation delegation;
	int r = resources_settle(&h->resources, false, w, err);

	if (r < 0 || !resources_any(&h->resources))
		return r;
	delegation_read(&delegation);
	resources_warn(&h->resources, &delegation, w);
	return 0;
}

int host_config_settle(struct host_config *h, const struct container_config *c, bool shareable_ipc,
	char ***w, struct err *err)
{
	struct security security = { 0 };
	bool open_paths = h->privileged;
	int r;

	r = settle_restart(h, err);
	if (r == 0)
		r = modes_settle(h, c, shareable_ipc, w, err);
	if (r == 0)
		r = runtime_settle(h, w, err);
	if (r == 0)
		r = caps_normalise(h->cap_add, "CapAdd", err);
	if (r == 0)
		r = caps_normalise(h->cap_drop, "CapDrop", err);
	if (r == 0)
		r = security_read(h->security_opt, h->privileged, &security, err);
	open_paths |= security.open_paths;
	security_clear(&security);
	if (r == 0)
		r = devices_settle(h, w, err);
	if (r == 0)
		r = check_groups(h->group_add, err);
	if (r == 0)
		r = rlimits_check(&h->ulimits, err);
	if (r == 0)
		r = check_dns(h, err);
	if (r == 0)
		r = check_extra_hosts(h->extra_hosts, h->network_mode, w, err);
	if (r == 0)
		r = check_sysctls(h, err);
	if (r == 0)
		r = settle_resources(h, w, err);
	if (r == 0)
		r = check_console_size(h->console_size, err);
	if (r == 0)
		r = check_rest(h, w, err);
	settle_paths(&h->masked_paths, default_masked, open_paths);
	settle_paths(&h->readonly_paths, default_readonly, open_paths);
	return r;
}
