#!/usr/bin/python3
"""Volumes and mounts as containers and clients see them. usage: volumes.py [REGEX]"""
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
import urllib.parse

import suite
from cli_tools import docker, environment, try_docker
from engine import IMAGE
from suite import case, has, same, until

try:
    import docker as sdk
except ImportError:
    sdk = None


def run(e, *args, **more):
    return docker(e, "run", "--rm", "--network", "none", *args, **more)


def volumes(e, *options):
    return docker(e, "volume", "ls", "-q", *options).split()


def data(e, name):
    return e.data / "dayfly/volumes" / name / "_data"


def image_with(e, *lines, **files):
    """An image built of these Dockerfile lines."""
    folder = e.root / "context"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "Dockerfile").write_text("\n".join((f"FROM {IMAGE}", *lines)))
    docker(e, "build", "-q", "-t", "mine", str(folder), env={"DOCKER_BUILDKIT": "0"}, timeout=60)
    return "mine"


# ---- named and anonymous

@case("a named volume outlives its containers and is shared by them")
def _(e):
    run(e, "-v", "v1:/d", IMAGE, "sh", "-c", "echo kept >/d/f; chown 7:8 /d/f")
    same(run(e, "-v", "v1:/other:ro", IMAGE, "sh", "-c", "cat /other/f; stat -c %u:%g /other/f"), "kept\n7:8")
    same(volumes(e), ["v1"])
    same(docker(e, "volume", "rm", "v1"), "v1")
    same(volumes(e), [])


@case("a read-only volume cannot be written to")
def _(e):
    r = try_docker(e, "run", "--rm", "-v", "v1:/d:ro", IMAGE, "touch", "/d/f")
    has(r.err, b"Read-only file system")


@case("rm -v and --rm take anonymous volumes along and leave named ones")
def _(e):
    run(e, "-v", "/a", "-v", "v1:/n", IMAGE, "true")
    until(lambda: volumes(e) == ["v1"])
    docker(e, "create", "--name", "c1", "-v", "/a", "-v", "v1:/n", IMAGE, "true")
    same(len(volumes(e)), 2)
    docker(e, "rm", "c1")
    same(len(volumes(e)), 2)
    docker(e, "create", "--name", "c1", "-v", "/a", "-v", "v1:/n", IMAGE, "true")
    same(len(volumes(e)), 3)
    docker(e, "rm", "-v", "c1")
    same(len(volumes(e)), 2)
    docker(e, "run", "-d", "--name", "c1", "-v", "/a", IMAGE, "sleep", "60")
    docker(e, "rm", "-f", "-v", "c1")
    same(len(volumes(e)), 2)
    docker(e, "volume", "prune", "-f")
    same(volumes(e), ["v1"])


@case("what a Dockerfile declares as a volume is one, unless something is mounted there")
def _(e):
    image = image_with(e, 'VOLUME ["/d", "/t", "/b"]')
    docker(e, "create", "--name", "c1", "-v", "v1:/b", "--tmpfs", "/t", image, "true")
    mounts = sorted((m["Destination"], m["Name"] == "v1", m["Mode"]) for m in e.inspect("c1")["Mounts"])
    same(mounts, [("/b", True, "z"), ("/d", False, "")])


@case("--mount makes a volume with labels and options")
def _(e):
    docker(e, "create", "--name", "c1", "--mount",
           "type=volume,src=v1,dst=/d,volume-label=k=v,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"
           "volume-opt=o=size=1m", IMAGE, "sh", "-c", "grep ' /d ' /proc/mounts; sleep 60")
    v = e.get("/volumes/v1").json
    same((v["Labels"], v["Options"]), ({"k": "v"}, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}))
    docker(e, "start", "c1")
    has(until(lambda: docker(e, "logs", "c1")), "tmpfs /d tmpfs")
    has(docker(e, "logs", "c1"), "size=1024k")
    # each container has a mount of its own, so a second one would not see the same files
    has(try_docker(e, "run", "--rm", "-v", "v1:/d", IMAGE, "true").err, b"cannot share it")


@case("a volume can be a folder of the host")
def _(e):
    (e.root / "host").mkdir()
    docker(e, "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={e.root}/host", "v1")
    run(e, "-v", "v1:/d", IMAGE, "sh", "-c", "echo there >/d/f")
    same((e.root / "host/f").read_text(), "there\n")
    docker(e, "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/no/such", "v2")
    has(try_docker(e, "run", "--rm", "-v", "v2:/d", IMAGE, "true").err, b"failed to mount local volume")


