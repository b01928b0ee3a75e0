#!/usr/bin/python3
"""Pause, stats and update; in a cgroup of the tests' own where the machine lets us have one (tests/lib/unprivileged
--cgroup), and without. Limits themselves are felt in tests/vm: here no controller is delegated.

usage: resources.py [REGEX]
"""
import contextlib
import json
import os
import pathlib
import socket
import struct
import time

import suite
from engine import IMAGE
from suite import Skip, case, has, same, until

COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"


def own_group():
    """The folder of this process's group, if groups may be made there."""
    path = next((line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                 if line.startswith("0::")), None)
    for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        group = pathlib.Path(mount + (path or "/none"))
        if (group / "cgroup.procs").exists() and os.access(group, os.W_OK) and os.access(group / "cgroup.procs", os.W_OK):
            return group
    return None


def need_group():
    if not own_group():
        raise Skip("no cgroup may be made here")


@contextlib.contextmanager
def without_group():
    group = own_group()
    if group:
        group.chmod(0o555)
    try:
        yield
    finally:
        if group:
            group.chmod(0o755)


def actions(e, since, container):
    return [event["Action"] for event in e.events(since, container=container, type="container")]


def records(stream, count):
    """That many records of a stats stream."""
    text = b""
    while text.count(b"\n") < count:
        piece = stream.chunk()
        if not piece:
            raise AssertionError(f"ended after {text!r}")
        text += piece
    return [json.loads(line) for line in text.splitlines()]


@case("a paused container stands still and goes on")
def _(e):
    need_group()
    since = time.time()
    c = e.run_detached("sh", "-c", COUNTER)
    until(lambda: e.logs(c))
    e.post(f"/containers/{c}/pause").expect(204)
    state = e.state(c)
    same((state["Status"], state["Paused"], state["Running"]), ("paused", True, True))
    has(e.get('/containers/json?filters={"status":["paused"]}').expect(200).json[0]["Status"], "(Paused)")
    before = e.logs(c)
    time.sleep(0.3)
    same(e.logs(c), before)
    same(e.get(f"/containers/{c}/stats?stream=0&one-shot=1").expect(200).json["pids_stats"]["current"] > 0, True)
    e.post(f"/containers/{c}/unpause").expect(204)
    same(e.state(c)["Status"], "running")
    until(lambda: e.logs(c) != before)
    same([a for a in actions(e, since, c) if "pause" in a], ["pause", "unpause"])


@case("what does not go with being paused is refused in Docker's words")
def _(e):
    need_group()
    c = e.run_detached("sleep", "60")
    session = e.post(f"/containers/{c}/exec", {"Cmd": ["true"]}).expect(201).json["Id"]
    same(e.post(f"/containers/{c}/unpause").expect(500).message, f"Container {c} is not paused")
    e.post(f"/containers/{c}/pause").expect(204)
    same(e.post(f"/containers/{c}/pause").expect(409).message, f"Container {c} is already paused")
    same(e.post(f"/containers/{c}/start").expect(409).message, "cannot start a paused container, try unpause instead")
    for path, body in ((f"/containers/{c}/exec", {"Cmd": ["true"]}), (f"/exec/{session}/start", {"Detach": True})):
        same(e.post(path, body).expect(409).message, f"Container {c} is paused, unpause the container before exec")
    has(e.post(f"/containers/{c}/attach?stream=1").expect(409).message, "is paused")
    has(e.delete(f"/containers/{c}").expect(409).message, "container is paused and must be unpaused first")


@case("a paused container can be stopped, killed, restarted and removed")
def _(e):
    need_group()
    c = e.create("sleep", "60", HostConfig={"Init": True})
    for path, status, code in (("stop?t=30", "exited", 143), ("kill", "exited", 137), ("restart?t=30", "running", 0)):
        since = time.time()
        e.post(f"/containers/{c}/start")
        e.post(f"/containers/{c}/pause").expect(204)
        e.post(f"/containers/{c}/{path}").expect(204)
        same((e.state(c)["Status"], e.state(c)["ExitCode"]), (status, code))
        order = [a for a in actions(e, since, c) if a in ("unpause", "die")]
        same(order, ["unpause", "die"])
    e.post(f"/containers/{c}/pause").expect(204)
    e.delete(f"/containers/{c}?force=1").expect(204)
    e.get(f"/containers/{c}/json").expect(404)


@case("a signal sent to a paused container waits for the unpause")
def _(e):
    need_group()
    c = e.run_detached("sh", "-c", "trap 'echo caught; exit 5' USR1; echo up; while :; do sleep 0.05; done")
    until(lambda: e.logs(c))
    e.post(f"/containers/{c}/pause").expect(204)
    e.post(f"/containers/{c}/kill?signal=USR1").expect(204)
    same(e.state(c)["Status"], "paused")
    e.post(f"/containers/{c}/unpause").expect(204)
    same(e.wait(c), 5)


