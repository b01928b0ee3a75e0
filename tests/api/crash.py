#!/usr/bin/python3
"""Processes die at the worst moments: nothing is lost, nothing leaks, no exit code is invented.

usage: crash.py [REGEX]
"""
import http.client
import os
import random
import shutil
import signal
import threading
import time

import suite
from engine import IMAGE
from suite import Skip, case, has, same, until

GONE = (ConnectionError, http.client.HTTPException, OSError)
UNKNOWN = 255


def stubborn(function, killer=None):
    """Calls until the API lives long enough to answer, for which the killer gives it ever more time. What
    was asked may have been done before: the caller takes that answer as well."""
    pause = killer and killer.pause
    end = time.monotonic() + 40
    try:
        while True:
            try:
                return function()
            except GONE:
                if time.monotonic() > end:
                    raise
                if killer:
                    killer.pause = (killer.pause[0], killer.pause[1] * 1.5)
    finally:
        if killer:
            killer.pause = pause


class Killer(threading.Thread):
    """kill -9 of the API process, again and again, at random moments."""

    def __init__(self, engine, pause):
        super().__init__(daemon=True)
        self.engine, self.pause, self.kills, self.enough = engine, pause, 0, threading.Event()

    def run(self):
        while not self.enough.wait(random.uniform(*self.pause)):
            pid = self.engine.api_pid()
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
                except ProcessLookupError:
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.join()


def one_life(e, number, rng, killer):
    """A container from create to its end through whatever happens to the API."""
    code, name = rng.randrange(0, 200), f"life{number}"
    auto = rng.random() < 0.3
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", f"echo {number}; exit {code}"],
            "HostConfig": {"AutoRemove": auto}}
    made = stubborn(lambda: e.post(f"/containers/create?name={name}", body), killer)
    assert made.status in (201, 409), made
    if not auto:
        started = stubborn(lambda: e.post(f"/containers/{name}/start"), killer)
        assert started.status in (204, 304), started
        waited = stubborn(lambda: e.post(f"/containers/{name}/wait"), killer)
        same((number, waited.expect(200).json["StatusCode"]), (number, code))
        same((number, stubborn(lambda: e.state(name), killer)["ExitCode"]), (number, code))
        same(stubborn(lambda: e.logs(name), killer)[1].split()[0], b"%d" % number)
        removed = stubborn(lambda: e.delete(f"/containers/{name}"), killer)
        assert removed.status in (204, 404), removed
    else:
        started = stubborn(lambda: e.post(f"/containers/{name}/start"), killer)
        # Done before the answer was lost, it may have ended and gone by the second try.
        assert started.status in (204, 304, 404), started
        until(lambda: stubborn(lambda: e.get(f"/containers/{name}/json"), killer).status == 404)


@case("kill -9 of the API at random during 200 mixed operations", seconds=240)
def _(e):
    rng = random.Random(int(os.environ.get("DAYFLY_SEED", "7")))
    with Killer(e, (0.005, 0.12)) as killer:
        for number in range(40):
            one_life(e, number, rng, killer)
    assert killer.kills > 10, killer.kills
    # What a killed removal left goes with the next one.
    e.delete(f"/containers/{e.create('true')}").expect(204)
    print(f"# {killer.kills} kills")


@case("kill -9 of the API while images are tagged and loaded leaves a whole image store", seconds=120)
def _(e):
    data = e.archive.read_bytes()
    with Killer(e, (0.005, 0.08)) as killer:
        for number in range(15):
            stubborn(lambda: e.post(f"/images/{IMAGE}/tag?repo=many&tag=t{number}"), killer).expect(201)
            stubborn(lambda: e.post("/images/load", data), killer).expect(200)
    tags = e.get(f"/images/{IMAGE}/json").json["RepoTags"]
    same(len(tags), 16)
    for number in range(15):
        e.delete(f"/images/many:t{number}").expect(200)
    same(e.wait(e.run_detached("true")), 0)


