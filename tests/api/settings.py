#!/usr/bin/python3
"""Settings of a container that are felt inside: whose namespaces it is in, devices, groups, ids."""
import os
import subprocess

from suite import Skip, case, has, main, same


def look(engine, script, **config):
    """What a script prints in a container of its own."""
    container = engine.create("sh", "-c", script, **config)
    reply = engine.post(f"/containers/{container}/start")
    if reply.status != 204:
        raise AssertionError(reply)
    code = engine.wait(container)
    out = engine.logs(container)
    same((code, out[2].decode()), (0, ""))
    return out[1].decode().strip()


def links(*kinds):
    return "; ".join(f"readlink /proc/self/ns/{kind}" for kind in kinds)


def inside(engine, container, script):
    return engine.exec(container, "sh", "-c", script)[1][1].decode().strip()


def sleeper(engine, **host):
    return engine.run_detached("sleep", "600", name="owner", HostConfig={"NetworkMode": "none", **host})


def stored_owner(path):
    """As the containers' user namespace sees it."""
    return subprocess.check_output(["unshare", "--map-root-user", "--map-auto", "stat", "-c", "%u:%g", path],
                                   text=True).strip()


def refused_start(engine, status, **config):
    container = engine.create("true", **config)
    return engine.post(f"/containers/{container}/start").expect(status).message


@case("a container joins another's network, with its names and files")
def network(engine):
    owner = sleeper(engine)
    same(look(engine, links("net") + "; hostname; cat /etc/hostname",
              HostConfig={"NetworkMode": "container:owner"}),
         inside(engine, owner, links("net") + "; hostname; cat /etc/hostname"))
    container = engine.create("true", HostConfig={"NetworkMode": "container:owner"})
    document = engine.inspect(container)
    same(document["HostConfig"]["NetworkMode"], f"container:{owner}")
    same(document["NetworkSettings"]["Networks"], {})


@case("a container joins another's pid namespace, sees its processes and ends with it")
def pid(engine):
    owner = sleeper(engine)
    has(look(engine, links("pid") + "; ps", HostConfig={"PidMode": "container:owner"}), "sleep 600")
    guest = engine.run_detached("sleep", "700", HostConfig={"PidMode": "container:owner"})
    same(inside(engine, guest, links("pid")), inside(engine, owner, links("pid")))
    has(inside(engine, owner, "ps"), "sleep 700")
    engine.post(f"/containers/{owner}/kill").expect(204)
    same(engine.wait(guest), 137)


@case("the exit code of one in another's pid namespace is its own, and its start can fail")
def pid_codes(engine):
    sleeper(engine)
    container = engine.run_detached("sh", "-c", "exit 7", HostConfig={"PidMode": "container:owner"})
    same(engine.wait(container), 7)
    container = engine.create("nosuch", HostConfig={"PidMode": "container:owner"})
    has(engine.post(f"/containers/{container}/start").expect(400).message, "executable file not found")
    same(engine.state(container)["ExitCode"], 127)


@case("a container shares System V objects and /dev/shm of a shareable one")
def ipc(engine):
    owner = sleeper(engine, IpcMode="shareable", ShmSize=1 << 20)
    same(inside(engine, owner, "echo hello >/dev/shm/x; cat /dev/shm/x"), "hello")
    guest = {"IpcMode": "container:owner"}
    same(look(engine, links("ipc") + "; cat /dev/shm/x; echo more >/dev/shm/y", HostConfig=guest),
         inside(engine, owner, links("ipc")) + "\nhello")
    same(inside(engine, owner, "cat /dev/shm/y"), "more")


@case("joining a container that does not run, or does not share, is refused in Docker's words")
def not_joined(engine):
    owner = engine.create("sleep", "600", name="owner")
    has(refused_start(engine, 409, HostConfig={"NetworkMode": "container:owner"}),
        f"cannot join network of a non running container: {owner}")
    has(refused_start(engine, 409, HostConfig={"PidMode": "container:owner"}), f"container {owner} is not running")
    engine.post(f"/containers/{owner}/start").expect(204)
    has(refused_start(engine, 400, HostConfig={"IpcMode": "container:owner"}),
        f"container {owner}: non-shareable IPC")
    has(refused_start(engine, 404, HostConfig={"NetworkMode": "container:nobody"}), "No such container: nobody")


