#!/usr/bin/python3
"""What a container's monitor does for it unasked: health checks and restarts.

usage: upkeep.py [REGEX]
"""
import os
import signal
import subprocess
import urllib.parse

import suite
from cli_tools import docker
from engine import IMAGE, PROGRAMS
from suite import case, has, matches, same, until

MS = 10**6


def checked(e, command, *cmd, interval=20 * MS, **more):
    check = {"Test": ["CMD-SHELL", command], "Interval": interval, "Retries": 1}
    return e.run_detached(*(cmd or ("sleep", "600")), Healthcheck=check, **more)


def monitor_of(e, container):
    with open(f"/proc/{e.state(container)['Pid']}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def reboot(e):
    """The processes and the run tree are gone."""
    e.stop()
    e.remove_tree(e.run / "dayfly")
    e.start()


def health(e, container):
    return e.state(container)["Health"]


def row(e, container):
    return next(x for x in e.get("/containers/json?all=1").json if x["Id"] == container)


@case("health checks: inspect, list, filter and events tell, before and after the API process was killed")
def _(e):
    container = checked(e, "echo $A $(pwd); test -e /good", Env=["A=b"], WorkingDir="/tmp")
    until(lambda: health(e, container)["Status"] == "unhealthy")
    has(row(e, container)["Status"], "(unhealthy)")
    e.kill_api()
    e.exec(container, "touch", "/good")
    until(lambda: health(e, container)["Status"] == "healthy")
    matches(row(e, container)["Status"], r"^Up .* \(healthy\)$")
    for value, found in (("healthy", [container]), ("unhealthy", []), ("none", [])):
        same([x["Id"] for x in e.get("/containers/json?filters=" + urllib.parse.quote(f'{{"health":["{value}"]}}')).json], found)
    until(lambda: len(health(e, container)["Log"]) == 5)
    last = health(e, container)["Log"][-1]
    same((last["ExitCode"], last["Output"]), (0, "b /tmp\n"))
    same([x["Action"] for x in e.events(0, container=container) if x["Action"].startswith("health")],
         ["health_status: unhealthy", "health_status: healthy"])
    e.post(f"/containers/{container}/kill").expect(204)
    until(lambda: e.state(container)["Status"] == "exited")
    same(health(e, container)["Status"], "unhealthy")
    matches(row(e, container)["Status"], r"^Exited \(137\) [^()]*$")


@case("the image's health check is inherited, changed in parts, and switched off")
def _(e):
    source = e.create("true")
    change = urllib.parse.quote('HEALTHCHECK --interval=20ms --retries=1 CMD ["test", "-e", "/good"]')
    image = e.post(f"/commit?container={source}&changes={change}").expect(201).json["Id"]
    own = e.run_detached("sleep", "600", Image=image)
    off = e.run_detached("sleep", "600", Image=image, Healthcheck={"Test": ["NONE"]})
    other = e.run_detached("sleep", "600", Image=image, Healthcheck={"Test": ["CMD", "true"]})
    until(lambda: health(e, own)["Status"] == "unhealthy")
    until(lambda: health(e, other)["Status"] == "healthy")
    same("Health" in e.state(off), False)


@case("docker run --health-cmd: ps and inspect show it, probes can be kept out of the events")
def _(e):
    docker(e, "run", "-d", "--name", "fine", "--health-cmd", "echo fine", "--health-interval", "20ms",
           "--health-start-period", "10s", "--health-start-interval", "20ms", "--label",
           "dayfly.health.events=false", IMAGE, "sleep", "600")
    until(lambda: docker(e, "ps", "--filter", "health=healthy", "--format", "{{.Names}}") == "fine")
    has(docker(e, "ps", "--format", "{{.Status}}"), "(healthy)")
    same(docker(e, "inspect", "-f", "{{.State.Health.Status}} {{(index .State.Health.Log 0).Output}}", "fine"),
         "healthy fine")
    same([x["Action"] for x in e.events(0, container="fine")], ["create", "start", "health_status: healthy"])


def dirty_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(("Private_Dirty", "Shared_Dirty")))


@case("a monitor's own memory stays below 60 KiB after health checks, an exec session and rotated logs")
def _(e):
    if suite.sanitized():
        return  # which need memory of their own
    container = checked(e, "echo fine", interval=200 * MS, HostConfig={
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "4k", "max-file": "3"}}})
    e.exec(container, "sh", "-c", "seq 500 >/proc/1/fd/1")
    until(lambda: len(health(e, container)["Log"]) == 5)
    # between two probes it has a moment to tidy up
    until(lambda: dirty_kib(monitor_of(e, container)) <= 60)