def check_after_crash(e, container, code, may_be):
    """The container says its true exit code or that it is unknown; or is gone, if it may."""
    reply = e.get(f"/containers/{container}/json")
    if reply.status == 404 and "gone" in may_be:
        return "gone"
    state = reply.expect(200).json["State"]
    same(state["Running"], False)
    if state["Status"] == "created":
        assert "created" in may_be, state
        return "created"
    same(state["Status"], "exited")
    if state["ExitCode"] == code:
        return "known"
    same(state["ExitCode"], UNKNOWN)
    has(state["Error"].lower(), "unknown")
    return "unknown"


def deaths_of(e, container, since):
    """Attributes of its die events."""
    return [x["Actor"]["Attributes"] for x in e.events(since, container=container) if x["Action"] == "die"]


POINTS = {
    "before-clone": ("gone",),
    "after-clone": ("created", "unknown"),
    "after-running-record": ("unknown",),
    "after-exit": ("unknown", "known"),
    "before-exit-record": ("unknown", "known"),
    "after-exit-record": ("known",),
    "after-die-event": ("known",),
    "before-remove": ("known", "gone"),
    "after-remove": ("gone",),
}
ONLY_AUTO = ("before-clone", "before-remove", "after-remove")
NEVER_RAN = ("before-clone", "after-clone")


def crash_case(point, auto):
    kind = "an auto-removed container" if auto else "a container"

    @case(f"a monitor that dies {point}: {kind} ends honestly and leaves nothing")
    def _(e):
        e.set_environment(DAYFLY_CRASH_AT=point)
        container = e.create("sh", "-c", "sleep 0.1; exit 7", name="crashes", HostConfig={"AutoRemove": auto})
        began = time.time()
        for question in ("start", "wait"):
            try:
                e.post(f"/containers/{container}/{question}")
            except GONE:
                pass  # the monitor died with the connection: nobody can answer
        until(lambda: not [n for n in e.processes().values() if n.startswith("dayfly-mon")])
        e.set_environment()
        runs = 0 if point in NEVER_RAN else 1
        usage = None
        if auto:
            until(lambda: e.get(f"/containers/{container}/json").status == 404)
        else:
            outcome = check_after_crash(e, container, 7, POINTS[point])
            assert outcome in POINTS[point], (outcome, POINTS[point])
            usage = e.state(container).get("Usage")
            same(bool(usage), outcome == "known")
            # It can be started again as if nothing had been.
            e.post(f"/containers/{container}/start").expect(204)
            same(e.wait(container), 7)
            runs += 1
        # Each run's end is told once, whoever did it, and says of whom.
        deaths = deaths_of(e, container, began)
        same([x["name"] for x in deaths], ["crashes"] * runs)
        if "known" in POINTS[point] and "unknown" not in POINTS[point]:
            same({x["exitCode"] for x in deaths}, {"7"})
        if usage:
            same(deaths[0]["cpuTime"], str(usage["CPUTime"]))


for each_point in POINTS:
    for each_kind in (False, True):
        if each_kind or each_point not in ONLY_AUTO:  # only one that removes itself comes there
            crash_case(each_point, each_kind)


def monitor_of(e, container):
    pid = e.state(container)["Pid"]
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


@case("kill -9 of a monitor takes its container along, and says that the exit code is unknown")
def _(e):
    container = e.run_detached("sleep", "600", name="orphan")
    attached = e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1", upgrade=True)
    began = time.time()
    os.kill(monitor_of(e, container), signal.SIGKILL)
    same(attached.read_all(), b"")
    until(lambda: e.state(container)["Status"] == "exited")
    same(check_after_crash(e, container, 0, ("unknown",)), "unknown")
    until(lambda: [x for x in e.events(began, container="orphan") if x["Action"] == "die"])
    has(e.get("/containers/json?all=1").json[0]["Status"], "Exited (255)")
    same(e.post(f"/containers/{container}/wait").json["StatusCode"], UNKNOWN)
    e.post(f"/containers/{container}/start").expect(204)
    same(e.state(container)["Running"], True)