@case("a network outlives its owner as long as somebody is in it")
def orphans(engine):
    owner = sleeper(engine)
    guest = engine.run_detached("sleep", "600", HostConfig={"NetworkMode": "container:owner"})
    before = inside(engine, guest, links("net"))
    engine.post(f"/containers/{owner}/kill").expect(204)
    engine.wait(owner)
    same(inside(engine, guest, links("net")), before)
    engine.post(f"/containers/{guest}/restart?t=0").expect(409)


@case("what joins a container in the host's network is in the host's network")
def host_by_way(engine):
    sleeper(engine, NetworkMode="host")
    same(look(engine, links("net"), HostConfig={"NetworkMode": "container:owner"}),
         os.readlink("/proc/self/ns/net"))


@case("a device is shown under the name asked for, and one that is none is refused")
def devices(engine):
    def of(path, inside_as=""):
        return {"Devices": [{"PathOnHost": path, "PathInContainer": inside_as}]}
    same(look(engine, "head -c 3 /dev/nought | wc -c; test -c /dev/nought && echo node",
              HostConfig=of("/dev/zero", "/dev/nought")), "3\nnode")
    has(refused_start(engine, 500, HostConfig=of("/dev/nosuch")),
        'error gathering device information while adding custom device "/dev/nosuch": '
        "no such file or directory")
    has(refused_start(engine, 500, HostConfig=of("/etc/passwd")), "not a device node")


@case("system paths may be open, and an empty list hides nothing")
def paths(engine):
    for host in ({"SecurityOpt": ["systempaths=unconfined"]}, {"MaskedPaths": [], "ReadonlyPaths": []}):
        same(look(engine, "grep -c ' /proc/' /proc/mounts || true", HostConfig=host), "0")


@case("keep-groups leaves the groups of the host")
def groups(engine):
    def count(**host):
        return look(engine, "grep ^Groups: /proc/self/status | wc -w", HostConfig=host)
    mine = len(os.getgroups())
    same(count(GroupAdd=["keep-groups"]), str(1 + mine))
    same(look(engine, "id -G | tr ' ' '\\n' | grep -c ^4321$", HostConfig={"GroupAdd": ["4321"]}), "1")


@case("a user who keeps its id owns in and outside what it writes")
def keep_id(engine):
    if not os.path.exists("/dev/fuse") or not os.access("/dev/fuse", os.W_OK) or subprocess.run(
            ["sh", "-c", "command -v fuse-overlayfs"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no fuse-overlayfs here")
    work = engine.root / "work"
    work.mkdir()
    uid, gid = os.getuid(), os.getgid()
    config = {"Labels": {"dayfly.userns": "keep-id"}, "HostConfig": {"Binds": [f"{work}:/work"]}}
    same(look(engine, "id -u; id -g; touch /work/mine /tmp/mine; stat -c %u:%g /work/mine /tmp/mine /work "
              "/bin/busybox /dev; touch /bin/x 2>/dev/null || echo no", **config),
         f"{uid}\n{gid}\n" + f"{uid}:{gid}\n" * 3 + "0:0\n0:0\nno")
    same((work / "mine").stat().st_uid, uid)
    # root is somebody else, who may do in the image what root may, and so is an exec of it
    container = engine.run_detached("sleep", "600", **config)
    script = "id -u; touch /bin/x; stat -c %u /bin/x; chown 5:6 /bin/x; stat -c %u:%g /bin/x"
    code, out = engine.exec(container, "sh", "-c", script, User="0")
    same((code, out[1].decode().split(), out[2]), (0, ["0", "0", "5:6"], b""))
    same(inside(engine, container, "id -u"), str(uid))
    # what is stored has the ids of every other container
    same(stored_owner(engine.root / f"data/dayfly/containers/{container}/upper/bin/x"), "5:6")


@case("an id may be chosen for the user")
def keep_other_id(engine):
    if not os.access("/dev/fuse", os.W_OK):
        raise Skip("no /dev/fuse here")
    work = engine.root / "work"
    work.mkdir(exist_ok=True)
    same(look(engine, "id -u; touch /work/other; stat -c %u:%g /work/other",
              HostConfig={"UsernsMode": "keep-id:uid=1000,gid=1001", "Binds": [f"{work}:/work"]}),
         "1000\n1000:1001")
    same((work / "other").stat().st_uid, os.getuid())


if __name__ == "__main__":
    main()
