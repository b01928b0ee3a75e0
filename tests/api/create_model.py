"""The fields of a create request of Docker's API 1.47, each with a value that asks for something."""
import pathlib
import re

from engine import IMAGE

DOC = pathlib.Path(__file__).parents[2] / "docs/fields.md"
ROW = re.compile(r"^\| `([^`]+)` \| (honoured|refused|ignored) \|", re.MULTILINE)


def rows():
    """What docs/fields.md says of each field: [(path, word)]."""
    return ROW.findall(DOC.read_text())


class Value:
    """sent: what asks for something. shown: what inspect makes of it. beside: members sent along.
    says: in the refusal, where Docker's words have another name for the field."""

    def __init__(self, sent, shown=None, says=None, **beside):
        self.sent, self.shown, self.says, self.beside = sent, shown, says, beside


RATES = [{"Path": "/dev/sda", "Rate": 1000}]

MODEL = {
    "Hostname": "h", "Domainname": "d", "User": "7:8", "AttachStdin": True, "AttachStdout": True,
    "AttachStderr": True, "ExposedPorts": {"80/tcp": {}}, "Tty": True, "OpenStdin": True,
    "StdinOnce": True, "Env": ["A=1"], "Cmd": ["true"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10 ** 9, "Timeout": 10 ** 9, "Retries": 2,
                    "StartPeriod": 10 ** 9, "StartInterval": 10 ** 9},
    "ArgsEscaped": True, "Image": Value(IMAGE), "Volumes": {"/v": {}}, "WorkingDir": "/tmp",
    "Entrypoint": ["echo"], "NetworkDisabled": True, "MacAddress": "02:42:ac:11:00:02",
    "OnBuild": ["RUN x"], "Labels": {"a": "b"}, "StopSignal": "SIGINT", "StopTimeout": 3,
    "Shell": ["/bin/sh"],

    "HostConfig.Binds": ["/tmp:/b"], "HostConfig.ContainerIDFile": "/tmp/cid",
    "HostConfig.LogConfig.Type": "none", "HostConfig.LogConfig.Config": {"max-file": "2"},
    "HostConfig.NetworkMode": "none",
    "HostConfig.PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
    "HostConfig.RestartPolicy.Name": "always",
    "HostConfig.RestartPolicy.MaximumRetryCount": Value(
        2, says="RestartPolicy", RestartPolicy={"Name": "on-failure"}),
    "HostConfig.AutoRemove": True, "HostConfig.VolumeDriver": "local",
    "HostConfig.VolumesFrom": ["other"],
    "HostConfig.Mounts[].Type": "tmpfs", "HostConfig.Mounts[].Source": "/tmp",
    "HostConfig.Mounts[].Target": "/m", "HostConfig.Mounts[].ReadOnly": True,
    "HostConfig.Mounts[].Consistency": "cached",
    "HostConfig.Mounts[].BindOptions.Propagation": "rslave",
    "HostConfig.Mounts[].BindOptions.NonRecursive": True,
    "HostConfig.Mounts[].BindOptions.CreateMountpoint": True,
    "HostConfig.Mounts[].BindOptions.ReadOnlyNonRecursive": True,
    "HostConfig.Mounts[].BindOptions.ReadOnlyForceRecursive": True,
    "HostConfig.Mounts[].VolumeOptions": {"NoCopy": True},
    "HostConfig.Mounts[].TmpfsOptions.SizeBytes": 65536,
    "HostConfig.Mounts[].TmpfsOptions.Mode": 0o700,
    "HostConfig.Mounts[].TmpfsOptions.Options": [["noexec"]],
    "HostConfig.ConsoleSize": [24, 80], "HostConfig.Annotations": {"a": "b"},
    "HostConfig.CapAdd": Value(["NET_ADMIN"], ["CAP_NET_ADMIN"]), "HostConfig.CapDrop": ["ALL"],
    "HostConfig.CgroupnsMode": "host", "HostConfig.Dns": ["192.0.2.1"],
    "HostConfig.DnsOptions": ["ndots:1"], "HostConfig.DnsSearch": ["example.org"],
    "HostConfig.ExtraHosts": ["a:192.0.2.1"], "HostConfig.GroupAdd": ["7"],
    "HostConfig.IpcMode": "shareable", "HostConfig.Cgroup": "container:x", "HostConfig.Links": ["a:b"],
    "HostConfig.OomScoreAdj": 1000, "HostConfig.PidMode": "host", "HostConfig.Privileged": True,
    "HostConfig.PublishAllPorts": True, "HostConfig.ReadonlyRootfs": True,
    "HostConfig.SecurityOpt": ["no-new-privileges"], "HostConfig.StorageOpt": {"size": "1G"},
    "HostConfig.Tmpfs": {"/t": "size=1m"}, "HostConfig.UTSMode": "host",
    "HostConfig.UsernsMode": "keep-id", "HostConfig.ShmSize": 1 << 20,
    "HostConfig.Sysctls": {"kernel.shmmni": "100"}, "HostConfig.Runtime": "runc",
    "HostConfig.Isolation": "default", "HostConfig.MaskedPaths": [], "HostConfig.ReadonlyPaths": [],
    "HostConfig.Init": True,

    "HostConfig.CpuShares": 512, "HostConfig.Memory": 64 << 20, "HostConfig.NanoCpus": 5 * 10 ** 8,
    "HostConfig.CgroupParent": "x.slice", "HostConfig.BlkioWeight": 100,
    "HostConfig.BlkioWeightDevice": [{"Path": "/dev/sda", "Weight": 100}],
    "HostConfig.BlkioDeviceReadBps": RATES, "HostConfig.BlkioDeviceWriteBps": RATES,
    "HostConfig.BlkioDeviceReadIOps": RATES, "HostConfig.BlkioDeviceWriteIOps": RATES,
    "HostConfig.CpuPeriod": 100000, "HostConfig.CpuQuota": 50000,
    "HostConfig.CpuRealtimePeriod": 1000000, "HostConfig.CpuRealtimeRuntime": 950000,
    "HostConfig.CpusetCpus": "0", "HostConfig.CpusetMems": "0",
    "HostConfig.Devices[].PathOnHost": "/dev/zero", "HostConfig.Devices[].PathInContainer": "/dev/n",
    "HostConfig.Devices[].CgroupPermissions": "rw",
    "HostConfig.DeviceCgroupRules": ["c 1:3 r"],
    "HostConfig.DeviceRequests": [{"Driver": "", "Count": -1, "DeviceIDs": None,
                                   "Capabilities": [["gpu"]], "Options": {}}],
    "HostConfig.KernelMemory": 64 << 20, "HostConfig.KernelMemoryTCP": 64 << 20,
    "HostConfig.MemoryReservation": 32 << 20,
    "HostConfig.MemorySwap": Value(128 << 20, Memory=64 << 20, says="Memory"),
    "HostConfig.MemorySwappiness": 10, "HostConfig.OomKillDisable": True, "HostConfig.PidsLimit": 10,
    "HostConfig.Ulimits[].Name": "core", "HostConfig.Ulimits[].Soft": 5, "HostConfig.Ulimits[].Hard": 7,
    "HostConfig.CpuCount": 1, "HostConfig.CpuPercent": 50, "HostConfig.IOMaximumIOps": 5,
    "HostConfig.IOMaximumBandwidth": 5,
} | {f"NetworkingConfig.EndpointsConfig{{}}.{name}": value for name, value in {
    "IPAMConfig": {"IPv4Address": "192.0.2.2"}, "Links": ["a"], "Aliases": ["a"],
    "MacAddress": "02:42:ac:11:00:02", "DriverOpts": {"a": "b"}, "NetworkID": "0" * 64,
    "EndpointID": "0" * 64, "Gateway": "192.0.2.1", "IPAddress": "192.0.2.2", "IPPrefixLen": 24,
    "IPv6Gateway": "2001:db8::1", "GlobalIPv6Address": "2001:db8::2", "GlobalIPv6PrefixLen": 64,
    "DNSNames": ["a"]}.items()}