# ---- restart policies

def restarting(e, *cmd, policy="always", most=0, binds=(), **more):
    return e.run_detached(*cmd, HostConfig={"RestartPolicy": {"Name": policy, "MaximumRetryCount": most},
                                            "Binds": list(binds)}, **more)


def in_pause(e, container):
    until(lambda: e.state(container)["Restarting"])
    return container


@case("a container in the pause before its restart: what it says and what can be done with it")
def _(e):
    folder = e.root / "loop"
    folder.mkdir()
    container = restarting(e, "sh", "-c", "[ ! -e /loop/stay ] || exec sleep 600; exit 3", name="loop", binds=[f"{folder}:/loop"])
    until(lambda: e.inspect(container)["RestartCount"] >= 4)  # by now a pause is long enough to look at
    in_pause(e, container)
    matches(row(e, container)["Status"], r"^Restarting \(3\) .* ago$")
    state = e.state(container)
    same([state[k] for k in ("Status", "Running", "Restarting", "ExitCode")], ["restarting", True, True, 3])
    e.post(f"/containers/{container}/start").expect(304)
    has(e.delete(f"/containers/{container}").expect(409).message, "container is restarting: stop the container")
    has(e.post(f"/containers/{container}/exec", {"Cmd": ["true"]}).expect(409).message, "is restarting, wait until")
    has(e.post(f"/containers/{container}/attach?stream=1").expect(409).message, "is restarting, wait until")
    same([x["Id"] for x in e.get("/containers/json").json], [container])
    e.post(f"/containers/{container}/stop").expect(204)
    same(e.state(container)["Status"], "exited")
    (folder / "stay").touch()
    e.post(f"/containers/{container}/start").expect(204)
    same(e.inspect(container)["RestartCount"], 0)
    docker(e, "rm", "-f", "loop")


@case("a container that always restarts comes back after its monitor was killed, and none that was stopped")
def _(e):
    container = restarting(e, "sleep", "600", policy="unless-stopped")
    first = e.state(container)["Pid"]
    os.kill(monitor_of(e, container), signal.SIGKILL)
    until(lambda: e.state(container)["Pid"] not in (0, first))
    same(e.inspect(container)["RestartCount"], 1)
    codes = [x["Actor"]["Attributes"]["exitCode"] for x in e.events(0, container=container) if x["Action"] == "die"]
    same(codes, ["255"])
    e.post(f"/containers/{container}/stop?t=0").expect(204)
    same(e.state(container)["Status"], "exited")


@case("after a boot the first request starts what a policy wants back, once")
def _(e):
    up = restarting(e, "sleep", "600", name="up")
    stopped = restarting(e, "sleep", "600", policy="unless-stopped")
    always = restarting(e, "sleep", "600")
    plain = e.run_detached("sleep", "600")
    fresh = e.create("true", HostConfig={"RestartPolicy": {"Name": "always"}})
    for container in (stopped, always):
        e.post(f"/containers/{container}/stop?t=0").expect(204)
    reboot(e)
    e.get("/containers/json?all=1")
    until(lambda: (e.run / "dayfly/restarted").exists())
    for container in (up, always):
        until(lambda c=container: e.state(c)["Status"] == "running")
        same(e.inspect(container)["RestartCount"], 0)
    same([e.state(c)["Status"] for c in (stopped, plain, fresh)], ["exited", "exited", "created"])
    e.post(f"/containers/{always}/stop?t=0").expect(204)
    e.kill_api()
    e.get("/containers/json")
    same(e.state(always)["Status"], "exited")


@case("after a login that found the run tree of the last one, dayfly --restart starts what a policy wants back")
def _(e):
    up = restarting(e, "sleep", "600", policy="unless-stopped", StopSignal="KILL")
    stopped = restarting(e, "sleep", "600", policy="unless-stopped")
    e.post(f"/containers/{stopped}/stop?t=0").expect(204)
    os.kill(monitor_of(e, up), signal.SIGTERM)  # as systemd does with the scopes of a manager that ends
    until(lambda: e.state(up)["Status"] == "exited")
    same((e.run / "dayfly/restarted").exists(), True)
    subprocess.run([PROGRAMS / "dayfly", "--restart"], env=e.environment(), check=True)
    until(lambda: e.state(up)["Status"] == "running")
    same(e.state(stopped)["Status"], "exited")


suite.main()