@case("a monitor killed with its container paused leaves no process and no group behind")
def _(e):
    need_group()
    c = e.run_detached("sleep", "600", HostConfig={"PidMode": "host"})
    e.post(f"/containers/{c}/pause").expect(204)
    pid = e.inspect(c)["State"]["Pid"]
    monitor = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    group = own_group() / f"dayfly-{c[:12]}-{monitor}"
    same(group.exists(), True)
    os.kill(monitor, 9)
    until(lambda: e.state(c)["Status"] == "exited")
    until(lambda: not group.exists())
    same(os.path.exists(f"/proc/{pid}"), False)


@case("an exec session lives in its container's group and sees it as the root of all")
def _(e):
    need_group()
    for mode, labels in (("private", {}), ("private", {"dayfly.userns": "keep-id"}), ("host", {})):
        c = e.run_detached("sleep", "600", Labels=labels, HostConfig={"CgroupnsMode": mode})
        group, = own_group().glob(f"dayfly-{c[:12]}-*")
        code, out = e.exec(c, "sed", "-n", "s/^0:://p", "/proc/self/cgroup")
        same(code, 0)
        assert out[1] == b"/\n" if mode == "private" else group.name.encode() in out[1], out


@case("no group is left when a container has ended")
def _(e):
    need_group()
    c = e.run_detached("true")
    e.wait(c)
    until(lambda: not list(own_group().glob(f"dayfly-{c[:12]}-*")))


def hold(e, c):
    """Pauses as a worker does: as long as the connection that comes back is open."""
    ours, theirs = socket.socketpair()
    folder = os.open(e.run / "dayfly/containers" / c, os.O_RDONLY | os.O_DIRECTORY)
    words = b"pause\0hold=1\0"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.connect(f"/proc/self/fd/{folder}/ctl")  # its path is too long for an address
        socket.send_fds(control, [struct.pack("I", len(words)) + words], [theirs.fileno()])
    os.close(folder)
    theirs.close()
    ours.settimeout(20)
    has(ours.recv(4096), b"HTTP/1.1 204 ")
    return ours


@case("a pause that somebody holds ends with him, or before, but never somebody else's")
def _(e):
    need_group()
    c = e.run_detached("sleep", "60")
    holder = hold(e, c)
    same(e.state(c)["Status"], "paused")
    holder.close()
    until(lambda: e.state(c)["Status"] == "running")
    holder = hold(e, c)
    e.post(f"/containers/{c}/unpause").expect(204)
    same(holder.recv(1), b"")
    e.post(f"/containers/{c}/pause").expect(204)
    holder.close()
    e.get(f"/containers/{c}/stats?stream=0&one-shot=1").expect(200)
    same(e.state(c)["Status"], "paused")
    e.post(f"/containers/{c}/unpause").expect(204)
    holder = hold(e, c)
    os.kill(int(pathlib.Path(f"/proc/{e.state(c)['Pid']}/stat").read_text().rpartition(")")[2].split()[1]), 9)
    until(lambda: e.state(c)["Status"] == "exited")
    holder.close()


@case("commit pauses what runs, unless told otherwise, and where there is no cgroup does without")
def _(e):
    need_group()

    def told(container, **query):
        since = time.time()
        query = "&".join(f"{name}={value}" for name, value in query.items())
        image = e.post(f"/commit?container={container}&{query}", {}).expect(201).json["Id"]
        e.delete(f"/images/{image}").expect(200)
        return [a for a in actions(e, since, container) if a in ("pause", "unpause", "commit")]
    c = e.run_detached("sh", "-c", "echo 1 >/one; sleep 60")
    until(lambda: e.get(f"/containers/{c}/changes").expect(200).json)
    same(told(c), ["pause", "unpause", "commit"])
    same(e.state(c)["Status"], "running")
    same(told(c, pause=0), ["commit"])
    e.post(f"/containers/{c}/pause").expect(204)
    same(told(c), ["commit"])
    same(e.state(c)["Status"], "paused")
    with without_group():
        c = e.run_detached("sleep", "60")
        same(told(c, pause=1), ["commit"])


@case("a group that is made without systemd is no reason for clients to choose its parent")
def _(e):
    need_group()
    info = e.get("/info").expect(200).json
    same((info["CgroupDriver"], info["CgroupVersion"]), ("none", "2"))


@case("what does not run cannot be paused")
def _(e):
    c = e.create("true")
    same(e.post(f"/containers/{c}/pause").expect(409).message, f"Container {c} is not running")
    same(e.post(f"/containers/{c}/unpause").expect(500).message, f"Container {c} is not paused")
    e.post("/containers/nosuch/pause").expect(404)
    e.post("/containers/nosuch/unpause").expect(404)


@case("without a cgroup pausing and limits are not applied, and that is said")
def _(e):
    with without_group():
        made = e.post("/containers/create", {"Image": IMAGE, "Cmd": ["sleep", "60"], "HostConfig": {
            "NetworkMode": "none", "Memory": 64 << 20, "PidsLimit": 20}}).expect(201).json
        same(len(made["Warnings"]), 1)
        has(made["Warnings"][0], "Memory, MemorySwap, PidsLimit are recorded, but not applied")
        c = made["Id"]
        e.post(f"/containers/{c}/start").expect(204)
        has(e.post(f"/containers/{c}/pause").expect(501).message, "it has no cgroup to be frozen in")
        same(e.state(c)["Status"], "running")
        info = e.get("/info").expect(200).json
        same((info["MemoryLimit"], info["PidsLimit"], info["CgroupDriver"]), (False, False, "none"))
        has(" ".join(info["Warnings"]), "have no cgroup of their own")