@case("--volumes-from gives what another container has, and can make it read-only")
def _(e):
    docker(e, "create", "--name", "store", "-v", "/d", "-v", "v1:/n:ro", "-v", f"{e.root}:/h", IMAGE, "true")
    run(e, "--volumes-from", "store", IMAGE, "sh", "-c", "echo x >/d/f")
    same(run(e, "--volumes-from", "store:ro", "-v", "v2:/n", IMAGE, "sh", "-c",
             "cat /d/f; touch /d/g 2>&1; touch /n/f && echo own"),
         "x\ntouch: /d/g: Read-only file system\nown")
    has(try_docker(e, "run", "--rm", "--volumes-from", "store", IMAGE, "touch", "/n/f").err, b"Read-only")
    # the last who has an anonymous volume takes it along
    docker(e, "create", "--name", "heir", "--volumes-from", "store", IMAGE, "true")
    docker(e, "rm", "-v", "store")
    same(len(volumes(e)), 3)
    docker(e, "rm", "-v", "heir")
    same(sorted(volumes(e)), ["v1", "v2"])


@case("a part of a volume is mounted, and a link in it cannot lead out")
def _(e):
    run(e, "-v", "v1:/d", IMAGE, "sh", "-c",
        "mkdir -p /d/a/b; echo deep >/d/a/b/f; ln -s a/b /d/in; ln -s /etc /d/out; ln -s ../.. /d/up")
    part = "type=volume,src=v1,dst=/p,volume-subpath="
    same(run(e, "--mount", part + "a/b", IMAGE, "cat", "/p/f"), "deep")
    same(run(e, "--mount", part + "in", IMAGE, "cat", "/p/f"), "deep")
    same(run(e, "--mount", part + "a/b/f", IMAGE, "cat", "/p"), "deep")
    for link in ("out", "up"):
        has(try_docker(e, "run", "--rm", "--mount", part + link, IMAGE, "true").err,
            b"path concatenation escapes the base directory")
    has(try_docker(e, "run", "--rm", "--mount", part + "none", IMAGE, "true").err, b"cannot access path")


@case("events tell of a volume what Docker's tell")
def _(e):
    since = f"{time.time():.9f}"
    container = e.create("true", HostConfig={"Binds": ["v1:/d:ro"], "NetworkMode": "none"})
    e.post(f"/containers/{container}/start").expect(204)
    e.wait(container)
    e.delete(f"/containers/{container}").expect(204)
    e.delete("/volumes/v1").expect(204)
    told = [(x["Action"], x["Actor"]["ID"], x["Actor"]["Attributes"]) for x in e.events(since, type="volume")]
    same(told, [
        ("create", "v1", {"driver": "local"}),
        ("mount", "v1", {"driver": "local", "container": container, "destination": "/d",
                         "propagation": "", "read/write": "false"}),
        ("unmount", "v1", {"driver": "local", "container": container}),
        ("destroy", "v1", {"driver": "local"})])


# ---- what the image has there

@case("an empty volume gets the image's files at creation, with owners, modes and links")
def _(e):
    image = image_with(e, "RUN mkdir -p /d/sub /e && echo one >/d/f && chmod 640 /d/f && chown 7:8 /d/f /d && "
                       "chmod 1750 /d && ln -s f /d/l && ln /d/f /d/h && ln -s /d /way && echo x >/d/gone",
                       "RUN rm /d/gone && echo two >/d/sub/g", 'VOLUME ["/d"]')
    look = "cd /v && stat -c '%n %A %u:%g %h' . f h sub && readlink l && cat sub/g; ls"
    want = ". drwxr-x--T 7:8 3\nf -rw-r----- 7:8 2\nh -rw-r----- 7:8 2\nsub drwxr-xr-x 0:0 2\nf\ntwo\nf\nh\nl\nsub"
    docker(e, "create", "--name", "c1", "-v", "v1:/d", "-v", "v2:/way", image, "true")
    same(run(e, "-v", "v1:/v", IMAGE, "sh", "-c", look), want)   # before c1 was ever started
    same(run(e, "-v", "v2:/v", IMAGE, "sh", "-c", look), want)   # by way of a link
    same(run(e, "-v", "v3:/d:nocopy", image, "ls", "/d"), "")
    same(run(e, image, "cat", "/d/sub/g"), "two")                # anonymous
    same(run(e, "-v", "v4:/e", image, "stat", "-c", "%A", "/e"), "drwxr-xr-x")
    docker(e, "start", "-a", "c1")
    run(e, "-v", "v5:/d", IMAGE, "touch", "/d/mine")
    same(run(e, "-v", "v5:/d", image, "ls", "/d"), "mine")       # not empty: left alone
    docker(e, "rmi", "-f", image)