@case("kill -9 of the monitor of an auto-removed container: the next look removes it")
def _(e):
    container = e.run_detached("sleep", "600", HostConfig={"AutoRemove": True})
    os.kill(monitor_of(e, container), signal.SIGKILL)
    until(lambda: e.get(f"/containers/{container}/json").status == 404)


@case("the name of an auto-removed container whose monitor was killed is free at once")
def _(e):
    e.run_detached("sleep", "600", name="again", HostConfig={"AutoRemove": True})
    monitor = monitor_of(e, "again")
    os.kill(monitor, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{monitor}"))
    second = e.create("true", name="again")
    until(lambda: [x["Id"] for x in e.get("/containers/json?all=1").json] == [second])
    same(e.wait(second), 0)


@case("an auto-removed container waits for its start however often the API is killed")
def _(e):
    container = e.create("sh", "-c", "exit 3", HostConfig={"AutoRemove": True})
    for _ in range(3):
        e.kill_api()
        same([x["Id"] for x in e.get("/containers/json?all=1").json], [container])
        same(e.state(container)["Status"], "created")
    waiter = e.open("POST", f"/containers/{container}/wait?condition=removed")
    e.post(f"/containers/{container}/start").expect(204)
    has(waiter.chunks().decode(), '"StatusCode":3')


@case("kill -9 of a monitor with exec sessions ends them")
def _(e):
    container = e.run_detached("sleep", "600")
    session = e.post(f"/containers/{container}/exec", {"Cmd": ["sleep", "600"], "AttachStdout": True}).json["Id"]
    s = e.open("POST", f"/exec/{session}/start", {"Detach": False}, upgrade=True)
    monitor = monitor_of(e, container)
    os.kill(monitor, signal.SIGKILL)
    same(s.read_all(), b"")
    until(lambda: not os.path.exists(f"/proc/{monitor}"))
    until(lambda: e.get(f"/exec/{session}/json").json.get("Running") is not True)


@case("kill -9 of the first process from outside is 137")
def _(e):
    container = e.run_detached("sleep", "600")
    pid = e.state(container)["Pid"]
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        raise Skip("it belongs to another id")
    same(e.wait(container), 137)


def reboot(e):
    """The processes and the run tree are gone."""
    e.stop()
    e.remove_tree(e.run / "dayfly")
    e.start()


@case("a machine that goes down: running ones are exited with an unknown code, nothing else is lost")
def _(e):
    running = e.run_detached("sleep", "600", name="running", Labels={"colour": "red"})
    ended = e.run_detached("sh", "-c", "echo kept; exit 4", name="ended")
    e.wait(ended)
    usage = e.state(ended)["Usage"]
    fresh = e.create("true", name="fresh")
    began = time.time()
    reboot(e)
    same(check_after_crash(e, running, 0, ("unknown",)), "unknown")
    until(lambda: deaths_of(e, running, began))
    same([{k: x[k] for k in ("name", "image", "colour", "exitCode")} for x in deaths_of(e, running, began)],
         [{"name": "running", "image": IMAGE, "colour": "red", "exitCode": "255"}])
    same([e.state(ended)["ExitCode"], e.state(ended)["Usage"]], [4, usage])
    assert "Usage" not in e.state(running)
    same(e.logs(ended)[1], b"kept\n")
    same(e.state(fresh)["Status"], "created")
    e.post("/containers/running/start").expect(204)
    same(e.state("running")["Running"], True)
    same(len(deaths_of(e, running, began)), 1)


def destroyed(e, began):
    return [x["Actor"]["Attributes"]["name"] for x in e.events(began) if x["Action"] == "destroy"]


@case("a machine that goes down takes auto-removed containers along, whatever they were doing")
def _(e):
    e.create("true", name="new", HostConfig={"AutoRemove": True})
    e.run_detached("sleep", "600", name="busy", HostConfig={"AutoRemove": True})
    looks = {
        "list": lambda: same(e.get("/containers/json?all=1").expect(200).json, []),
        "count": lambda: same(e.get("/info").expect(200).json["Containers"], 0),
        "inspect": lambda: [e.get(f"/containers/{x}/json").expect(404) for x in ("new", "busy")],
        "start": lambda: [e.post(f"/containers/{x}/start").expect(404) for x in ("new", "busy")],
        "prune": lambda: same(e.post("/containers/prune").expect(200).json["ContainersDeleted"] or [], []),
        "create": lambda: [e.create("true", name=x, HostConfig={"AutoRemove": True}) for x in ("new", "busy")],
    }
    for what, look in looks.items():
        began = time.time()
        old = [x["Id"] for x in e.get("/containers/json?all=1").json]
        same((what, len(old)), (what, 2))
        reboot(e)
        look()
        until(lambda: not any((e.data / "dayfly/containers" / x).exists() for x in old))
        until(lambda: len(destroyed(e, began)) >= 2)  # told once it is so
        same((what, sorted(destroyed(e, began))), (what, ["busy", "new"]))
        if what != "create":
            for name in ("new", "busy"):
                e.create("true", name=name, HostConfig={"AutoRemove": True})
    same(sorted(x["Names"][0] for x in e.get("/containers/json?all=1").json), ["/busy", "/new"])
    same(e.wait(e.run_detached("true")), 0)


@case("half-made records of a power cut are ignored or removed")
def _(e):
    e.create("true", name="whole")
    containers = e.data / "dayfly/containers"
    half = containers / ("0" * 63 + "1")
    half.mkdir(mode=0o700)
    (half / ".tmp-config").write_text('{"Image"')
    same(len(e.get("/containers/json?all=1").expect(200).json), 1)
    e.get(f"/containers/{half.name}/json").expect(404)
    os.symlink("0" * 63 + "1", e.data / "dayfly/names/claimed")
    e.post("/containers/create?name=claimed", {"Image": IMAGE}).expect(201)
    shutil.rmtree(half, ignore_errors=True)


TORN = {
    "empty": lambda text: "",
    "cut short": lambda text: text[:len(text) // 2],
    "full of holes": lambda text: text[:40] + "\0" * (len(text) - 80) + text[-40:],
}


def torn_case(what, tear, summary):
    @case(f"an auto-removed container whose record is {what} after a power cut goes, {summary} its summary")
    def _(e):
        whole = e.create("true", name="whole")
        half = e.create("true", name="half", HostConfig={"AutoRemove": True})
        folder = e.data / "dayfly/containers" / half
        e.stop()
        e.remove_tree(e.run / "dayfly")
        (folder / "config.json").write_text(tear((folder / "config.json").read_text()))
        if summary == "without":
            (folder / "summary").write_text("")
        e.start()
        e.get("/containers/half/json").expect(404)
        e.post("/containers/create?name=half", {"Image": IMAGE}).expect(201)
        same(len(e.get("/containers/json?all=1").expect(200).json), 2)
        same(e.get("/info").expect(200).json["Containers"], 2)
        until(lambda: not folder.exists())
        e.post("/containers/prune").expect(200)
        same(e.get(f"/containers/{whole}/json").status, 404)


for each_tear in TORN:
    for each_summary in ("with", "without"):
        torn_case(each_tear, TORN[each_tear], each_summary)


@case("the record of a container that ran is never taken for torn by a power cut")
def _(e):
    container = e.run_detached("true")
    e.wait(container)
    config = e.data / "dayfly/containers" / container / "config.json"
    text = config.read_text()
    config.write_text("")
    e.get("/containers/json?all=1").expect(200)
    e.get("/info").expect(200)
    e.get(f"/containers/{container}/json").expect(404)
    config.write_text(text)
    same(e.state(container)["Status"], "exited")


@case("a failed start leaves no process, mount or file, and the next one works")
def _(e):
    container = e.create("/no/such/program")
    for _ in range(5):
        e.post(f"/containers/{container}/start").expect(400)
    until(lambda: not [n for n in e.processes().values() if n.startswith("dayfly-mon")])
    same(e.wait(e.run_detached("true")), 0)


def lost_mount(e, **host):
    """A container whose bind source went away after its creation; (id, source)."""
    source = e.root / "source"
    source.mkdir(exist_ok=True)
    mount = {"Type": "bind", "Source": str(source), "Target": "/m"}
    container = e.create("true", HostConfig={"Mounts": [mount], **host})
    source.rmdir()
    return container, source


@case("what is wrong before any process begins is on record like any failed start")
def _(e):
    container, source = lost_mount(e)
    gone = f'invalid mount config for type "bind": bind source path does not exist: {source}'
    same(e.post(f"/containers/{container}/start").expect(400).json["message"], gone)
    state = e.state(container)
    same((state["Status"], state["ExitCode"], state["Error"]), ("created", 128, gone))
    e.post(f"/containers/{container}/restart").expect(400)
    source.mkdir()
    e.post(f"/containers/{container}/start").expect(204)
    same(e.wait(container), 0)
    same(e.state(container)["Error"], "")


@case("a running container is not stopped for a restart that cannot come to anything")
def _(e):
    source = e.root / "source"
    source.mkdir(exist_ok=True)
    mount = {"Type": "bind", "Source": str(source), "Target": "/m"}
    container = e.run_detached("sleep", "600", HostConfig={"Mounts": [mount]})
    source.rmdir()
    e.post(f"/containers/{container}/restart").expect(400)
    state = e.state(container)
    same((state["Running"], state["Error"]), (True, ""))


@case("an auto-removed container that cannot be started goes, and those who wait for that are told")
def _(e):
    container, _ = lost_mount(e, AutoRemove=True)
    waiting = e.open("POST", f"/containers/{container}/wait?condition=removed")
    e.post(f"/containers/{container}/start").expect(400)
    has(waiting.chunks(), b'"StatusCode":128')
    e.get(f"/containers/{container}/json").expect(404)


@case("exec sessions that are never started: a thousand of a container, and none after its run", seconds=60)
def _(e):
    def sessions():
        return len(list((e.run / "dayfly/execs").iterdir()))
    container = e.run_detached("sleep", "600")
    path, body = f"/containers/{container}/exec", {"Cmd": ["true"]}
    first = e.post(path, body).expect(201).json["Id"]
    for _ in range(999):
        e.post(path, body).expect(201)
    has(e.post(path, body).expect(409).json["message"], "1000 exec sessions that were never started")
    same(sessions(), 1000)
    # Started ones do not count, and long forgotten ones make room.
    e.post(f"/exec/{first}/start", {"Detach": True}).expect(200)
    until(lambda: e.post(path, body).status == 201)
    e.post(path, body).expect(409)
    for plan in (e.run / f"dayfly/containers/{container}/exec").glob("*/plan"):
        os.utime(plan, (1, 1))
    until(lambda: e.post(path, body).status == 201)
    same(sessions(), 2)
    e.post(f"/containers/{container}/kill").expect(204)
    same(sessions(), 1)
    e.get(f"/exec/{first}/json").expect(200)


@case("the API process keeps no descriptor of what it served")
def _(e):
    def descriptors():
        e.get("/_ping")
        return len(os.listdir(f"/proc/{e.api_pid()}/fd"))
    container = e.run_detached("sleep", "600")
    before = None
    for number in range(120):
        e.get("/containers/json?all=1")
        e.inspect(container)
        e.exec(container, "true")
        e.post(f"/containers/{container}/kill?signal=CONT")
        e.get("/containers/nosuch/json")
        if number == 20:
            before = descriptors()
    # One engine life long: idle exit would start from nothing and prove nothing.
    assert descriptors() <= before + 2, (before, descriptors())


if __name__ == "__main__":
    suite.main(changing_environment=True, idle=0.5)