# What an entry of a list must have besides the member in question.
ENTRIES = {
    "HostConfig.Mounts": {"Type": "bind", "Source": "/tmp", "Target": "/x"},
    "HostConfig.Devices": {"PathOnHost": "/dev/null", "PathInContainer": "/dev/x",
                           "CgroupPermissions": "rwm"},
    "HostConfig.Ulimits": {"Name": "nofile", "Soft": 1, "Hard": 8},
}


def steps(path):
    """ "HostConfig.Devices[].PathOnHost" -> ["HostConfig", "Devices", 0, "PathOnHost"] """
    found = []
    for word in path.replace("{}", ".bridge").split("."):
        found.append(word.removesuffix("[]"))
        if word.endswith("[]"):
            found.append(0)
    return found


def entry_of(path):
    """The list's entry that path's member is sent in."""
    name = path.split("[]")[0]
    entry = dict(ENTRIES[name])
    if "TmpfsOptions" in path or (path.endswith("].Type")):
        entry = {"Type": "tmpfs", "Target": "/x"}
    if "VolumeOptions" in path:
        entry = {"Type": "volume", "Source": "vol", "Target": "/x"}
    return entry


def body_of(path, value):
    body = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}
    if path.startswith("Networking"):
        body["HostConfig"]["NetworkMode"] = "bridge"
    if "ublish" in path or "PortB" in path:
        del body["HostConfig"]["NetworkMode"]
    for name, more in value.beside.items():
        body["HostConfig"][name] = more
    at = body
    *way, last = steps(path)
    for step, following in zip(way, way[1:] + [last]):
        if step == 0:
            at = at[0]
        elif following == 0:
            at = at.setdefault(step, [entry_of(path)])
        else:
            at = at.setdefault(step, {})
    at[last] = value.sent
    return body