def check_stats(e):
    c = e.run_detached("sh", "-c", "sleep 60 & while :; do :; done")
    begin = time.monotonic()
    one = e.get(f"/containers/{c}/stats?stream=0").expect(200).json
    assert time.monotonic() - begin > 0.9, "no second between its two samples"
    used = one["cpu_stats"]["cpu_usage"]["total_usage"] - one["precpu_stats"]["cpu_usage"]["total_usage"]
    machine = one["cpu_stats"]["system_cpu_usage"] - one["precpu_stats"]["system_cpu_usage"]
    assert 0 < used < machine, (used, machine)
    same(one["pids_stats"]["current"], 2)
    assert 0 < one["memory_stats"]["usage"] < one["memory_stats"]["limit"], one
    same((one["id"], one["name"]), (c, e.inspect(c)["Name"]))
    begin = time.monotonic()
    shot = e.get(f"/containers/{c}/stats?stream=0&one-shot=1").expect(200).json
    same(shot["preread"], "0001-01-01T00:00:00Z")
    same(shot["precpu_stats"]["cpu_usage"]["total_usage"], 0)


@case("stats of a container in a cgroup")
def _(e):
    need_group()
    check_stats(e)


@case("stats of a container without a cgroup are added up from its processes")
def _(e):
    with without_group():
        check_stats(e)


@case("a stream of stats outlives the API, shows the end of the run as zeros, and ends with the container")
def _(e):
    c = e.run_detached("sleep", "60")
    s = e.open("GET", f"/containers/{c}/stats")
    same((s.status, s.headers["content-type"]), (200, "application/json"))
    first, second = records(s, 2)
    same(first["preread"], "0001-01-01T00:00:00Z")
    same(second["preread"], first["read"])
    e.wait_idle()
    same(e.api_pid(), None)
    same(records(s, 1)[0]["preread"], second["read"])
    e.post(f"/containers/{c}/kill").expect(204)
    until(lambda: records(s, 1)[0]["memory_stats"] == {}, every=0)
    e.delete(f"/containers/{c}").expect(204)
    s.read_all()


@case("stats of what does not run are zeros")
def _(e):
    c = e.create("true")
    one = e.get(f"/containers/{c}/stats?stream=0").expect(200).json
    same((one["id"], one["read"], one["memory_stats"]), (c, "0001-01-01T00:00:00Z", {}))
    s = e.open("GET", f"/containers/{c}/stats")
    same(records(s, 2)[1]["memory_stats"], {})
    s.close()
    e.get("/containers/nosuch/stats").expect(404)
    has(e.get(f"/containers/{c}/stats?stream=1&one-shot=1").expect(400).message, "one-shot")


@case("an update is recorded and told, of what runs and of what does not")
def _(e):
    for start in (False, True):
        since = time.time()
        c = e.create("sleep", "60", HostConfig={"Memory": 64 << 20, "PidsLimit": 20})
        if start:
            e.post(f"/containers/{c}/start").expect(204)
        told = e.post(f"/containers/{c}/update", {"Memory": 128 << 20, "MemorySwap": 256 << 20, "CpuShares": 512}).expect(200).json
        has(told["Warnings"][0], "Memory, MemorySwap, CpuShares are recorded, but not applied")
        host = e.inspect(c)["HostConfig"]
        same([host[k] for k in ("Memory", "MemorySwap", "CpuShares", "PidsLimit")], [128 << 20, 256 << 20, 512, 20])
        same(e.post(f"/containers/{c}/update", {"PidsLimit": -1}).expect(200).json, {"Warnings": []})
        same(e.inspect(c)["HostConfig"]["PidsLimit"], None)
        same(actions(e, since, c).count("update"), 2)
        e.post(f"/containers/{c}/update", {}).expect(200)


@case("an update that makes no sense changes nothing")
def _(e):
    c = e.create("true", HostConfig={"Memory": 64 << 20, "NanoCpus": 500000000})
    for body, status, says in (
            ({"Memory": 1}, 400, "Minimum memory limit allowed is 6MB"),
            ({"Memory": 1 << 40}, 409, "update the memoryswap at the same time"),
            ({"CpuQuota": 5000}, 409, "CPU Quota cannot be updated as NanoCPUs has already been set"),
            ({"CpusetCpus": "0-99999"}, 400, "Invalid value 0-99999 for cpuset cpus"),
            ({"Memory": "64m"}, 400, "Memory must be a whole number"),
            ({"BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1}]}, 400, "when a container is created only"),
            ({"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}]}, 501, "Ulimits")):
        has(e.post(f"/containers/{c}/update", body).expect(status).message, says)
    same(e.inspect(c)["HostConfig"]["Memory"], 64 << 20)
    e.post("/containers/nosuch/update", {}).expect(404)


if __name__ == "__main__":
    suite.main()