@case("a folder of the host that a volume stands for is filled as well")
def _(e):
    image = image_with(e, "RUN mkdir /d && echo one >/d/f")
    (e.root / "empty").mkdir()
    docker(e, "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={e.root}/empty", "v1")
    same(run(e, "-v", "v1:/d", image, "cat", "/d/f"), "one")
    same((e.root / "empty/f").read_text(), "one\n")
    docker(e, "rmi", "-f", image)


@case("a worker that dies while it fills volumes leaves nothing half-done")
def _(e):
    image = image_with(e, "RUN mkdir /d && cd /d && for i in $(seq 300); do echo $i >$i; done")
    container = docker(e, "create", "-v", "v1:/d", image, "sh", "-c", "ls /d | wc -l")
    folder = e.data / "dayfly/containers" / container
    same(run(e, "-v", "v1:/d", IMAGE, "sh", "-c", "rm /d/*; ls -A /d"), "")
    # as it is left when the copy was complete and a part of it moved, and something of another was begun
    (folder / "unfilled").touch()
    volume = e.data / "dayfly/volumes/v1"
    (volume / "filling").mkdir()
    (volume / "filling/half").touch()
    (volume / "filled").mkdir()
    (volume / "filled/1").write_text("a copy\n")
    (volume / "filled/2").write_text("a copy\n")
    (volume / "_data/2").write_text("another's\n")
    has(e.post(f"/containers/{container}/start").expect(503).message, "try again")
    until(lambda: not (folder / "unfilled").exists())
    same(docker(e, "start", "-a", container), "2")
    same((volume / "_data/2").read_text(), "another's\n")
    same(sorted(p.name for p in volume.iterdir()), ["_data", "filling", "volume.json"])
    docker(e, "rm", container)
    docker(e, "rmi", "-f", image)


# ---- other mounts

@case("-v makes the folder it names, --mount only when told to")
def _(e):
    run(e, "-v", f"{e.root}/new/one:/d", IMAGE, "touch", "/d/f")
    same((e.root / "new/one/f").exists(), True)
    r = try_docker(e, "run", "--rm", "--mount", f"type=bind,src={e.root}/two,dst=/d", IMAGE, "true")
    has(r.err, b"bind source path does not exist")
    container = e.create("true", HostConfig={"Mounts": [{
        "Type": "bind", "Source": f"{e.root}/two", "Target": "/d", "BindOptions": {"CreateMountpoint": True}}]})
    e.post(f"/containers/{container}/start").expect(204)
    same((e.root / "two").is_dir(), True)


@case("mounts lie in each other, whatever the order they come in")
def _(e):
    same(run(e, "-v", "v2:/d/in/deep", "-v", "v1:/d", "--tmpfs", "/d/in", IMAGE, "sh", "-c",
             "touch /d/1 /d/in/deep/2; awk '{ print $2 }' /proc/mounts | grep -E '^/d(/|$)'"),
         "/d\n/d/in\n/d/in/deep")
    same(run(e, "-v", "v2:/x", IMAGE, "ls", "/x"), "2")


@case("a read-only bind is read-only below as well, unless only its top is meant")
def _(e):
    # what is mounted below: the host's proc has a file system of its own below it, sysfs many
    mount = "type=bind,src=/proc,dst=/p,readonly"
    below = "grep ' /p/sys/fs/binfmt_misc ' /proc/mounts || grep ' /p ' /proc/mounts"
    has(run(e, "--mount", mount, IMAGE, "sh", "-c", below).split()[3].split(","), "ro")
    has(run(e, "--mount", mount + ",bind-recursive=writable", IMAGE, "sh", "-c",
            "grep ' /p ' /proc/mounts").split()[3].split(","), "ro")


@case("what no mount of the host can do is refused in Docker's words")
def _(e):
    r = try_docker(e, "run", "--rm", "-v", f"{e.root}:/d:rshared", IMAGE, "true")
    has(r.err, b"but it is not a shared mount")


@case("tmpfs mounts take size, mode and exec")
def _(e):
    same(run(e, "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1700", IMAGE, "sh", "-c",
             "stat -c %a /t; df -k /t | tail -1 | awk '{ print $2 }'"), "1700\n1024")
    container = e.run_detached("grep", " /t ", "/proc/mounts", HostConfig={"NetworkMode": "none", "Mounts": [
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["exec"]]}}]})
    e.wait(container)
    same(b"noexec" in e.logs(container)[1], False)


# ---- clients

@case("a prune while another of its kind runs is a conflict")
def _(e):
    for kind in ("containers", "images", "volumes"):
        with open(e.run / f"dayfly/prune-{kind}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            same(e.post(f"/{kind}/prune").expect(409).message, "a prune operation is already running")
        e.post(f"/{kind}/prune?" + urllib.parse.urlencode({"filters": '{"label":["none"]}'})).expect(200)


class Watcher:
    """Whether folders are read while a lock file is open, by the order in which the kernel tells it."""
    OPEN, CLOSED = 0x20, 0x18  # IN_OPEN, IN_CLOSE

    def __init__(self, lock):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.lock, self.unread = self.add(lock), set()

    def add(self, path):
        watch = self.libc.inotify_add_watch(self.fd, os.fsencode(path), self.OPEN | self.CLOSED)
        if watch < 0:
            raise OSError(ctypes.get_errno(), str(path))
        return watch

    def add_folder(self, path):
        self.unread.add(self.add(path))

    def first_reads(self):
        """How often the lock was open when a folder was opened for the first time, and how often it was not."""
        events, holders, found = os.read(self.fd, 65536), 0, [0, 0]
        while events:
            watch, mask, _, length = struct.unpack_from("iIII", events)
            events = events[16 + length:]
            if watch == self.lock:
                holders += 1 if mask & self.OPEN else -1
            elif watch in self.unread:
                self.unread.remove(watch)
                found[0 if holders else 1] += 1
        return tuple(found)


@case("the store is not locked while a prune measures volumes and caches of builds")
def _(e):
    names = [e.post("/volumes/create", {}).expect(201).json["Name"] for _ in range(3)]
    cache = e.data / "dayfly/build/mounts" / ("0" * 64)
    cache.mkdir(parents=True, mode=0o700)
    watcher = Watcher(e.data / "dayfly/lock")
    for name in names:
        watcher.add_folder(data(e, name))
    watcher.add_folder(cache)
    same(sorted(e.post("/volumes/prune").expect(200).json["VolumesDeleted"]), sorted(names))
    has(e.post("/build/prune").expect(200).json["CachesDeleted"], cache.name)
    same(watcher.first_reads(), (0, 4))
    os.close(watcher.fd)


@case("python3-docker: volumes are made, listed, used, pruned")
def _(e):
    if not sdk:
        raise suite.Skip("python3-docker is not installed")
    c = sdk.DockerClient(base_url=e.url, version="auto", timeout=60)
    v = c.volumes.create("v1", labels={"k": "v"})
    same((v.name, v.attrs["Labels"], v.attrs["Driver"]), ("v1", {"k": "v"}, "local"))
    same([x.name for x in c.volumes.list(filters={"label": "k=v"})], ["v1"])
    same(c.containers.run(IMAGE, "sh -c 'echo hi >/d/f; cat /d/f'", remove=True, network_mode="none",
                          volumes={"v1": {"bind": "/d", "mode": "rw"}}), b"hi\n")
    same(data(e, "v1").joinpath("f").read_text(), "hi\n")
    same(c.volumes.prune(filters={"all": True})["VolumesDeleted"], ["v1"])
    try:
        c.volumes.get("v1")
    except sdk.errors.NotFound:
        return
    raise AssertionError("the volume is still there")


@case("docker-compose: services share a volume, and down -v takes it away")
def _(e):
    if not shutil.which("docker-compose"):
        raise suite.Skip("docker-compose is not installed")
    folder = e.root / "project"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(f"""
version: "2.4"
volumes: {{shared: {{labels: {{k: v}}}}}}
services:
  one: {{image: "{IMAGE}", network_mode: none, volumes: ["shared:/d"], command: "sh -c 'echo hi >/d/f'"}}
  two: {{image: "{IMAGE}", network_mode: none, volumes: ["shared:/d:ro", "/own"], command: sleep 60}}
""")

    def compose(*words):
        done = subprocess.run(["docker-compose", *words], cwd=folder, env=environment(e), timeout=50,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        same((words, done.returncode, done.stderr if done.returncode else b""), (words, 0, b""))
        return done.stdout

    compose("up", "-d", "one")
    until(lambda: data(e, "project_shared").joinpath("f").exists())
    compose("up", "-d")
    compose("up", "-d", "-t", "0", "--force-recreate", "two")   # keeps the anonymous volume
    same(compose("exec", "-T", "two", "cat", "/d/f"), b"hi\n")
    same(len(volumes(e)), 2)
    compose("down", "-v", "-t", "0")
    # the anonymous one was handed on by its name, which makes it a named one for Docker, too
    same("project_shared" in volumes(e), False)


if not shutil.which("docker"):
    print("no docker CLI here")
    sys.exit(77)
suite.main()
